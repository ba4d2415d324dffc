//! Encryption of what is served by TLS 1.2 and 1.3 (rustls, ring). Files are read once, so that a bad one is told before anything runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Longest file of certificates or keys [bytes].
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The server's certificate, with those between it and its authority, and its key; both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why there is no encryption.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {what}", path.display())]
pub struct TlsError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it, and what belongs there.
    pub what: String,
}

fn wrong(path: &Path, what: impl Into<String>) -> TlsError {
    TlsError { path: path.to_owned(), what: what.into() }
}

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let length = std::fs::metadata(path)?.len();
        if length > FILE_BYTES_MAX { Ok(None) } else { std::fs::read(path).map(Some) }
    };
    let bytes = read().map_err(|error: std::io::Error| wrong(path, format!("cannot be read: {error}")))?;
    bytes.ok_or_else(|| wrong(path, format!("is no file of certificates: it has more than {FILE_BYTES_MAX} bytes")))
}

/// How the server encrypts.
///
/// # Errors
/// When a file cannot be read or holds something else, or the key is not the certificate's: with the file's name.
pub(crate) fn server(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let path = &files.certificate;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents(path)?).collect();
    let chain = chain.map_err(|error| wrong(path, format!("is no file of certificates in PEM: {error}")))?;
    if chain.is_empty() {
        return Err(wrong(path, "holds no certificate; it must hold `-----BEGIN CERTIFICATE-----`"));
    }
    let key = PrivateKeyDer::from_pem_slice(&contents(&files.key)?).map_err(|_| {
        wrong(&files.key, "holds no private key that can be used; it must hold one in PEM, without a passphrase")
    })?;
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(path, format!("cannot be used: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(path, format!("and its key do not work together: {error}")))
}
