//! Whose certificates are believed: those of the public authorities, and what is added to them.

use std::{
    env,
    path::Path,
    sync::{Arc, LazyLock, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The environment variable that names a file of certificates (PEM), as OpenSSL has it.
const VARIABLE: &str = "SSL_CERT_FILE";

/// What an application believes; all wormholes which it opens so share one.
#[derive(Clone)]
pub(crate) struct Trust(Arc<Roots>);

struct Roots {
    added: Vec<CertificateDer<'static>>,
    /// Made when they are first needed: a `ws:` connection needs none.
    settings: OnceLock<Arc<ClientConfig>>,
}

impl Default for Trust {
    fn default() -> Self {
        static PUBLIC: LazyLock<Trust> = LazyLock::new(|| Trust::of(Vec::new()));
        PUBLIC.clone()
    }
}

impl Trust {
    fn of(added: Vec<CertificateDer<'static>>) -> Self {
        Self(Arc::new(Roots { added, settings: OnceLock::new() }))
    }

    /// Believes these certificates (PEM) too.
    ///
    /// # Errors
    /// Where it is no PEM, or holds no certificate that can be an authority's.
    pub(crate) fn with(&self, pem: &[u8]) -> Result<Self, String> {
        let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|reason| reason.to_string())?;
        if read.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        let mut roots = RootCertStore::empty();
        for certificate in &read {
            roots.add(certificate.clone()).map_err(|reason| reason.to_string())?;
        }
        Ok(Self::of([&self.0.added[..], &read].concat()))
    }

    /// Gives the settings of a TLS connection.
    ///
    /// # Errors
    /// Where the file that the environment names cannot be read or holds what is no certificate.
    pub(super) fn settings(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(made) = self.0.settings.get() {
            return Ok(Arc::clone(made));
        }
        let made = make(&self.0.added)?;
        Ok(Arc::clone(self.0.settings.get_or_init(|| made)))
    }
}

fn make(added: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(added.iter().cloned());
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = Path::new(&path);
        read(&mut roots, path).map_err(|reason| {
            format!(
                "{VARIABLE} names {}, which is no file of certificates: {reason}",
                path.display()
            )
        })?;
    }
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|reason| reason.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(settings))
}

fn read(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|reason| reason.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|reason| reason.to_string())?;
        // Bundles of a system hold certificates of kinds that rustls does not take.
        drop(roots.add(certificate));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        let empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
        for bad in ["", "junk", empty] {
            assert!(Trust::default().with(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn settings_are_made_once() {
        let (one, two) = (Trust::default(), Trust::default());
        assert!(Arc::ptr_eq(&one.settings().unwrap(), &two.settings().unwrap()));
    }
}
