//! Whom a certificate is about: the common name of its subject, or its first alternative name (RFC 5280, 4.1 and 4.2.1.6).
//!
//! Reads just so much of the DER (ITU-T X.690) as stands before these two. The certificate has been verified before; that it is
//! sound is not taken for granted all the same. Knows no TLS.

/// Longest name taken [bytes].
const NAME_BYTES_MAX: usize = 128;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const OCTETS: u8 = 0x04;
/// `commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `subjectAltName`, 2.5.29.17.
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The next element's tag and contents, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if first & 0x80 == 0 {
        (usize::from(*first), rest)
    } else {
        let digits = usize::from(first & 0x7f);
        if digits == 0 || digits > 3 || rest.len() < digits {
            return None;
        }
        let (length, rest) = rest.split_at(digits);
        (length.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    (rest.len() >= length).then(|| (*tag, &rest[..length], &rest[length..]))
}

/// The elements inside an element.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, contents, rest) = element(bytes)?;
        bytes = rest;
        Some((tag, contents))
    })
}

/// The name of a certificate's subject, if it has one that is a user's name.
pub(in super::super) fn subject(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate)?;
    let (_, inner, _) = element(certificate)?;
    // Version (tag 0xa0, may be missing), serial number, algorithm, issuer, validity, subject, key, and then what is optional.
    let parts: Vec<(u8, &[u8])> = elements(inner).filter(|(tag, _)| *tag != 0xa0).collect();
    let (_, subject) = parts.get(4).filter(|(tag, _)| *tag == SEQUENCE)?;
    let common = elements(subject).filter(|(tag, _)| *tag == SET).flat_map(|(_, set)| elements(set));
    let common = common.filter_map(|(_, pair)| {
        let (tag, kind, rest) = element(pair)?;
        (tag == OBJECT && kind == COMMON_NAME).then(|| element(rest)).flatten()
    });
    let alternative = parts.iter().filter(|(tag, _)| *tag == 0xa3).flat_map(|(_, extensions)| alternatives(extensions));
    common.map(|(_, name, _)| name).chain(alternative).find_map(user_name)
}

/// Alternative names that are text: e-mail, DNS and URI.
fn alternatives(extensions: &[u8]) -> Vec<&[u8]> {
    let Some((SEQUENCE, extensions, _)) = element(extensions) else { return Vec::new() };
    let names = elements(extensions).filter_map(|(_, extension)| {
        let mut fields = elements(extension);
        let (_, kind) = fields.next()?;
        let (_, value) = fields.find(|(tag, _)| *tag == OCTETS)?;
        (kind == ALTERNATIVE_NAME).then(|| element(value)).flatten()
    });
    names
        .flat_map(|(_, names, _)| elements(names))
        .filter(|(tag, _)| matches!(tag, 0x81 | 0x82 | 0x86))
        .map(|(_, name)| name)
        .collect()
}

fn user_name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    let bad = |c: char| c.is_control() || "+#/".contains(c);
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(bad)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate(names: &[&str], common: Option<&str>) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "City");
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_says_whom_it_is_about() {
        for (names, common, expected) in [
            (&["bus.city.example"][..], Some("bus-17"), Some("bus-17")),
            (&["bus.city.example", "10.0.0.1"], None, Some("bus.city.example")),
            (&["10.0.0.1"], None, None),
            (&[], Some("a/#"), None),
            (&[], None, None),
        ] {
            assert_eq!(subject(&certificate(names, common)).as_deref(), expected, "{names:?} {common:?}");
        }
    }

    #[test]
    fn a_damaged_certificate_does_no_harm() {
        let whole = certificate(&["bus.city.example"], Some("bus-17"));
        for at in 0..whole.len() {
            let _ = subject(&whole[..at]);
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                assert!(subject(&damaged).is_none_or(|name| name.len() <= NAME_BYTES_MAX));
            }
        }
    }
}
