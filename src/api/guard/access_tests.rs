//! What a file of access says, and what is told of one that is wrong.

use super::*;
use crate::api::guard::new_key;

const KEY: &str = "citytwin_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn parsed(text: &str) -> Result<Access, String> {
    let secrets = |name: &str| match name {
        "OPS" => Some(format!("{KEY}\n")),
        "WRONG" => Some("hunter2".to_owned()),
        "HOOKS" => Some("0123456789abcdef0123456789abcdef".to_owned()),
        _ => None,
    };
    parse(text, &Place::file("access.yaml"), &secrets).map_err(|findings| {
        let told = |problem: &Problem| {
            format!("{}: {} ({})", problem.place, problem.message, problem.help.clone().unwrap_or_default())
        };
        findings.problems().iter().map(told).collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn nothing_written_asks_nobody() {
    let access = parsed("").expect("a file of access");
    assert!(!access.guard.asks() && access.tls.is_none());
}

#[test]
fn a_made_key_goes_into_the_file_as_it_is_printed() {
    let made = new_key("wall", Role::Viewer).expect("random numbers");
    let access = parsed(&format!("keys:\n{}\n", made.line)).expect("a file of access");
    assert_eq!(access.guard.keys, [Key::plain("wall", Role::Viewer, &made.key).expect("a key")]);
    assert!(access.guard.asks());
}

#[test]
fn webhooks_reach_outside_only_unless_the_file_says_more() {
    let reach = |text: &str| parsed(text).expect("a file of access").webhooks().reach;
    let asks = format!("keys: [{{ name: a, role: viewer, hash: 'sha256:{}' }}]\n", "0".repeat(64));
    assert_eq!(reach(""), Reach::ThisMachine);
    assert_eq!(reach(&asks), Reach::Outside);
    assert_eq!(reach(&format!("{asks}webhooks: {{ private: true }}")), Reach::OwnNetwork);
    let settings = parsed("webhooks: { key-from: HOOKS }").expect("a file of access").webhooks();
    assert!(settings.key.is_some() && !format!("{settings:?}").contains("0123"), "{settings:?}");
}

#[cfg(feature = "actions")]
#[test]
fn everything_that_can_be_said_is_read() {
    let access = parsed(
        "keys: [{ name: ops, role: operator, key-from: OPS }]\n\
         oidc:\n  issuer: https://id.example.org/realms/city\n  audience: citytwin\n  algorithms: [ES256]\n  \
         role-claim: groups\n  roles: { control-room: operator, staff: viewer }\n  name-claim: email\n  ca: ca.pem\n\
         origins: https://board.example.org\nhosts: [City.example.org]\nrate: { viewer: 500 }\n\
         tls: { certificate: cert.pem, key: /etc/key.pem }\nproxies: [127.0.0.1, '::1']\naudit: audit.jsonl\nconnections: { of-address: 50 }\n",
    )
    .expect("a file of access");
    let guard = &access.guard;
    assert_eq!(guard.keys, [Key::plain("ops", Role::Operator, KEY).expect("a key")]);
    let issuer = guard.issuer.as_ref().expect("an issuer");
    assert_eq!(issuer.algorithms, [TokenAlgorithm::Es256]);
    assert_eq!(issuer.roles, [("control-room".to_owned(), Role::Operator), ("staff".to_owned(), Role::Viewer)]);
    assert_eq!((issuer.role_claim.as_str(), issuer.name_claim.as_str()), ("groups", "email"));
    assert_eq!(guard.hosts, ["city.example.org"]);
    assert_eq!(guard.rates.viewer, Rate { per_hour: 500, burst: 50 });
    assert_eq!(guard.proxies.len(), 2);
    assert_eq!(access.crowding, Crowding { of_address: 50, of_this_machine: 1_000 });
    assert_eq!(access.tls.map(|files| files.key), Some("/etc/key.pem".into()));
    assert!(parsed("tls: behind-proxy").expect("a file of access").guard.behind_proxy);
}

#[test]
fn every_mistake_names_its_key_and_the_fix_and_no_secret() {
    let hash = format!("hash: 'sha256:{}'", "0".repeat(64));
    for (text, needles) in [
        ("key: []", vec!["1:1", "no key `key`", "did you mean `keys`?"]),
        ("keys: admin", vec!["should be a list"]),
        ("keys: [{ name: a, role: viewer }]", vec!["needs one of `hash` and `key-from`", "citytwin key"]),
        ("keys: [{ name: a, role: king, key-from: OPS }]", vec!["`king` is no role"]),
        ("keys: [{ name: a, hash: hunter2 }]", vec!["no `role`", "the hash of `a` is none"]),
        ("keys: [{ name: 'a b', role: viewer, key-from: OPS }]", vec!["cannot be the name of a key"]),
        ("keys: [{ name: a, role: viewer, key-from: UNSET }]", vec!["`UNSET` is not set"]),
        ("keys: [{ name: a, role: viewer, key-from: WRONG }]", vec!["no key", "citytwin_"]),
        ("keys: [{ name: a, role: viewer, key-from: 'hunter2!' }]", vec!["not the name of an environment variable"]),
        (&format!("keys: [{{ name: a, role: viewer, {hash} }}, {{ name: a, role: admin, {hash} }}]"), vec!["two keys"]),
        ("origins: ['*']", vec!["`*` is no origin", "no `*`"]),
        ("origins: [https://a.example/path]", vec!["is no origin"]),
        ("hosts: ['a.example:80']", vec!["no name of a host", "without a port"]),
        ("rate: { viewer: 0 }", vec!["`viewer` cannot be", "from 1 to"]),
        ("rate: { king: 1 }", vec!["no key `king`"]),
        ("tls: { certificate: a.pem }", vec!["needs both"]),
        ("tls: none", vec!["`tls` cannot be", "behind-proxy"]),
        ("proxies: [localhost]", vec!["no address in numbers"]),
        ("webhooks: { key-from: WRONG }", vec!["`WRONG`", "too short", "openssl rand"]),
        ("webhooks: { key-from: UNSET }", vec!["`UNSET` is not set"]),
        ("connections: { of-address: 0 }", vec!["`of-address` cannot be", "from 1 to"]),
        ("connections: 10", vec!["`connections`"]),
        ("webhooks: { secret: x }", vec!["no key `secret`"]),
        ("keys: [", vec!["access.yaml"]),
    ] {
        let told = parsed(text).expect_err(text);
        for needle in needles {
            assert!(told.contains(needle), "{text}: {told}");
        }
        assert!(!told.contains("hunter2") && !told.contains(&KEY[9..]), "{told}");
    }
}

#[cfg(feature = "actions")]
#[test]
fn mistakes_about_an_issuer_are_told_as_well() {
    for (text, needles) in [
        ("oidc: {}", vec!["no `issuer`", "no `audience`"]),
        ("oidc: { issuer: 'http://id.example', audience: a }", vec!["no address that is spoken to", "https://"]),
        ("oidc: { issuer: 'https://u:hunter2@id.example', audience: a }", vec!["no address that is spoken to"]),
        ("oidc: { issuer: 'https://id.example', audience: a, algorithms: [none, HS256] }", vec!["`none`", "`HS256`"]),
        ("oidc: { issuer: 'https://id.example', audience: a, roles: admin }", vec!["`roles` cannot be"]),
        ("oidc: { issuer: 'https://id.example', audience: a, roles: { x: king } }", vec!["`king` is no role"]),
    ] {
        let told = parsed(text).expect_err(text);
        for needle in needles {
            assert!(told.contains(needle), "{text}: {told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }
}
