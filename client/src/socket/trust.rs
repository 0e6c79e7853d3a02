//! Whose certificates are believed: those of the public authorities, and what the person adds.

use std::{env, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The environment variable that names a file of certificates (PEM), as OpenSSL has it.
const VARIABLE: &str = "SSL_CERT_FILE";

/// Makes the settings of a TLS connection.
///
/// # Errors
/// Where the file cannot be read or holds what is no certificate.
pub(super) fn settings() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from) {
        add(&mut roots, &path).map_err(|reason| {
            format!(
                "{VARIABLE} names {}, which is no file of certificates: {reason}",
                path.display()
            )
        })?;
    }
    let provider = Arc::new(ring::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|reason| reason.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(settings))
}

fn add(roots: &mut RootCertStore, path: &PathBuf) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|reason| reason.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|reason| reason.to_string())?;
        // Bundles of a system hold certificates of kinds that rustls does not take.
        drop(roots.add(certificate));
    }
    Ok(())
}
