//! TLS in the server itself, for those who put no proxy in front.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// A certificate and its key, which clones share: keep one to renew it while the server runs.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<CertifiedKey>>>);

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file of certificates cannot be read.
    #[error("cannot read certificates from {path}: {reason}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: pem::Error,
    },
    /// The file of the key cannot be read.
    #[error("cannot read a private key from {path}: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: pem::Error,
    },
    /// The key is of an unknown kind, or is not the certificate's.
    #[error("the key in {key} is not for the certificate in {certificate}: {reason}")]
    Mismatch {
        /// The file of certificates.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        reason: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate, with those that vouch for it behind it, and its key, as PEM files.
    ///
    /// # Errors
    /// [`TlsError`] where a file cannot be read or they do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = read_chain(certificate)?;
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|reason| TlsError::Key { path: key.to_owned(), reason })?;
        let certified = CertifiedKey::from_der(chain, secret, &ring::default_provider());
        let certified = certified.map_err(|reason| TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            reason,
        })?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(certified)))))
    }

    /// Has another certificate shown to those who connect from now on.
    pub fn renew(&self, other: &Self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other.shown();
    }

    fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the settings of a listener.
    pub(crate) fn settings(&self) -> Result<ServerConfig, rustls::Error> {
        let settings = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        Ok(settings)
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |reason| TlsError::Certificate { path: path.to_owned(), reason };
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(unreadable(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown())
    }
}
