//! Encryption of the wire by TLS 1.2 and 1.3 (rustls, ring): which certificates a client believes, which a server shows.
//!
//! Everything is read once, at the beginning, so that a bad file is told before anything runs, with its name and what is wrong.
//! Without a file of its own a client believes the authorities of Mozilla's list. Knows no socket and no MQTT.

mod pinned;
mod subject;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use self::pinned::Pinned;
pub(super) use self::subject::subject;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;

use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};

/// Longest file of certificates or keys [bytes]; a bundle of all authorities has 250 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why there is no encryption.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("`{}` {what}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what belongs there.
        what: String,
    },
    /// Two settings do not fit together.
    #[error("{0}")]
    Settings(&'static str),
}

/// Files of a client, all in PEM; none of them is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsClientFiles {
    /// Certificates of the authorities that are believed, in place of Mozilla's list.
    pub authorities: Option<PathBuf>,
    /// The client's own certificate, with those between it and its authority.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// How a client encrypts; cloning shares it.
#[derive(Clone)]
pub struct TlsClient(Arc<ClientConfig>);

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClient(..)")
    }
}

impl TlsClient {
    /// A client without a certificate of its own that believes Mozilla's list of authorities.
    ///
    /// # Errors
    /// Only if the encryption itself cannot be set up.
    pub fn public() -> Result<Self, TlsError> {
        Self::load(&TlsClientFiles::default())
    }

    /// Reads what files say.
    ///
    /// # Errors
    /// When a file cannot be read or holds something else, or a certificate comes without its key: with the file's name.
    pub fn load(files: &TlsClientFiles) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        match &files.authorities {
            Some(path) => add_authorities(path, &mut roots)?,
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsError::Settings("this build knows no version of TLS; build it with rustls' ring"))?
            .with_root_certificates(roots);
        let config = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                config.with_client_auth_cert(chain, private_key(key)?).map_err(|error| mismatch(certificate, &error))?
            }
            (None, None) => config.with_no_client_auth(),
            (Some(_), None) => {
                return Err(TlsError::Settings("a client certificate needs its key; name its file as well"));
            }
            (None, Some(_)) => {
                return Err(TlsError::Settings("a client key needs its certificate; name its file as well"));
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// A connection to a server of this name, before its first byte.
    pub(super) fn connection(&self, host: &str) -> Result<Connection, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("`{host}` can be in no certificate"))?;
        ClientConnection::new(Arc::clone(&self.0), name).map(Connection::from).map_err(|error| error.to_string())
    }
}

/// How a server encrypts, and whether clients must show certificates; cloning shares it.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    asks_clients: bool,
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").field("asks_clients", &self.asks_clients).finish_non_exhaustive()
    }
}

impl TlsServer {
    /// Reads the server's certificate (with those between it and its authority) and key, and the authorities of clients if
    /// clients must show certificates; all in PEM.
    ///
    /// # Errors
    /// When a file cannot be read or holds something else, or the key is not the certificate's: with the file's name.
    pub fn load(certificate: &Path, key: &Path, client_authorities: Option<&Path>) -> Result<Self, TlsError> {
        let provider = provider();
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(|_| TlsError::Settings("this build knows no version of TLS; build it with rustls' ring"))?;
        let config = match client_authorities {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                add_authorities(path, &mut roots)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let what = |error| file(path, format!("holds no authorities for clients: {error}"));
                config.with_client_cert_verifier(verifier.map_err(what)?)
            }
        };
        let chain = certificates(certificate)?;
        let config =
            config.with_single_cert(chain, private_key(key)?).map_err(|error| mismatch(certificate, &error))?;
        Ok(Self { config: Arc::new(config), asks_clients: client_authorities.is_some() })
    }

    /// Whether only clients with a certificate come in.
    pub fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// A connection of a client, before its first byte.
    pub(super) fn connection(&self) -> Result<Connection, String> {
        ServerConnection::new(Arc::clone(&self.config)).map(Connection::from).map_err(|error| error.to_string())
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn file(path: &Path, what: impl Into<String>) -> TlsError {
    TlsError::File { path: path.to_owned(), what: what.into() }
}

fn mismatch(certificate: &Path, error: &rustls::Error) -> TlsError {
    file(certificate, format!("and its key do not work together: {error}; give the key this certificate was made for"))
}

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    let length = std::fs::metadata(path).map_err(|error| file(path, format!("cannot be read: {error}")))?.len();
    if length > FILE_BYTES_MAX {
        return Err(file(path, format!("has {length} bytes; no file of certificates has more than {FILE_BYTES_MAX}")));
    }
    std::fs::read(path).map_err(|error| file(path, format!("cannot be read: {error}")))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = contents(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.map_err(|error| file(path, format!("is no file of certificates in PEM: {error}")))?;
    if chain.is_empty() {
        return Err(file(path, "holds no certificate; it must hold `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(chain)
}

fn add_authorities(path: &Path, roots: &mut RootCertStore) -> Result<(), TlsError> {
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| file(path, format!("holds a certificate of no authority: {error}")))?;
    }
    Ok(())
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&contents(path)?).map_err(|_| {
        file(path, "holds no private key that can be used; it must hold one in PEM, PKCS#8, PKCS#1 or SEC1, without a passphrase")
    })
}
