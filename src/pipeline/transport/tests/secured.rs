//! Who comes in and who does not: passwords, certificates, rights, encryption, and how much anybody may send.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::raw::{Raw, packet, publish, subscribe, text};
use super::*;
use crate::pipeline::transport::users::cheap_hash;
use crate::pipeline::transport::{
    Confirm, Credentials, ListenError, ListenerSecurity, Protocol, PublishError, Publisher, PublisherOptions, Target,
    TlsClient, TlsClientFiles, TlsServer, Users,
};

/// CONNECT with a name and a password.
fn login(level: u8, user: &str, password: &str) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    let (user, id) = (text(user), text(user));
    packet(0x10, &[&text("MQTT"), &[level, 0xc2, 0, 0], properties, &id, &user, &text(password)])
}

fn users(folder: &Path) -> Arc<Users> {
    let line = |name: &str, rest: &str| format!("{name}:{}{rest}\n", cheap_hash(&format!("{name}'s secret")));
    let text =
        line("bus", ":gps_data/{user},x/+:") + &line("operator", "::#") + &line("anything", "") + "by-cert:-:c/#\n";
    let path = folder.join("users");
    std::fs::write(&path, text).unwrap();
    Arc::new(Users::load(&path).unwrap())
}

fn guarded(security: ListenerSecurity, limits: ListenerLimits) -> Served {
    let (runtime, bus) = (runtime(), Arc::new(MemoryBus::new(2, 1 << 28)) as Arc<dyn Bus>);
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::guarded(runtime.handle(), address, Arc::clone(&bus), limits, security).unwrap();
    Served { runtime, listener, bus }
}

/// A certificate authority, and what it has signed, as files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Files of a certificate and its key.
    fn sign(&self, common_name: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (self.path(&format!("{common_name}.pem")), self.path(&format!("{common_name}.key")));
        std::fs::write(&paths.0, certificate.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }
}

/// CONNACK's reason.
fn told(client: &mut Raw, hello: &[u8]) -> u8 {
    client.send(hello);
    let (first, rest) = client.packet().unwrap();
    assert_eq!(first, 0x20);
    rest[1]
}

#[test]
fn only_those_with_the_right_password_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let security = ListenerSecurity { users: Some(users(folder.path())), ..ListenerSecurity::default() };
    let served = guarded(security, limits());
    for (level, hello, code) in [
        (4, super::raw::connect(4, "x", 0), 5),
        (5, super::raw::connect(5, "x", 0), 0x87),
        (4, login(4, "bus", "wrong"), 5),
        (5, login(5, "bus", "wrong"), 0x86),
        (5, login(5, "nobody", "bus's secret"), 0x86),
        (5, login(5, "by-cert", ""), 0x86),
        (4, login(4, "bus", "bus's secret"), 0),
        (5, login(5, "bus", "bus's secret"), 0),
    ] {
        let mut client = Raw::dial(served.port());
        assert_eq!(told(&mut client, &hello), code, "level {level}");
        if code != 0 {
            assert_eq!(client.packet(), None, "and the connection is closed");
        }
    }
    // An address that fails too often is not heard any more, but for those who have proved who they are.
    let blocked = (0..20)
        .map(|_| told(&mut Raw::dial(served.port()), &login(5, "operator", "wrong")))
        .filter(|code| *code == 0x9f);
    assert!(blocked.count() > 0);
    assert_eq!(told(&mut Raw::dial(served.port()), &login(5, "bus", "bus's secret")), 0);
    let refused = served.shutdown().refused;
    assert_eq!(refused["no user name given"], 2);
    assert!(refused["wrong user name or password"] >= 4 && refused["too many wrong passwords of one address"] > 0);
}

#[test]
fn everybody_does_only_what_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let security = ListenerSecurity { users: Some(users(folder.path())), ..ListenerSecurity::default() };
    let served = guarded(security, ListenerLimits { connections_per_user: 2, ..limits() });
    let enter = |level: u8, name: &str| {
        let mut client = Raw::dial(served.port());
        assert_eq!(told(&mut client, &login(level, name, &format!("{name}'s secret"))), 0);
        client
    };
    let mut bus = enter(5, "bus");
    bus.send(&publish(5, 2, "gps_data/bus", 1, b"x"));
    assert_eq!(bus.packet(), Some((0x40, vec![0, 1])));
    bus.send(&publish(5, 2, "gps_data/tram", 2, b"x"));
    bus.send(&publish(5, 2, "x/y", 3, b"x"));
    assert_eq!(bus.packet(), Some((0x40, vec![0, 2, 0x87])), "not authorized, and the connection goes on");
    assert_eq!(bus.packet(), Some((0x40, vec![0, 3])));
    bus.send(&subscribe(5, 4, "#", 1));
    assert_eq!(bus.packet(), Some((0x90, vec![0, 4, 0, 0x87])));
    bus.send(&subscribe(5, 5, "citytwin/ack/bus-0/1f", 0));
    assert_eq!(bus.packet(), Some((0x90, vec![0, 5, 0, 0])), "one's own confirmations are everybody's right");
    let another =
        packet(0x10, &[&text("MQTT"), &[5, 0xc2, 0, 0, 0], &text("another"), &text("bus"), &text("bus's secret")]);
    let mut third = Raw::dial(served.port());
    assert_eq!(told(&mut third, &another), 0);
    assert_eq!(
        told(&mut Raw::dial(served.port()), &login(5, "bus", "bus's secret")),
        0x97,
        "a third connection of one user"
    );
    drop(third);
    super::edges::wait_for(|| served.listener.stats().open == 1);
    let mut old = enter(4, "bus");
    old.send(&publish(4, 2, "gps_data/tram", 1, b"x"));
    assert_eq!(old.packet(), None, "3.1.1 has no words for it");
    let mut free = enter(4, "anything");
    free.send(&publish(4, 2, "gps_data/tram", 1, b"x"));
    assert_eq!(free.packet(), Some((0x40, vec![0, 1])));
    assert_eq!(everything(&*served.bus).len(), 3);
    let stats = served.listener.stats();
    assert_eq!((stats.denied_publishes, stats.denied_subscriptions, stats.publishes), (2, 1, 3));
    assert_eq!(stats.refused["publishing not allowed to the user"], 1);
    assert_eq!(stats.refused["too many connections of one user"], 1);
}

#[test]
fn a_listener_is_not_open_to_other_machines_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let listen = |address: &str, security: ListenerSecurity| {
        let bus = Arc::new(MemoryBus::new(1, 1 << 20));
        Listener::guarded(runtime.handle(), address.parse().unwrap(), bus, limits(), security)
    };
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let error = listen(address, ListenerSecurity::default()).unwrap_err();
        assert!(
            matches!(error, ListenError::Open { .. }) && error.to_string().contains("name a users file"),
            "{error}"
        );
    }
    let with_users = ListenerSecurity { users: Some(users(folder.path())), ..ListenerSecurity::default() };
    assert!(listen("0.0.0.0:0", with_users).is_ok());
    assert!(listen("0.0.0.0:0", ListenerSecurity { allow_anonymous: true, ..ListenerSecurity::default() }).is_ok());
    assert!(listen("127.0.0.1:0", ListenerSecurity::default()).is_ok());
}

fn publish_some(served: &Served, options: &PublisherOptions) -> Result<(), PublishError> {
    let port = served.port();
    let target = Target { encrypted: true, ..Target::plain("localhost", port) };
    let publishing = runtime();
    let publisher = Publisher::connect(publishing.handle(), &target, options);
    for number in 0..500 {
        publisher.publish(Message::new("c/one", format!("{number} {}", "x".repeat(number * 50))))?;
    }
    publisher.flush()?;
    publishing.block_on(publisher.close()).map(drop)
}

#[test]
fn the_wire_is_encrypted_for_those_who_believe_the_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.sign("localhost", &["localhost"]);
    let tls = Some(TlsServer::load(&certificate, &key, None).unwrap());
    let served = guarded(ListenerSecurity { tls, ..ListenerSecurity::default() }, limits());
    let believing = |authority: &Authority| {
        let files = TlsClientFiles { authorities: Some(authority.path("ca.pem")), ..TlsClientFiles::default() };
        TlsClient::load(&files).unwrap()
    };
    for (protocol, confirm) in [(Protocol::V5, Confirm::END_TO_END), (Protocol::V311, Confirm::Broker)] {
        let options = PublisherOptions::new(protocol, 2, "encrypted");
        publish_some(&served, &PublisherOptions { confirm, tls: Some(believing(&authority)), ..options }).unwrap();
    }
    assert_eq!(everything(&*served.bus).len(), 1000);
    let give_up = Duration::from_millis(300);
    for tls in [Some(believing(&other)), None] {
        let options = PublisherOptions { give_up, tls, ..PublisherOptions::new(Protocol::V5, 1, "doubting") };
        let error = publish_some(&served, &options).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot reach the broker mqtts://localhost")
                && error.contains("invalid peer certificate"),
            "{error}"
        );
    }
    // Whoever speaks plain words is not understood.
    let mut plain = Raw::dial(served.port());
    let _ = std::io::Write::write_all(&mut plain.0, &super::raw::connect(5, "plain", 0));
    // An alert of TLS, as a rule, and the end.
    let _ = std::io::Read::read_to_end(&mut plain.0, &mut Vec::new());
    super::edges::wait_for(|| served.listener.stats().refused["encryption not agreed on"] >= 3);
}

#[test]
fn a_certificate_says_who_comes() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.sign("localhost", &["localhost"]);
    let tls = Some(TlsServer::load(&certificate, &key, Some(&authority.path("ca.pem"))).unwrap());
    let security = ListenerSecurity { tls, users: Some(users(folder.path())), ..ListenerSecurity::default() };
    let served = guarded(security, limits());
    for (signed_by, name, expected) in [
        (&authority, "by-cert", None),
        (&authority, "stranger", Some("not authorized")),
        (&other, "by-cert", Some("cannot reach")),
    ] {
        let (certificate, key) = signed_by.sign(name, &[]);
        let files = TlsClientFiles {
            authorities: Some(authority.path("ca.pem")),
            certificate: Some(certificate),
            key: Some(key),
        };
        let tls = Some(TlsClient::load(&files).unwrap());
        // The password is nobody's business then.
        let credentials = Some(Credentials { user: "bus".to_owned(), password: "x".to_owned() });
        let give_up = Duration::from_millis(500);
        let options =
            PublisherOptions { give_up, credentials, tls, ..PublisherOptions::new(Protocol::V5, 1, "certified") };
        match (publish_some(&served, &options), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (result, expected) => unreachable!("{name}: {result:?}, not {expected:?}"),
        }
    }
    assert_eq!(everything(&*served.bus).len(), 500);
}

#[test]
fn bad_files_are_told_by_name() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("one", &["one"]);
    let (_, other_key) = authority.sign("two", &["two"]);
    let nothing = authority.path("nothing.pem");
    std::fs::write(&nothing, "x").unwrap();
    let server = |certificate: &Path, key: &Path| TlsServer::load(certificate, key, None).unwrap_err().to_string();
    assert!(server(Path::new("/no/such/file"), &key).contains("`/no/such/file` cannot be read"));
    assert!(server(&nothing, &key).contains("nothing.pem` holds no certificate"));
    assert!(server(&certificate, &nothing).contains("nothing.pem` holds no private key"));
    assert!(server(&certificate, &other_key).contains("one.pem` and its key do not work together"));
    let half = TlsClientFiles { certificate: Some(certificate), ..TlsClientFiles::default() };
    assert!(TlsClient::load(&half).unwrap_err().to_string().contains("needs its key"));
}

#[test]
fn whoever_sends_too_much_is_slowed_and_loses_nothing() {
    let slow = ListenerLimits { messages_per_second: 2000, bytes_per_second: 200_000, ..limits() };
    let served = Served::with(Arc::new(MemoryBus::new(1, 1 << 28)), slow);
    let mut client = Raw::client(served.port(), 5, "hasty");
    let mut other = Raw::client(served.port(), 5, "other");
    for id in 1..=3000_u16 {
        client.send(&publish(5, 2, "city/a", id, b"0123456789"));
    }
    other.ping();
    for id in 1..=3000_u16 {
        assert_eq!(client.packet(), Some((0x40, id.to_be_bytes().to_vec())));
    }
    let stats = served.shutdown();
    assert!(stats.throttled >= 1 && stats.publishes == 3000, "{stats:?}");
}

#[test]
fn an_address_has_only_so_many_connections() {
    let served =
        Served::with(Arc::new(MemoryBus::new(1, 1 << 20)), ListenerLimits { connections_per_address: 2, ..limits() });
    let first = Raw::client(served.port(), 4, "first");
    let _second = Raw::client(served.port(), 5, "second");
    assert_eq!(Raw::dial(served.port()).packet(), None);
    let refused = || served.listener.stats().refused.get("too many connections of one address").copied();
    super::edges::wait_for(|| refused() == Some(1));
    drop(first);
    super::edges::wait_for(|| served.listener.stats().open == 1);
    Raw::client(served.port(), 5, "third").ping();
}
