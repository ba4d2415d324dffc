//! Looks into a store by HTTP: our own API, or an address of somebody's own with places for device, epoch and sequence.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use crate::pipeline::stores::sight::{Answer, Sight, Sought, ask_each};
use crate::telemetry::json;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read [bytes].
const ANSWER_MAX: u64 = 1 << 20;

/// An API as it is looked into.
pub(super) struct WebSight {
    agent: Agent,
    address: String,
    token: Option<String>,
    /// The id of our city, once it is known.
    city: Option<String>,
}

impl WebSight {
    pub(super) fn new(address: &str, token: Option<String>) -> Self {
        use ureq::tls::{RootCerts, TlsConfig};
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder().root_certs(RootCerts::WebPki).unversioned_rustls_crypto_provider(provider);
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .user_agent("citytwin");
        let address = address.trim_end_matches('/').to_owned();
        Self { agent: Agent::new_with_config(config.build()), address, token, city: None }
    }

    /// The body of an answer; none where there is nothing at the address.
    fn get(&self, address: &str) -> Result<Option<String>, String> {
        let mut request = self.agent.get(address);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        let body = body.map_err(|error| error.to_string())?;
        match status {
            200..300 => Ok(Some(body)),
            404 => Ok(None),
            _ => Err(format!("it answers with status {status}")),
        }
    }

    /// Asks our own API for the newest record of a device.
    fn own(&mut self, sought: &Sought) -> Result<Answer, String> {
        let read = |text: &str| serde_json::from_str::<Value>(text).map_err(|_| "it answers with no JSON".to_owned());
        let city = if let Some(city) = &self.city {
            city.clone()
        } else {
            let cities = self.get(&format!("{}/api/v1/cities", self.address))?;
            let cities = read(&cities.ok_or("there is no API of this program at the address")?)?;
            let id = cities.get(0).and_then(|city| city.get("id")?.as_str().map(str::to_owned));
            let id = id.ok_or("its API names no city")?;
            self.city.insert(id).clone()
        };
        let asked = format!("{}/api/v1/cities/{city}/assets/{}/records?limit=1", self.address, sought.device);
        let Some(body) = self.get(&asked)? else { return Ok(Answer::Nothing) };
        let words = read(&body)?;
        let newest = words.get("items").and_then(|items| items.get(0)).map(Value::to_string);
        let record = newest.and_then(|text| json::decode(text.as_bytes()).ok());
        Ok(record.map_or(Answer::Nothing, |record| Answer::UpTo(Some(record.epoch), record.sequence)))
    }
}

impl Sight for WebSight {
    fn place(&self) -> String {
        self.address.clone()
    }

    fn look(&mut self, sought: &[&Sought]) -> Result<Vec<bool>, String> {
        let address = self.address.clone();
        let by_sequence = address.contains("{sequence}");
        if !by_sequence && !address.contains("{device}") {
            return ask_each(sought, false, &mut |one| self.own(one));
        }
        ask_each(sought, by_sequence, &mut |one| match self.get(&one.fill(&address))? {
            None => Ok(Answer::Nothing),
            Some(_) if by_sequence => Ok(Answer::Something),
            Some(body) => Answer::read(&body, false),
        })
    }
}
