//! Tokens that somebody forged, kept too long, or took from elsewhere.

use citytwin::api::guard::{IssuerSettings, Rate, Role, TokenAlgorithm};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use crate::issuer::{Answers, Issuer, base64url, modulus};
use crate::town::{Ring, Town};

/// A town that believes an issuer, besides its keys.
fn town(issuer: &Issuer, change: impl FnOnce(&mut IssuerSettings)) -> (Town, Ring) {
    let (ring, keys) = Ring::new();
    let mut believed = IssuerSettings::new(&issuer.name(), "citytwin");
    change(&mut believed);
    let town = Town::serve(|settings, _| {
        settings.guard.keys = keys;
        settings.guard.issuer = Some(believed);
        settings.guard.rates.failures = Rate { per_hour: 100_000, burst: 10_000 };
    });
    (town, ring)
}

/// What an issuer is made to answer instead.
type Change = fn(&mut Answers);

fn header(algorithm: Algorithm, id: &str) -> Header {
    let mut header = Header::new(algorithm);
    header.kid = Some(id.to_owned());
    header
}

#[test]
fn tokens_of_the_issuer_are_believed() {
    let issuer = Issuer::start();
    let (town, _) = town(&issuer, |_| ());
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let answer = town.with_key("GET /api/v1/who", &issuer.sign(algorithm, &issuer.claims()), "");
        assert_eq!((answer.status, answer.body.as_str()), (200, "dora operator"), "{algorithm:?}: {answer:?}");
    }
    let now = get_current_timestamp();
    // Clocks may be a minute apart; an audience may be one of several; one key of a kind needs no number.
    for claims in [
        json!({"exp": now - 30}),
        json!({"nbf": now + 30}),
        json!({"aud": ["other", "citytwin"]}),
        json!({"nbf": null}),
    ] {
        let token = issuer.sign(Algorithm::ES256, &issuer.with(&claims));
        assert_eq!(town.with_key("GET /api/v1/who", &token, "").status, 200, "{claims}");
    }
    let token = issuer.sign_as(&Header::new(Algorithm::ES256), &issuer.claims());
    assert_eq!(town.with_key("GET /api/v1/who", &token, "").status, 200);
}

#[test]
fn claims_that_do_not_hold_here_are_refused() {
    let issuer = Issuer::start();
    let (town, _) = town(&issuer, |_| ());
    let now = get_current_timestamp();
    for (claims, status, says) in [
        (json!({"exp": now - 120}), 401, "expired"),
        (json!({"exp": 0}), 401, "expired"),
        (json!({"exp": null}), 401, "lacks"),
        (json!({"exp": "tomorrow"}), 401, "lacks"),
        (json!({"nbf": now + 300}), 401, "not hold yet"),
        (json!({"iss": "https://evil.example"}), 401, "another issuer"),
        (json!({"iss": null}), 401, "lacks"),
        (json!({"iss": [issuer.name(), "https://evil.example"]}), 401, "another issuer"),
        (json!({"aud": "other"}), 401, "somebody else"),
        (json!({"aud": ["other", "citytwin-2"]}), 401, "somebody else"),
        (json!({"aud": null}), 401, "lacks"),
        (json!({"roles": null}), 403, "no role"),
        (json!({"roles": ["king"]}), 403, "no role"),
        (json!({"roles": "ADMIN"}), 403, "no role"),
        (json!({"sub": null, "preferred_username": null}), 401, "whose"),
    ] {
        let token = issuer.sign(Algorithm::ES256, &issuer.with(&claims));
        let answer = town.with_key("GET /api/v1/who", &token, "");
        assert_eq!(answer.status, status, "{claims}: {answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(says), "{claims}: {answer:?}");
        assert!(!answer.whole().contains(&token), "{claims}");
    }
}

#[test]
fn forged_tokens_are_refused() {
    let issuer = Issuer::start();
    let (town, _) = town(&issuer, |_| ());
    let claims = issuer.with(&json!({"roles": ["admin"]}));
    let good = issuer.sign(Algorithm::RS256, &claims);
    let parts: Vec<&str> = good.split('.').collect();
    let text = |value: Value| base64url(value.to_string().as_bytes());
    let body = text(claims.clone());
    let mut forged = Vec::new();
    for none in ["none", "None", "NONE", ""] {
        let head = text(json!({"alg": none, "typ": "JWT"}));
        forged.push((format!("alg {none}"), format!("{head}.{body}.")));
        forged.push((format!("alg {none}, signed"), format!("{head}.{body}.{}", parts[2])));
    }
    // The issuer's public keys taken for a shared secret, in every form somebody may have them.
    let jwk = json!({"kty": "RSA", "n": base64url(modulus()), "e": "AQAB"}).to_string();
    for secret in [modulus(), base64url(modulus()).as_bytes(), jwk.as_bytes(), b"shared-secret"] {
        for id in ["rsa", "shared"] {
            let token = encode(&header(Algorithm::HS256, id), &claims, &EncodingKey::from_secret(secret)).unwrap();
            forged.push((format!("HS256 with {id}"), token));
        }
    }
    for id in [
        "unknown",
        "",
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "rsa\u{0}",
        "http://evil.example/key",
        "new",
    ] {
        forged.push((format!("kid {id}"), issuer.sign_as(&header(Algorithm::RS256, id), &claims)));
    }
    forged.push(("long kid".to_owned(), issuer.sign_as(&header(Algorithm::RS256, &"k".repeat(1_000)), &claims)));
    // A key of one kind under the number of another.
    forged.push(("ec as rsa".to_owned(), issuer.sign_as(&header(Algorithm::ES256, "rsa"), &claims)));
    forged.push(("ed as ec".to_owned(), issuer.sign_as(&header(Algorithm::EdDSA, "ec"), &claims)));
    // Another issuer's key under the right number, brought along in the token or not.
    let other = Issuer::start();
    let mut brought = header(Algorithm::ES256, "ec");
    forged.push(("another's key".to_owned(), other.sign_as(&brought, &claims)));
    brought.jku = Some(format!("{}/keys", other.name()));
    brought.x5u = Some(format!("{}/keys", other.name()));
    forged.push(("jku".to_owned(), other.sign_as(&brought, &claims)));
    let point = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "ec"});
    brought.jwk = serde_json::from_value::<Jwk>(point).ok();
    forged.push(("jwk".to_owned(), other.sign_as(&brought, &claims)));
    let mut critical = header(Algorithm::RS256, "rsa");
    critical.crit = Some(vec!["b64".to_owned()]);
    forged.push(("crit".to_owned(), issuer.sign_as(&critical, &claims)));
    let mut kind = header(Algorithm::RS256, "rsa");
    kind.typ = Some("logout+jwt".to_owned());
    forged.push(("typ".to_owned(), issuer.sign_as(&kind, &claims)));
    let viewer = issuer.sign(Algorithm::RS256, &issuer.with(&json!({"roles": ["viewer"]})));
    let signed: Vec<&str> = viewer.split('.').collect();
    forged.push(("role written over".to_owned(), format!("{}.{body}.{}", signed[0], signed[2])));
    forged.push(("no signature".to_owned(), format!("{}.{}.", parts[0], parts[1])));
    forged.push(("two parts".to_owned(), format!("{}.{}", parts[0], parts[1])));
    forged.push(("four parts".to_owned(), format!("{good}.{}", parts[2])));
    forged.push(("dots".to_owned(), "..".to_owned()));
    forged.push(("long".to_owned(), format!("{good}{}", "A".repeat(17_000))));
    for (what, token) in forged {
        let answer = town.with_key("GET /api/v1/who", &token, "");
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
    assert_eq!(other.asked(), 0, "nobody asks where a token says");
    assert_eq!(town.with_key("GET /api/v1/who", &good, "").body, "dora admin");
    assert!(!town.audit().contains(parts[2]));
}

#[test]
fn the_issuer_is_asked_once_whatever_keys_are_named() {
    let issuer = Issuer::start();
    let (town, _) = town(&issuer, |_| ());
    assert_eq!(town.with_key("GET /api/v1/who", &issuer.sign(Algorithm::ES256, &issuer.claims()), "").status, 200);
    for number in 0..30 {
        let token = issuer.sign_as(&header(Algorithm::ES256, &format!("k{number}")), &issuer.claims());
        assert_eq!(town.with_key("GET /api/v1/who", &token, "").status, 401);
    }
    assert_eq!(issuer.asked(), 2, "its configuration and its keys");
}

#[test]
fn only_algorithms_that_are_allowed_are() {
    let issuer = Issuer::start();
    let (town, _) = town(&issuer, |settings| settings.algorithms = vec![TokenAlgorithm::Es256]);
    for (algorithm, status) in [(Algorithm::ES256, 200), (Algorithm::RS256, 401), (Algorithm::EdDSA, 401)] {
        let token = issuer.sign(algorithm, &issuer.claims());
        assert_eq!(town.with_key("GET /api/v1/who", &token, "").status, status, "{algorithm:?}");
    }
}

#[test]
fn without_its_issuer_the_server_goes_on_with_its_keys() {
    let changes: [(&str, Change); 4] = [
        ("calls itself otherwise", |answers| answers.configuration["issuer"] = json!("https://evil.example")),
        ("no address with https", |answers| answers.configuration["jwks_uri"] = json!("http://evil.example/keys")),
        ("cannot be read", |answers| answers.keys = json!({"keys": "none"})),
        ("breaks off", |answers| answers.keys = json!({"keys": ["x".repeat(1 << 20)]})),
    ];
    for (says, change) in changes {
        let issuer = Issuer::start();
        issuer.change(change);
        let (town, ring) = town(&issuer, |_| ());
        let answer = town.with_key("GET /api/v1/who", &issuer.sign(Algorithm::ES256, &issuer.claims()), "");
        assert_eq!(answer.status, 503, "{says}: {answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(says), "{says}: {answer:?}");
        assert_eq!(answer.header("Retry-After"), Some("60"));
        assert_eq!(town.with_key("GET /api/v1/who", ring.of(Role::Viewer), "").status, 200);
    }
    let issuer = Issuer::start();
    let (town, ring) = town(&issuer, |_| ());
    let token = issuer.sign(Algorithm::ES256, &issuer.claims());
    drop(issuer);
    assert_eq!(town.with_key("GET /api/v1/who", &token, "").status, 503);
    assert_eq!(town.with_key("GET /api/v1/who", ring.of(Role::Viewer), "").status, 200);
}

#[test]
fn a_login_ends_with_its_token() {
    let issuer = Issuer::start();
    let (town, _) = town(&issuer, |_| ());
    let token = issuer.sign(Algorithm::EdDSA, &issuer.claims());
    let login =
        town.ask("POST /api/v1/login", "Content-Type: application/json\r\n", &json!({"key": token}).to_string());
    assert_eq!(login.status, 200, "{login:?}");
    assert_eq!(login.json()["name"], "dora");
    let seconds = login.header("Set-Cookie").unwrap().split("Max-Age=").nth(1).unwrap();
    let seconds: u64 = seconds.split(';').next().unwrap().parse().unwrap();
    assert!((240..=300).contains(&seconds), "{seconds}");
}
