//! Finding out whether a server holds the key of one certificate, and nothing else: whom it is made out to and who vouches for it
//! do not matter, because the certificate itself is at hand.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

use super::{TlsError, certificates, provider};

/// A certificate that a server is to show.
#[derive(Debug)]
pub(in crate::pipeline::transport) struct Pinned(Arc<Verifier>);

#[derive(Debug)]
struct Verifier {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
    /// Set when somebody has signed with the certificate's key.
    proven: AtomicBool,
}

impl Pinned {
    /// Reads the certificate, the first of its file.
    pub(in crate::pipeline::transport) fn load(path: &Path) -> Result<Self, TlsError> {
        let certificate = certificates(path)?.swap_remove(0);
        let verifier = Verifier { certificate, provider: provider(), proven: AtomicBool::new(false) };
        Ok(Self(Arc::new(verifier)))
    }

    /// Whether the server at the other end of a fresh connection holds the key of the certificate; the connection is of no use then.
    pub(in crate::pipeline::transport) fn is_shown_by(
        &self,
        socket: &mut (impl Read + Write),
    ) -> std::io::Result<bool> {
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.0.provider))
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.0) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
        let mut connection = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
        // It may want a certificate of ours, and end the connection; it has proven itself before.
        let _ = connection.complete_io(socket);
        Ok(self.0.proven.load(Ordering::SeqCst))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::UnknownIssuer.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let valid = verify_tls12_signature(message, certificate, signed, algorithms)?;
        self.proven.store(true, Ordering::SeqCst);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let valid = verify_tls13_signature(message, certificate, signed, algorithms)?;
        self.proven.store(true, Ordering::SeqCst);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
