//! Asking an issuer: one GET, encrypted beyond this machine, with every wait and size bounded, and no way past it by a redirect or a
//! proxy of the environment.

#[cfg(not(feature = "actions"))]
use std::path::Path;

/// Whether this build can ask anybody.
pub(super) const ABLE: bool = cfg!(feature = "actions");

/// Asks.
#[derive(Debug, Clone)]
pub(super) struct Fetch {
    #[cfg(feature = "actions")]
    agent: ureq::Agent,
}

#[cfg(not(feature = "actions"))]
impl Fetch {
    pub(super) fn new(_: Option<&Path>) -> Result<Self, String> {
        Err("this build cannot ask an issuer; build it with the feature `actions`".to_owned())
    }

    pub(super) fn get(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("this build cannot ask an issuer".to_owned())
    }
}

#[cfg(feature = "actions")]
mod able {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::crypto::ring::default_provider;
    use ureq::Agent;
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

    use super::Fetch;

    /// Longest wait for a connection, and for all of an answer.
    const WAITS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(8));
    /// Longest headers and body of an answer [bytes].
    const SIZES: (usize, u64) = (16 << 10, 512 << 10);

    impl Fetch {
        /// Believes the certificates of a file, or Mozilla's list.
        pub(crate) fn new(authorities: Option<&Path>) -> Result<Self, String> {
            let roots = match authorities {
                None => RootCerts::WebPki,
                Some(path) => {
                    let wrong = |what: String| format!("`{}` {what}", path.display());
                    let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
                    let items = parse_pem(&bytes).filter_map(|item| match item {
                        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                        Ok(_) => None,
                        Err(error) => Some(Err(wrong(format!("holds no certificates in PEM: {error}")))),
                    });
                    let found = items.collect::<Result<Vec<_>, _>>()?;
                    if found.is_empty() {
                        return Err(wrong("holds no certificate; put one there in PEM".to_owned()));
                    }
                    RootCerts::new_with_certs(&found)
                }
            };
            let tls = TlsConfig::builder().root_certs(roots);
            let tls = tls.unversioned_rustls_crypto_provider(Arc::new(default_provider()));
            let config = Agent::config_builder()
                .tls_config(tls.build())
                .http_status_as_error(false)
                .max_redirects(0)
                .proxy(None)
                .timeout_global(Some(WAITS.1))
                .timeout_connect(Some(WAITS.0))
                .max_idle_connections(0)
                .max_response_header_size(SIZES.0)
                .user_agent(concat!("citytwin/", env!("CARGO_PKG_VERSION")))
                .build();
            Ok(Self { agent: Agent::new_with_config(config) })
        }

        /// What stands at an address. Blocks.
        pub(crate) fn get(&self, address: &str) -> Result<Vec<u8>, String> {
            let answered = self.agent.get(address).header("Accept", "application/json").call();
            let mut response = answered.map_err(|error| format!("it cannot be reached ({error})"))?;
            if response.status().as_u16() != 200 {
                return Err(format!("it answers {}", response.status().as_u16()));
            }
            let read = response.body_mut().with_config().limit(SIZES.1).read_to_vec();
            read.map_err(|error| format!("its answer breaks off ({error})"))
        }
    }
}
