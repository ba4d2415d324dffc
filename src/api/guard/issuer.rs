//! Tokens of an issuer (`OpenID` Connect Core 1.0, RFC 7519, RFC 9068): signed by keys the issuer publishes, and asked for seldom.
//!
//! What a token says of itself is not believed before its signature is: the number of its key (`kid`) is only compared, addresses in it
//! (`jku`, `x5u`) and keys in it (`jwk`, `x5c`) are not looked at, and its algorithm has to be one that is allowed here and the one of
//! the key. Nothing symmetric ever is.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::caller::{Caller, Role};
use super::fetch::Fetch;
use super::keys::NAME_BYTES_MAX;
use super::origin::is_web_address;
use crate::api::problem::Problem;

/// How far the clocks of issuer and server may be apart [s].
const LEEWAY_S: u64 = 60;
/// How long keys are believed without asking again [us]: an hour; asked for earlier where a token names another.
const FRESH_US: u64 = 3_600_000_000;
/// How long keys are believed while the issuer does not answer [us]: a day.
const OLD_US: u64 = 24 * FRESH_US;
/// Shortest time between two questions to the issuer [us]: a minute.
const PAUSE_US: u64 = 60_000_000;
/// Most keys of an issuer.
const KEYS_MAX: usize = 100;
/// Fewest bytes of an RSA modulus: 2,048 bits (NIST SP 800-131A).
const MODULUS_BYTES_MIN: usize = 256;
/// Longest number of a key [bytes].
const KEY_ID_MAX: usize = 256;
/// Deepest role claim.
const CLAIM_DEPTH_MAX: usize = 8;

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSASSA-PKCS1-v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl TokenAlgorithm {
    /// All of them, by the word a file has for them.
    pub const ALL: [(&str, Self); 3] = [("RS256", Self::Rs256), ("ES256", Self::Es256), ("EdDSA", Self::EdDsa)];

    const fn known(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// Whose tokens are believed, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The issuer, as its tokens have it: https, or http on this machine.
    pub issuer: String,
    /// Whom tokens must be meant for.
    pub audience: String,
    /// How they may be signed.
    pub algorithms: Vec<TokenAlgorithm>,
    /// Where in a token its roles stand; dots lead inward.
    pub role_claim: String,
    /// What the issuer's words mean; our own words, if there are none.
    pub roles: Vec<(String, Role)>,
    /// Where in a token the name stands; `sub` where it does not.
    pub name_claim: String,
    /// Certificates of the authorities that are believed, in place of Mozilla's list.
    pub ca: Option<PathBuf>,
}

impl IssuerSettings {
    /// An issuer whose tokens mean what is usual.
    pub fn new(issuer: &str, audience: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            algorithms: TokenAlgorithm::ALL.map(|known| known.1).to_vec(),
            role_claim: "roles".to_owned(),
            roles: Vec::new(),
            name_claim: "preferred_username".to_owned(),
            ca: None,
        }
    }
}

/// A key of the issuer.
struct TokenKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What is known of the issuer.
#[derive(Default)]
struct Known {
    keys: Arc<Vec<TokenKey>>,
    /// When the keys came [us].
    since_us: Option<u64>,
    /// When the issuer was last asked [us].
    asked_us: Option<u64>,
    /// Why the last question was not answered.
    failure: Option<String>,
}

/// An issuer and its keys.
pub(super) struct Issuer {
    settings: IssuerSettings,
    fetch: Fetch,
    known: Mutex<Known>,
    /// Held by whoever asks the issuer, so that only one does.
    asking: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

fn unbelieved(detail: &str) -> Problem {
    Problem::unauthorised(detail)
}

impl Issuer {
    /// An issuer; it is asked when the first token comes.
    pub(super) fn new(settings: &IssuerSettings) -> Result<Self, String> {
        if !is_web_address(&settings.issuer) {
            return Err("the issuer is no address with https, or with http on this machine".to_owned());
        }
        let fetch = Fetch::new(settings.ca.as_deref())?;
        Ok(Self { settings: settings.clone(), fetch, known: Mutex::default(), asking: tokio::sync::Mutex::default() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose token it is, and until when it holds, in Unix milliseconds.
    pub(super) async fn prove(&self, token: &str, now_us: u64) -> Result<(Caller, i64), Problem> {
        let header = self.header(token)?;
        let keys = self.keys(&header, now_us).await?;
        let key = find(&keys, &header).ok_or_else(|| {
            unbelieved("the token is signed with a key its issuer does not publish; ask for a new one")
        })?;
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Map<String, Value>>(token, &key.key, &validation);
        let claims = claims.map_err(|error| unbelieved(sentence(error.kind())))?.claims;
        if !claims.get("iss").is_some_and(Value::is_string) {
            return Err(unbelieved(sentence(&ErrorKind::InvalidIssuer)));
        }
        let until_s = claims.get("exp").and_then(Value::as_f64).unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and later is cut to half a day anyway")]
        let until_ms = (until_s * 1_000.0) as i64;
        let name =
            self.name(&claims).ok_or_else(|| unbelieved("the token does not say whose it is; it needs `sub`"))?;
        let role = self.role(&claims).ok_or_else(|| {
            let claim = &self.settings.role_claim;
            Problem::forbidden(format!(
                "the token has no role for this city in `{claim}`; ask whoever keeps the issuer"
            ))
        })?;
        Ok((Caller { name: name.into(), role }, until_ms))
    }

    /// What a token says before it is believed.
    fn header(&self, token: &str) -> Result<Header, Problem> {
        let header = decode_header(token).map_err(|_| unbelieved("this is no token that can be read"))?;
        if !self.settings.algorithms.iter().any(|allowed| allowed.known() == header.alg) {
            return Err(unbelieved("the token is signed in a way that is not allowed here"));
        }
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err(unbelieved("the token demands what is not understood here"));
        }
        let of_kind =
            |kind: &String| ["jwt", "at+jwt", "application/at+jwt"].contains(&kind.to_ascii_lowercase().as_str());
        if !header.typ.as_ref().is_none_or(of_kind) {
            return Err(unbelieved("the token is of another kind; send an access token"));
        }
        if header.kid.as_ref().is_some_and(|id| id.len() > KEY_ID_MAX) {
            return Err(unbelieved("the token names no key"));
        }
        Ok(header)
    }

    /// The issuer's keys; asked for where there are none, they are old, or none is the token's.
    async fn keys(&self, header: &Header, now_us: u64) -> Result<Arc<Vec<TokenKey>>, Problem> {
        let ask = |known: &Known| {
            let fresh = known.since_us.is_some_and(|since| now_us.saturating_sub(since) < FRESH_US);
            let rested = known.asked_us.is_none_or(|asked| now_us.saturating_sub(asked) >= PAUSE_US);
            rested && !(fresh && find(&known.keys, header).is_some())
        };
        let wanted = ask(&self.known());
        if wanted {
            let _one = self.asking.lock().await;
            // Somebody else may have asked meanwhile.
            let wanted = ask(&self.known());
            if wanted {
                self.known().asked_us = Some(now_us);
                let (fetch, issuer) = (self.fetch.clone(), self.settings.issuer.clone());
                let asked = tokio::task::spawn_blocking(move || published(&fetch, &issuer)).await;
                let asked = asked.unwrap_or_else(|_| Err("the question broke off".to_owned()));
                let mut known = self.known();
                match asked {
                    Ok(keys) => {
                        *known = Known {
                            keys: Arc::new(keys),
                            since_us: Some(now_us),
                            asked_us: Some(now_us),
                            failure: None,
                        };
                    }
                    Err(failure) => known.failure = Some(failure),
                }
            }
        }
        let known = self.known();
        if known.since_us.is_none_or(|since| now_us.saturating_sub(since) > OLD_US) {
            let why = known.failure.clone().unwrap_or_else(|| "it was asked a moment ago".to_owned());
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "the issuer's keys cannot be had, so no token is believed: {why}; keys of this server still work"
                ),
            );
            return Err(problem.after(PAUSE_US / 1_000_000));
        }
        Ok(Arc::clone(&known.keys))
    }

    /// What logs call somebody: short, without anything that is no letter or sign.
    fn name(&self, claims: &Map<String, Value>) -> Option<String> {
        let said = [self.settings.name_claim.as_str(), "sub"].into_iter();
        let said = said.filter_map(|claim| claims.get(claim).and_then(Value::as_str));
        let mut plain = said.map(|name| {
            let kept = name.chars().filter(|c| c.is_alphanumeric() || "-_.@ ".contains(*c));
            kept.take(NAME_BYTES_MAX).collect::<String>().trim().to_owned()
        });
        plain.find(|name| !name.is_empty())
    }

    /// The most a token may do.
    fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        let mut path = self.settings.role_claim.split('.').take(CLAIM_DEPTH_MAX);
        let mut found = claims.get(path.next()?)?;
        for part in path {
            found = found.get(part)?;
        }
        let meant = |word: &str| {
            if self.settings.roles.is_empty() {
                return Role::of(word);
            }
            self.settings.roles.iter().filter(|role| role.0 == word).map(|role| role.1).max()
        };
        match found {
            Value::String(words) => words.split(' ').filter_map(meant).max(),
            Value::Array(words) => words.iter().filter_map(Value::as_str).filter_map(meant).max(),
            _ => None,
        }
    }
}

/// The key of a token: the one it names, or the only one of its kind where it names none.
fn find<'a>(keys: &'a [TokenKey], header: &Header) -> Option<&'a TokenKey> {
    let mut fitting =
        keys.iter().filter(|key| key.algorithm == header.alg && (header.kid.is_none() || header.kid == key.id));
    let found = fitting.next();
    if header.kid.is_none() && fitting.next().is_some() { None } else { found }
}

/// Asks the issuer for its keys. Blocks.
fn published(fetch: &Fetch, issuer: &str) -> Result<Vec<TokenKey>, String> {
    let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let unread = |what: &str| format!("what it answers at {what} cannot be read");
    let found: Discovered =
        serde_json::from_slice(&fetch.get(&place)?).map_err(|_| unread("/.well-known/openid-configuration"))?;
    if found.issuer != issuer {
        return Err("it calls itself otherwise; write `issuer` as it does".to_owned());
    }
    if !is_web_address(&found.jwks_uri) {
        return Err("its `jwks_uri` is no address with https, or with http on this machine".to_owned());
    }
    let published: Published =
        serde_json::from_slice(&fetch.get(&found.jwks_uri)?).map_err(|_| unread("`jwks_uri`"))?;
    Ok(published.keys.into_iter().take(KEYS_MAX).filter_map(usable).collect())
}

/// A published key, if it is public, for signatures, strong enough and of a kind that is known here.
fn usable(published: Value) -> Option<TokenKey> {
    let jwk: Jwk = serde_json::from_value(published).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.as_ref().is_some_and(|said| *said != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    if let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind()
        && n.iter().skip_while(|byte| **byte == 0).count() < MODULUS_BYTES_MIN
    {
        return None;
    }
    Some(TokenKey { id: jwk.common.key_id, algorithm, key })
}

/// Why a token is not believed, without a word of the token.
fn sentence(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired; ask the issuer for a new one",
        ErrorKind::ImmatureSignature => "the token does not hold yet; are the clocks right?",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAudience => "the token is meant for somebody else; ask for one with this server as audience",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks one of `exp`, `iss` and `aud`",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        _ => "this is no token that can be believed",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issuer(change: impl FnOnce(&mut IssuerSettings)) -> Issuer {
        let mut settings = IssuerSettings::new("https://id.example.org", "citytwin");
        change(&mut settings);
        Issuer::new(&settings).unwrap()
    }

    fn claims(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn roles_are_found_where_they_stand_and_the_highest_counts() {
        let role = |claim: &str, roles: &[(&str, Role)], said: Value| {
            let roles = roles.iter().map(|(word, role)| ((*word).to_owned(), *role)).collect();
            let issuer = issuer(|settings| (settings.role_claim, settings.roles) = (claim.to_owned(), roles));
            issuer.role(&claims(&said))
        };
        assert_eq!(role("roles", &[], json!({"roles": ["viewer", "operator"]})), Some(Role::Operator));
        assert_eq!(role("roles", &[], json!({"roles": "trainer"})), Some(Role::Trainer));
        assert_eq!(role("scope", &[], json!({"scope": "openid viewer"})), Some(Role::Viewer));
        assert_eq!(role("realm_access.roles", &[], json!({"realm_access": {"roles": ["admin"]}})), Some(Role::Admin));
        // Where words are given a meaning, only these have one.
        let meant = [("city-staff", Role::Viewer), ("control-room", Role::Operator)];
        assert_eq!(role("groups", &meant, json!({"groups": ["control-room", "city-staff"]})), Some(Role::Operator));
        assert_eq!(role("groups", &meant, json!({"groups": ["admin"]})), None);
        for nothing in
            [json!({}), json!({"roles": 3}), json!({"roles": ["Admin", 1, null]}), json!({"roles": {"admin": 1}})]
        {
            assert_eq!(role("roles", &[], nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        let name = |said: Value| issuer(|_| ()).name(&claims(&said));
        assert_eq!(name(json!({"preferred_username": "Zoë M.", "sub": "1"})).as_deref(), Some("Zoë M."));
        assert_eq!(name(json!({"preferred_username": "\n\u{1b}[2J\"", "sub": "1"})).as_deref(), Some("2J"));
        assert_eq!(name(json!({"preferred_username": " ", "sub": "u-1"})).as_deref(), Some("u-1"));
        assert_eq!(name(json!({"sub": "x".repeat(1_000)})).map(|name| name.len()), Some(NAME_BYTES_MAX));
        assert_eq!(name(json!({"sub": 1})), None);
    }

    #[test]
    fn keys_that_are_weak_or_for_something_else_are_left_out() {
        let rsa = |bytes: usize, more: Value| {
            let mut jwk = json!({"kty": "RSA", "n": "_".repeat(bytes * 4 / 3), "e": "AQAB", "kid": "a"});
            jwk.as_object_mut().unwrap().extend(claims(&more));
            usable(jwk).is_some()
        };
        assert!(rsa(258, json!({})) && rsa(258, json!({"use": "sig", "alg": "RS256"})));
        assert!(!rsa(129, json!({})), "1,024 bits are too few");
        assert!(!rsa(258, json!({"use": "enc"})) && !rsa(258, json!({"alg": "RS512"})));
        assert!(usable(json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"})).is_none());
        assert!(usable(json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"})).is_none());
        assert!(usable(json!({"kty": "new"})).is_none());
        assert!(usable(json!("text")).is_none());
    }

    #[test]
    fn an_issuer_in_plain_words_elsewhere_is_not_believed() {
        for (address, right) in [
            ("https://id.example.org/realms/city", true),
            ("http://localhost:8180", true),
            ("http://127.0.0.1:1", true),
            ("http://id.example.org", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1@evil.example", false),
            ("https://user:pass@id.example.org", false),
            ("ftp://id.example.org", false),
            ("https://", false),
            ("", false),
        ] {
            let built = Issuer::new(&IssuerSettings::new(address, "a"));
            assert_eq!(built.is_ok(), right, "{address}");
        }
    }
}
