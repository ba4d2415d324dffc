//! What is said in encryption, and what is not said without.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use citytwin::api::guard::{IssuerSettings, Role, TlsFiles};
use citytwin::api::server::{Parts, ServeSettings, serve_parts};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::town::{Answer, Ring, Town, answer, settings};

/// A certificate for this machine, and its key, as files in a folder.
fn files(folder: &Path, name: &str) -> TlsFiles {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
    let place = |ending: &str| folder.join(format!("{name}.{ending}"));
    std::fs::write(place("pem"), certificate.pem()).expect("a file");
    std::fs::write(place("key"), key.serialize_pem()).expect("a file");
    TlsFiles { certificate: place("pem"), key: place("key") }
}

/// A town that encrypts, its keys, and its certificate.
fn sealed() -> (Town, Ring, PathBuf) {
    sealed_with(|_| ())
}

/// The same, with other settings.
pub(crate) fn sealed_with(change: impl FnOnce(&mut ServeSettings)) -> (Town, Ring, PathBuf) {
    let (ring, keys) = Ring::new();
    let town = Town::serve(|settings, folder| {
        settings.guard.keys = keys;
        settings.tls = Some(files(&folder, "town"));
        change(settings);
    });
    let certificate = town.folder.path().join("town.pem");
    (town, ring, certificate)
}

/// A client that believes a certificate, and offers to speak these protocols.
pub(crate) fn connection(certificate: &Path, protocols: Vec<Vec<u8>>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("a certificate")).expect("an authority");
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols;
    let name = "localhost".try_into().expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a connection")
}

pub(crate) fn ask(town: &Town, certificate: &Path, line: &str, headers: &str, body: &str) -> Answer {
    let connection = connection(certificate, Vec::new());
    let mut stream = StreamOwned::new(connection, town.connect());
    let host = format!("localhost:{}", town.address.port());
    let length = body.len();
    let asked = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let mut read = Vec::new();
    // A server that does not want to hear hangs up.
    let _ = stream.write_all(asked.as_bytes()).and_then(|()| stream.read_to_end(&mut read).map(drop));
    answer(&String::from_utf8_lossy(&read))
}

#[test]
fn in_encryption_cookies_and_browsers_are_bound_to_it() {
    let (town, ring, certificate) = sealed();
    let json = "Content-Type: application/json\r\n";
    let login = format!(r#"{{"key":"{}"}}"#, ring.of(Role::Operator));
    let entered = ask(&town, &certificate, "POST /api/v1/login", json, &login);
    assert_eq!(entered.status, 200, "{entered:?}");
    assert_eq!(entered.header("Strict-Transport-Security"), Some("max-age=31536000"));
    let cookie = entered.header("Set-Cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-citytwin=") && cookie.contains("Secure"), "{cookie}");
    let port = town.address.port();
    let key = format!("X-API-Key: {}\r\n", ring.of(Role::Trainer));
    for (origin, status) in [(format!("https://localhost:{port}"), 200), (format!("http://localhost:{port}"), 403)] {
        let headers = format!("{key}Origin: {origin}\r\n");
        assert_eq!(ask(&town, &certificate, "DELETE /api/v1/thing", &headers, "").status, status, "{origin}");
    }
    // In plain words nothing is heard there.
    assert_eq!(town.with_key("GET /api/v1/who", ring.of(Role::Admin), "").status, 0);
}

#[test]
fn a_certificate_that_does_not_fit_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (files(folder.path(), "one"), files(folder.path(), "other"));
    let missing = folder.path().join("none.pem");
    for (certificate, key, wrong, says) in [
        (&one.certificate, &other.key, &one.certificate, "do not work together"),
        (&one.key, &one.key, &one.key, "holds no certificate"),
        (&one.certificate, &one.certificate, &one.certificate, "holds no private key"),
        (&missing, &one.key, &missing, "cannot be read"),
    ] {
        let mut settings = settings();
        settings.tls = Some(TlsFiles { certificate: certificate.clone(), key: key.clone() });
        let ready = |address| panic!("listens on {address}");
        let told = serve_parts(Parts::default(), &settings, ready, std::future::pending()).expect_err("no server");
        let told = told.to_string();
        assert!(told.contains(says) && told.contains(&wrong.display().to_string()), "{told}");
    }
}

#[test]
fn an_issuer_nobody_vouches_for_is_not_asked() {
    let (elsewhere, _, certificate) = sealed();
    for (ca, says) in [(None, "cannot be reached"), (Some(certificate), "it answers 404")] {
        let mut believed = IssuerSettings::new(&format!("https://localhost:{}", elsewhere.address.port()), "citytwin");
        believed.ca = ca;
        let town = Town::serve(|settings, _| settings.guard.issuer = Some(believed));
        let header = crate::issuer::base64url(br#"{"alg":"ES256","kid":"a"}"#);
        let told = town.with_key("GET /api/v1/who", &format!("{header}.e30.AAAA"), "");
        assert_eq!(told.status, 503, "{told:?}");
        assert!(told.json()["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{told:?}");
    }
}
