//! A small issuer: it publishes its keys over HTTP on this machine, and signs whatever it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData};
use serde_json::{Value, json};

/// Of nobody: made for these tests with `openssl genrsa -traditional 2048`, because making one takes long.
const RSA: &[u8] = include_bytes!("rsa.der");

/// What the issuer answers.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pub(crate) configuration: Value,
    pub(crate) keys: Value,
}

/// An issuer that answers as long as it is held.
pub(crate) struct Issuer {
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    answering: Option<JoinHandle<()>>,
    ec: KeyPair,
    ed: KeyPair,
}

/// RFC 4648, section 5, without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..=three.len() {
            text.push(char::from(DIGITS[bits >> (18 - 6 * digit) & 63]));
        }
    }
    text
}

/// The modulus, as it stands in RFC 8017's `RSAPrivateKey` behind its version.
pub(crate) fn modulus() -> &'static [u8] {
    assert_eq!(RSA[4..12], [2, 1, 0, 2, 0x82, 1, 1, 0]);
    &RSA[12..268]
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let (ec, ed) =
            (KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), KeyPair::generate_for(&PKCS_ED25519).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let point = ec.der_bytes().to_vec();
        let keys = json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": base64url(modulus()), "e": "AQAB"},
            {"kty": "EC", "kid": "ec", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..])},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": base64url(ed.der_bytes())},
            {"kty": "oct", "kid": "shared", "k": base64url(b"shared-secret"), "alg": "HS256"},
            {"kty": "something new", "kid": "new"},
        ]});
        let configuration =
            json!({"issuer": format!("http://{address}"), "jwks_uri": format!("http://{address}/keys"), "more": [1]});
        let answers = Arc::new(Mutex::new(Answers { configuration, keys }));
        let (asked, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let answering = {
            let (answers, asked, over) = (Arc::clone(&answers), Arc::clone(&asked), Arc::clone(&over));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.map(|stream| answer(stream, &answers));
                }
            })
        };
        Self { address, answers, asked, over, answering: Some(answering), ec, ed }
    }

    pub(crate) fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often it was asked anything.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }

    /// Claims of somebody who may operate, for five minutes.
    pub(crate) fn claims(&self) -> Value {
        let now = get_current_timestamp();
        json!({
            "iss": self.name(), "aud": "citytwin", "sub": "u-7", "preferred_username": "dora",
            "exp": now + 300, "nbf": now, "iat": now, "roles": ["operator"],
        })
    }

    /// Claims with others in place of some; those that are null are left out.
    pub(crate) fn with(&self, others: &Value) -> Value {
        let mut claims = self.claims();
        let map = claims.as_object_mut().unwrap();
        for (name, value) in others.as_object().unwrap() {
            map.insert(name.clone(), value.clone());
        }
        map.retain(|_, value| !value.is_null());
        claims
    }

    /// Signs with the key of an algorithm, under the number of that key.
    pub(crate) fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        let id = match algorithm {
            Algorithm::RS256 => "rsa",
            Algorithm::ES256 => "ec",
            _ => "ed",
        };
        let mut header = Header::new(algorithm);
        header.kid = Some(id.to_owned());
        self.sign_as(&header, claims)
    }

    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        let key = match header.alg {
            Algorithm::RS256 => EncodingKey::from_rsa_der(RSA),
            Algorithm::ES256 => EncodingKey::from_ec_der(&self.ec.serialize_der()),
            _ => EncodingKey::from_ed_der(&self.ed.serialize_der()),
        };
        encode(header, claims, &key).unwrap()
    }
}

fn answer(mut stream: TcpStream, answers: &Mutex<Answers>) {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let _ = reader.read_line(&mut line);
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|read| read > 2) {
        rest.clear();
    }
    let held = answers.lock().unwrap().clone();
    let (status, body) = match line.split(' ').nth(1) {
        Some("/.well-known/openid-configuration") => ("200 OK", held.configuration.to_string()),
        Some("/keys") => ("200 OK", held.keys.to_string()),
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(answering) = self.answering.take() {
            let _ = answering.join();
        }
    }
}
