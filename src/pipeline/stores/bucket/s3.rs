//! Amazon S3 and what speaks its language: how a bucket is reached, and what its refusals mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, Certificate, ClientOptions, Error, RetryConfig};

use super::Bucket;
use crate::pipeline::stores::error::StoreError;

/// Longest wait for a connection, for one answer, and for all tries together.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(30);
const TRIES_MAX: Duration = Duration::from_secs(10);
/// How often one request is repeated before its caller is told.
const RETRIES: usize = 2;

/// Where the bucket is, and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with, one a city; without slashes at its ends.
    pub prefix: String,
    /// Where the server is, `http://` or `https://`; Amazon's own of the region if none.
    pub endpoint: Option<String>,
    /// The region; what servers of one's own find right if none.
    pub region: Option<String>,
    /// Key and secret; the role of the machine if none.
    pub login: Option<(String, String)>,
    /// The token of a session, beside key and secret.
    pub session: Option<String>,
    /// Whether the bucket stands in the path of the URL, and not in the name of the host.
    pub path_style: bool,
    /// Certificates (PEM) of who may vouch for the server, instead of the system's list.
    pub authorities: Option<PathBuf>,
}

impl std::fmt::Debug for S3Settings {
    /// Without key, secret and token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Settings({:?}, {:?}, {:?}, {:?})", self.bucket, self.prefix, self.endpoint, self.region)
    }
}

impl Bucket {
    /// Takes a bucket for the stores; it need not answer yet.
    ///
    /// # Errors
    /// When name, endpoint or certificates are none.
    pub fn open(settings: &S3Settings) -> Result<Self, StoreError> {
        let S3Settings { bucket, prefix, endpoint, region, login, session, path_style, authorities } = settings;
        let place = format!("s3://{bucket}/{prefix}");
        let bad = |error: &Error| StoreError::Refused {
            part: super::PART_NAME,
            place: place.clone(),
            reason: format!("it cannot be used: {}", brief(&error.to_string())),
        };
        // The client takes the process's way to encrypt; nobody else asks for one, and a second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut client = ClientOptions::new()
            .with_timeout(ANSWER_MAX)
            .with_connect_timeout(CONNECT_MAX)
            .with_allow_http(endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")));
        if let Some(path) = authorities {
            client = client.with_no_system_certificates(true);
            for certificate in certificates(path)? {
                client = client.with_root_certificate(certificate);
            }
        }
        let backoff = BackoffConfig { max_backoff: Duration::from_secs(1), ..BackoffConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region.as_deref().unwrap_or("us-east-1"))
            .with_virtual_hosted_style_request(!path_style)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: TRIES_MAX })
            .with_client_options(client);
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some((key, secret)) = login {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret);
        }
        if let Some(session) = session {
            builder = builder.with_token(session);
        }
        let store = builder.build().map_err(|error| bad(&error))?;
        Self::of(Arc::new(store), prefix, place)
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, StoreError> {
    let pem = std::fs::read(path).map_err(StoreError::file("read", path))?;
    let none = |reason: String| StoreError::Damaged { path: path.to_owned(), reason };
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| none(brief(&error.to_string())))?;
    if found.is_empty() { Err(none(String::from("it holds no certificate in PEM"))) } else { Ok(found) }
}

/// Whether an object is not there, in a bucket that is.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// The number after `status code: `; none if there was no answer.
fn status(words: &str) -> Option<u16> {
    let behind = words.split_once("status code: ")?.1;
    behind.get(..3)?.parse().ok()
}

/// What stands between two tags of a body of XML.
fn between<'a>(words: &'a str, tag: &str) -> Option<&'a str> {
    words.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>")).map(|(inner, _)| inner)
}

/// One line of moderate length.
fn brief(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

/// What a failure means to whoever waits, and what to do.
pub(super) fn told(part: &'static str, place: &str, error: &Error) -> StoreError {
    let words = error.to_string();
    let mut whole = words.clone();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        whole.push(' ');
        whole.push_str(&inner.to_string());
        source = inner.source();
    }
    let code = between(&whole, "Code").unwrap_or_default();
    let said = match (code, between(&whole, "Message")) {
        ("", _) => brief(&words),
        (code, None) => code.to_owned(),
        (code, Some(message)) => format!("{code}: {}", brief(message)),
    };
    let place = place.to_owned();
    let refused =
        |advice: &str| StoreError::Refused { part, place: place.clone(), reason: format!("{said}; {advice}") };
    let status = status(&whole);
    if whole.contains("incorrectly configured region")
        || matches!(code, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException")
    {
        return refused("the bucket is in another region; name its own under `region`");
    }
    match (code, status) {
        ("NoSuchBucket", _) => refused("make the bucket, or name another"),
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidTokenId" | "ExpiredToken" | "InvalidToken", _) => {
            refused("look at the variables that hold key and secret")
        }
        // With 400: the server waited for the rest of a request; a slow line, and no fault of the request.
        ("RequestTimeout", _) => StoreError::Away { part, place, reason: said },
        ("RequestTimeTooSkewed", _) => refused("this machine's clock is wrong; set it"),
        (_, Some(401 | 403)) => refused("the key has no right to it; `docs/s3.md` lists the rights it needs"),
        (_, Some(507)) => StoreError::NotNow { part, place, reason: format!("{said}; make room") },
        (_, Some(408 | 409 | 429 | 500..)) => StoreError::Away { part, place, reason: said },
        (_, Some(_)) => refused("it is not what the request asked for"),
        (_, None) if whole.contains("certificate") => {
            refused("name who vouches for it under `ca`, or mend its certificate")
        }
        (_, None) => match error {
            Error::NotSupported { .. } | Error::NotImplemented { .. } | Error::InvalidPath { .. } => {
                refused("it cannot do what is asked of it")
            }
            _ => StoreError::Away { part, place, reason: brief(&whole) },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(words: &str) -> Error {
        Error::Generic { store: "S3", source: words.to_owned().into() }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_a_server_that_is_away_is_waited_for() {
        let body = |status: &str, code: &str| {
            failed(&format!(
                "Server returned non-2xx status code: {status}: <Error><Code>{code}</Code><Message>so it is</Message></Error>"
            ))
        };
        let said = |error: &Error| told("history", "s3://b/c", error);
        for (error, advice) in [
            (body("403 Forbidden", "AccessDenied"), "rights"),
            (body("403 Forbidden", "InvalidAccessKeyId"), "key and secret"),
            (body("404 Not Found", "NoSuchBucket"), "make the bucket"),
            (body("400 Bad Request", "AuthorizationHeaderMalformed"), "`region`"),
            (body("403 Forbidden", "RequestTimeTooSkewed"), "clock"),
            (failed("invalid peer certificate: UnknownIssuer"), "`ca`"),
        ] {
            let told = said(&error);
            assert!(matches!(told, StoreError::Refused { .. }) && told.to_string().contains(advice), "{told}");
        }
        for error in [
            body("503 Service Unavailable", "SlowDown"),
            body("500 Internal Server Error", "InternalError"),
            body("400 Bad Request", "RequestTimeout"),
            failed("error sending request for url (http://127.0.0.1:1/b): connection refused"),
        ] {
            assert!(said(&error).is_passing(), "{}", said(&error));
        }
        let full = said(&body("507 Insufficient Storage", "XMinioStorageFull"));
        assert!(matches!(full, StoreError::NotNow { .. }), "{full}");
    }

    #[test]
    fn a_secret_stands_in_no_word_about_the_bucket() {
        let settings = S3Settings {
            bucket: String::from("cities"),
            prefix: String::from("tiny"),
            endpoint: Some(String::from("http://127.0.0.1:1")),
            region: None,
            login: Some((String::from("the-key"), String::from("the-secret"))),
            session: Some(String::from("the-token")),
            path_style: true,
            authorities: None,
        };
        let bucket = Bucket::open(&settings).expect("an endpoint");
        let error = bucket.probe().expect_err("nobody listens at port 1");
        assert!(error.is_passing(), "{error}");
        let said = format!("{error} {error:?} {settings:?} {bucket:?}");
        assert!(said.contains("s3://cities/tiny") && !said.contains("the-"), "{said}");
    }
}
