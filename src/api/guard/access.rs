//! Reads the file of access; everything wrong with it is found at once, each with its place and what to write instead.
//!
//! ```yaml
//! keys:
//!   - { name: wall, role: viewer, hash: "sha256:..." }        # `citytwin key wall --role viewer` makes the line
//!   - { name: ops, role: operator, key-from: CITYTWIN_OPS_KEY }
//! oidc: { issuer: "https://id.example.org/realms/city", audience: citytwin, role-claim: realm_access.roles }
//! tls: { certificate: cert.pem, key: key.pem }
//! audit: audit.jsonl
//! ```

use std::net::IpAddr;
use std::path::Path;

use super::caller::Role;
use super::fetch;
use super::issuer::{IssuerSettings, TokenAlgorithm};
use super::keys::{Key, is_name};
use super::origin::{is_web_address, name_of};
use super::rate::Rate;
use super::settings::{Crowding, GuardSettings};
use super::tls::TlsFiles;
use crate::pipeline::alerting::Reach;
use crate::pipeline::alerting::subscribers::{KEY_MIN, ServerKey, SubscriptionSettings};
use crate::primitives::fields::{Fields, Reader};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::tree::{self, Node, Value};

/// Largest file [bytes].
const FILE_MAX: usize = 1 << 20;
/// Most keys, and most entries of any other list.
const ENTRIES_MAX: usize = 1_000;
const KEYS: [&str; 10] =
    ["keys", "oidc", "origins", "hosts", "rate", "tls", "proxies", "audit", "webhooks", "connections"];
const KEY_KEYS: [&str; 4] = ["name", "role", "hash", "key-from"];
const OIDC_KEYS: [&str; 7] = ["issuer", "audience", "algorithms", "role-claim", "roles", "name-claim", "ca"];
const RATE_KEYS: [&str; 6] = ["viewer", "trainer", "operator", "admin", "page", "address"];
const CONNECTION_KEYS: [&str; 2] = ["of-address", "of-this-machine"];
/// What may be written for connections.
const CONNECTION_RANGE: std::ops::RangeInclusive<f64> = 1.0..=100_000.0;
const WEBHOOK_KEYS: [&str; 2] = ["key-from", "private"];
const TLS_KEYS: [&str; 2] = ["certificate", "key"];
const RATE_RANGE: std::ops::RangeInclusive<f64> = 1.0..=36_000_000.0;
const MAKE: &str = "`citytwin key NAME --role ROLE` makes the line";

/// What a file of access says.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Who may come in.
    pub guard: GuardSettings,
    /// How the server encrypts, if it does itself.
    pub tls: Option<TlsFiles>,
    /// What those may be told who ask for it by the API.
    pub webhooks: SubscriptionSettings,
    /// Most connections at once.
    pub crowding: Crowding,
}

impl Access {
    /// What those may be told who ask for it by the API: where nobody is asked who they are, this machine as well.
    pub fn webhooks(&self) -> SubscriptionSettings {
        let mut settings = self.webhooks.clone();
        if !self.guard.asks() && settings.reach == Reach::Outside {
            settings.reach = Reach::ThisMachine;
        }
        settings
    }
}

/// Takes the name of an environment variable and gives what it holds.
type Secrets<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a file of access; secrets come from where their names lead.
///
/// # Errors
/// Everything wrong with it at once, in reading order, without secrets.
pub fn read_access(path: &Path, secrets: Secrets<'_>) -> Result<Access, Findings> {
    let place = Place::file(path);
    let refuse = |message: String| {
        let mut findings = Findings::default();
        findings.problem(Problem::new(place.clone(), message));
        Err(findings)
    };
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) if text.len() > FILE_MAX => refuse("is larger than 1 MiB, which no file of access is".to_owned()),
        Ok(Ok(text)) => parse(&text, &place, secrets),
        Ok(Err(_)) => refuse("is not UTF-8 text".to_owned()),
        Err(error) => refuse(format!("cannot be read: {error}")),
    }
}

fn parse(text: &str, place: &Place, secrets: Secrets<'_>) -> Result<Access, Findings> {
    let (mut findings, mut access) = (Findings::default(), Access::default());
    if let Some(root) = tree::read(text, place, &mut findings)
        && root.value != Value::Null
    {
        let folder = place.file.parent().map(Path::to_owned);
        let mut reader = Reader { place, findings: &mut findings, folder };
        whole(&mut reader, &root, &mut access, secrets);
    }
    if findings.is_ok() { Ok(access) } else { Err(findings) }
}

fn whole(reader: &mut Reader<'_>, root: &Node, access: &mut Access, secrets: Secrets<'_>) {
    let Some(fields) = reader.fields(root, "the file", &KEYS) else { return };
    let guard = &mut access.guard;
    for node in entries(reader, &fields, "keys") {
        let Some(key) = key(reader, node, secrets) else { continue };
        if guard.keys.iter().any(|known| known.name == key.name) {
            reader.wrong(node, format!("there are two keys with the name `{}`", key.name), "give one another name");
        }
        guard.keys.push(key);
    }
    if let Some(node) = fields.get("oidc")
        && let Some(inner) = reader.fields(node, "`oidc`", &OIDC_KEYS)
    {
        guard.issuer = issuer(reader, &inner);
    }
    for (origin, node) in listed(reader, &fields, "origins") {
        let rest = origin.split_once("://").filter(|(scheme, _)| ["https", "http"].contains(scheme));
        if rest.is_some_and(|(_, host)| name_of(host).is_some()) {
            guard.origins.push(origin);
        } else {
            let help = "write it as browsers do: `https://board.example.org`, without a path, and no `*`";
            reader.wrong(node, format!("`{}` is no origin", origin.escape_debug()), help);
        }
    }
    for (host, node) in listed(reader, &fields, "hosts") {
        match name_of(&host) {
            Some(name) if name == host.to_ascii_lowercase() => guard.hosts.push(name),
            _ => {
                let message = format!("`{}` is no name of a host", host.escape_debug());
                reader.wrong(node, message, "write it without a port");
            }
        }
    }
    if let Some(node) = fields.get("rate")
        && let Some(inner) = reader.fields(node, "`rate`", &RATE_KEYS)
    {
        rates(reader, &inner, guard);
    }
    tls(reader, &fields, access);
    for (address, node) in listed(reader, &fields, "proxies") {
        if let Ok(address) = address.parse::<IpAddr>() {
            access.guard.proxies.push(address);
        } else {
            let message = format!("`{}` is no address in numbers", address.escape_debug());
            reader.wrong(node, message, "write the proxy's address, such as `127.0.0.1`");
        }
    }
    access.guard.audit = reader.file(&fields, "audit");
    webhooks(reader, &fields, access, secrets);
    if let Some(node) = fields.get("connections")
        && let Some(inner) = reader.fields(node, "`connections`", &CONNECTION_KEYS)
    {
        let most = &mut access.crowding;
        for (name, most) in [("of-address", &mut most.of_address), ("of-this-machine", &mut most.of_this_machine)] {
            if let Some(number) = inner.get(name).and_then(|node| reader.number(node, name, CONNECTION_RANGE)) {
                *most = usize::try_from(floor(number)).unwrap_or(*most);
            }
        }
    }
}

fn webhooks(reader: &mut Reader<'_>, fields: &Fields<'_>, access: &mut Access, secrets: Secrets<'_>) {
    let Some(node) = fields.get("webhooks") else { return };
    let Some(inner) = reader.fields(node, "`webhooks`", &WEBHOOK_KEYS) else { return };
    if reader.flag(&inner, "private", false) {
        access.webhooks.reach = Reach::OwnNetwork;
    }
    let (Some(node), Some(variable)) = (inner.get("key-from"), reader.variable(&inner, "key-from")) else { return };
    let held = secrets(&variable).map(|held| held.trim().to_owned()).filter(|held| !held.is_empty());
    let Some(held) = held else {
        let message = format!("the environment variable `{variable}` is not set");
        reader.wrong(node, message, format!("set it to a text of at least {KEY_MIN} bytes that nobody knows"));
        return;
    };
    access.webhooks.key = ServerKey::new(&held);
    if access.webhooks.key.is_none() {
        let message = format!("what `{variable}` holds is too short for a key: it has less than {KEY_MIN} bytes");
        reader.wrong(node, message, "`openssl rand -hex 32` makes one");
    }
}

/// The entries of a list of entries.
fn entries<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, name: &str) -> &'n [Node] {
    let Some(node) = fields.get(name) else { return &[] };
    match &node.value {
        Value::List(items) if items.len() <= ENTRIES_MAX => items,
        Value::List(items) => {
            let message = format!("`{name}` has {} entries, more than {ENTRIES_MAX}", items.len());
            reader.wrong(node, message, "use an issuer (`oidc`) for so many");
            &[]
        }
        other => {
            reader.wrong(
                node,
                format!("`{name}` should be a list, not {}", other.describe()),
                "write each behind a `-`",
            );
            &[]
        }
    }
}

/// One text or a list of texts under a key.
fn listed<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, name: &str) -> Vec<(String, &'n Node)> {
    let mut found = fields.get(name).map_or_else(Vec::new, |node| reader.texts(node, name));
    found.truncate(ENTRIES_MAX);
    found
}

fn words() -> Vec<(&'static str, Role)> {
    Role::ALL.map(|role| (role.word(), role)).to_vec()
}

fn key(reader: &mut Reader<'_>, node: &Node, secrets: Secrets<'_>) -> Option<Key> {
    let fields = reader.fields(node, "a key", &KEY_KEYS)?;
    let role = reader.needed(&fields, "role", "write what it may do: `viewer`, `trainer`, `operator` or `admin`");
    let role = role.and_then(|node| reader.word(node, "role", &words()));
    let name_node = reader.needed(&fields, "name", "give it one; the audit log has it")?;
    let name = reader.text(name_node, "name")?;
    if !is_name(&name) {
        let message = format!("`{}` cannot be the name of a key", name.escape_debug());
        reader.wrong(name_node, message, "write 1 to 64 letters, digits, `-`, `_` or `.`");
        return None;
    }
    let variable = reader.variable(&fields, "key-from");
    match (fields.get("hash"), fields.get("key-from")) {
        (Some(hash), None) => {
            let found =
                reader.text(hash, "hash").and_then(|hash| Key::hashed(&name, role.unwrap_or(Role::Viewer), &hash));
            if found.is_none() {
                // People write the key itself here: it is not told.
                reader.wrong_unshown(hash, format!("the hash of `{name}` is none"), MAKE);
            }
            found.filter(|_| role.is_some())
        }
        (None, Some(node)) => {
            let variable = variable?;
            let held = secrets(&variable).map(|held| held.trim().to_owned()).filter(|held| !held.is_empty());
            let Some(held) = held else {
                let message = format!("the environment variable `{variable}` is not set");
                reader.wrong(node, message, "set it to the key, or write its hash");
                return None;
            };
            let found = Key::plain(&name, role.unwrap_or(Role::Viewer), &held);
            if found.is_none() {
                let message =
                    format!("what `{variable}` holds is no key: it begins with `citytwin_` and has 64 digits");
                reader.wrong(node, message, MAKE);
            }
            found.filter(|_| role.is_some())
        }
        _ => {
            reader.wrong(node, format!("`{name}` needs one of `hash` and `key-from`"), MAKE);
            None
        }
    }
}

fn issuer(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<IssuerSettings> {
    if !fetch::ABLE {
        let message = "this build cannot ask an issuer";
        reader.wrong(fields.node(), message, "build it with the feature `actions`, or take `oidc` out");
        return None;
    }
    let node = reader.needed(fields, "issuer", "write it as its tokens have it, such as `https://id.example.org`");
    let address = node.and_then(|node| {
        let address = reader.text(node, "issuer")?;
        if !is_web_address(&address) {
            let help = "write `https://`; `http://` goes on this machine only, and a password never";
            reader.wrong_unshown(node, "`issuer` is no address that is spoken to", help);
            return None;
        }
        Some(address)
    });
    let help = "write whom tokens are meant for: the name this server has at the issuer";
    let audience = reader.needed(fields, "audience", help).and_then(|node| reader.text(node, "audience"));
    let mut settings = IssuerSettings::new(&address?, &audience?);
    if let Some(node) = fields.get("algorithms") {
        settings.algorithms.clear();
        for (word, node) in reader.texts(node, "algorithms") {
            if let Some(known) = TokenAlgorithm::ALL.iter().find(|known| known.0 == word) {
                settings.algorithms.push(known.1);
            } else {
                let message = format!("`{}` is no algorithm tokens may have here", word.escape_debug());
                reader.wrong(node, message, "write some of `RS256`, `ES256` and `EdDSA`");
            }
        }
    }
    for (name, place) in [("role-claim", &mut settings.role_claim), ("name-claim", &mut settings.name_claim)] {
        if let Some(text) = fields.get(name).and_then(|node| reader.text(node, name)) {
            *place = text;
        }
    }
    if let Some(node) = fields.get("roles") {
        if let Value::Map(map) = &node.value {
            for (word, node) in map {
                let role = reader.word(node, "role", &words());
                settings.roles.extend(role.map(|role| (word.name.clone(), role)));
            }
        } else {
            let help = "write the issuer's word, a colon and ours: `roles: { control-room: operator }`";
            reader.wrong(node, format!("`roles` cannot be {}", node.value.describe()), help);
        }
    }
    settings.ca = reader.file(fields, "ca");
    Some(settings)
}

/// The whole part of a number of a range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within its range, which fits; a fraction of a request is none"
)]
const fn floor(number: f64) -> u32 {
    number as u32
}

fn rates(reader: &mut Reader<'_>, fields: &Fields<'_>, guard: &mut GuardSettings) {
    let rates = &mut guard.rates;
    for (name, rate) in [
        ("viewer", &mut rates.viewer),
        ("trainer", &mut rates.trainer),
        ("operator", &mut rates.operator),
        ("admin", &mut rates.admin),
        ("page", &mut rates.page),
        ("address", &mut rates.address),
    ] {
        if let Some(number) = fields.get(name).and_then(|node| reader.number(node, name, RATE_RANGE)) {
            *rate = Rate::hourly(floor(number));
        }
    }
}

fn tls(reader: &mut Reader<'_>, fields: &Fields<'_>, access: &mut Access) {
    let Some(node) = fields.get("tls") else { return };
    match &node.value {
        Value::Text(text) if text == "behind-proxy" => access.guard.behind_proxy = true,
        Value::Map(_) => {
            let Some(inner) = reader.fields(node, "`tls`", &TLS_KEYS) else { return };
            match (reader.file(&inner, "certificate"), reader.file(&inner, "key")) {
                (Some(certificate), Some(key)) => access.tls = Some(TlsFiles { certificate, key }),
                _ => reader.wrong(node, "`tls` needs both `certificate` and `key`", "write the files of both, in PEM"),
            }
        }
        other => {
            let help = "write `tls: { certificate: cert.pem, key: key.pem }`, or `tls: behind-proxy`";
            reader.wrong(node, format!("`tls` cannot be {}", other.describe()), help);
        }
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
