//! Addresses outside: what may be written, and which machines may be spoken to at all.
//!
//! The file of rules is the operator's own, so machines of the city's own network and this one may be named in it. What nobody
//! means is the link-local neighbourhood, where clouds hand out credentials to whoever asks (169.254.169.254), and addresses
//! that are nobody's. A name is judged by what it resolves to, and the connection goes to the address that was judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where clouds hand out credentials outside the link-local ranges: Amazon (IPv6), Alibaba, Oracle.
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// What is wrong with a web address, to follow its name in a sentence.
pub(crate) fn check(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("has no scheme")?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err(format!("has the scheme `{}`, not http or https", scheme.escape_debug())),
    };
    if !url.chars().all(|c| c.is_ascii_graphic()) {
        return Err("has characters that an address cannot have".to_owned());
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("has a user or password in it; use `secret-from` or `url-from`".to_owned());
    }
    host_and_port(authority, default).map(drop).ok_or_else(|| "names no machine".to_owned())
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(crate) fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let port = port.map_or(Some(default), |port| port.parse().ok().filter(|port| *port > 0))?;
    (!host.is_empty() && host.len() <= 253 && host.chars().all(plain)).then(|| (host.to_owned(), port))
}

/// A web address as it may be told: without path and query, which may be secret.
pub(crate) fn told(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}", authority.rsplit('@').next().unwrap_or_default())
}

/// Whether a text is an e-mail address, alone or behind a name: `Control room <someone@example.org>`.
pub(crate) fn is_mailbox(text: &str) -> bool {
    let address = match text.strip_suffix('>') {
        Some(named) => match named.split_once('<') {
            Some((name, address)) if !name.contains(['<', '>', '"', ',', ';', ':']) => address,
            _ => return false,
        },
        None => text,
    };
    let Some((user, host)) = address.rsplit_once('@') else { return false };
    let user_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let host_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    !text.chars().any(char::is_control)
        && (1..=64).contains(&user.len())
        && user.chars().all(user_plain)
        && (1..=253).contains(&host.len())
        && host.chars().all(host_plain)
        && !host.starts_with(['.', '-'])
        && !host.ends_with(['.', '-'])
}

/// Why nobody should speak to an address, if that is so.
pub(crate) fn refusal(address: IpAddr, allow_link_local: bool) -> Option<&'static str> {
    let address = embedded(address);
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let nobody = match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    };
    if nobody {
        return Some("is no machine's address");
    }
    ((link_local || METADATA.contains(&address)) && !allow_link_local)
        .then_some("is link-local, where clouds keep credentials; say `allow-link-local: true` if it is meant")
}

/// Which machines may be spoken to for those who ask over the network, and not in the operator's own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Those of the public internet, in encryption.
    #[default]
    Outside,
    /// This machine as well.
    ThisMachine,
    /// This machine and networks that are not the public internet as well.
    OwnNetwork,
}

/// Why an address should not be spoken to for somebody who asks over the network, if that is so.
pub(crate) fn beyond(address: IpAddr, encrypted: bool, reach: Reach) -> Option<&'static str> {
    if refusal(address, false).is_some() {
        return Some("is link-local, where clouds keep credentials, or no machine's");
    }
    let address = embedded(address);
    let here = address.is_loopback();
    let own = here || is_private(address);
    let within = match reach {
        Reach::Outside => !own,
        Reach::ThisMachine => here || !own,
        Reach::OwnNetwork => true,
    };
    if !within {
        return Some(
            "is of this machine or a private network; `webhooks: { private: true }` in the file of access allows those",
        );
    }
    (!own && !encrypted).then_some("would be told in plain words; write https")
}

/// Whether an address is no machine's of the public internet (the registries of RFC 6890).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_documentation()
                || (a == 100 && (64..128).contains(&b))
                || (a, b, c) == (192, 0, 0)
                || (a == 198 && (b & 0xfe) == 18)
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let [first, second, third, ..] = v6.segments();
            (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfec0
                || first == 0x100
                || (first == 0x2001 && (second < 0x200 || second == 0xdb8))
                || (first, second, third) == (0x64, 0xff9b, 1)
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let part = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => part(high, low),
        // The deprecated IPv4-compatible form; `::` and `::1` stand for themselves.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => part(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_web_addresses_pass() {
        for url in ["http://a", "https://a.b:8080/x?y=1", "http://127.0.0.1:1/", "https://[::1]:8443/hook"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        let bad = ["a.b/c", "ftp://a", "file:///etc/passwd", "http://", "http://u:p@a/", "http://a b", "http://a:0/"];
        for url in bad.into_iter().chain(["http://a:99999", "http://[::1", "http://a\r\nX: y", "http://[1.2.3.4]/"]) {
            assert!(check(url).is_err(), "{url}");
        }
        assert_eq!(told("https://hooks.example.org/services/T0/B0/secret?k=v"), "https://hooks.example.org");
        assert_eq!(told("https://u:p@a.b/x"), "https://a.b");
    }

    #[test]
    fn the_neighbourhood_is_left_alone() {
        let cases = [
            ("169.254.169.254", false),
            ("169.254.0.1", false),
            ("fe80::1", false),
            ("::ffff:169.254.169.254", false),
            ("::169.254.169.254", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("2002:a9fe:a9fe::1", false),
            ("fd00:ec2::254", false),
            ("100.100.100.200", false),
            ("0.0.0.0", false),
            ("::", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("ff02::1", false),
            ("127.0.0.1", true),
            ("::1", true),
            ("10.1.2.3", true),
            ("192.168.1.1", true),
            ("fd12::1", true),
            ("93.184.216.34", true),
        ];
        for (address, welcome) in cases {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(refusal(address, false).is_none(), welcome, "{address}");
        }
        assert_eq!(refusal(IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1)), true), None);
        assert!(refusal(IpAddr::V4(Ipv4Addr::UNSPECIFIED), true).is_some());
    }

    #[test]
    fn mailboxes_cannot_carry_headers() {
        for good in ["a@b.org", "Control room <ops+city@mail.example.org>", "o'neil@x.y", "root@localhost"] {
            assert!(is_mailbox(good), "{good}");
        }
        for bad in
            ["", "a", "a@", "@b", "a b@c", "a@b\r\nBcc: x@y", "A, B <a@b>", "<a@b", "a@b>", "a@b, c@d", "\"x\"@b"]
        {
            assert!(!is_mailbox(bad), "{bad}");
        }
    }
}
