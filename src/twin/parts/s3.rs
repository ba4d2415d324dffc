//! A bucket as the file of parts names it: where it is, who we are to it, and how it is reached.

use std::path::PathBuf;

use super::Secrets;
#[cfg(feature = "s3")]
use super::connect::secret;
#[cfg(feature = "s3")]
use crate::pipeline::stores::{Bucket, S3Settings};
use crate::primitives::fields::{Fields, Reader};
use crate::twin::TwinError;

/// What may be said of it.
pub(super) const KEYS: [&str; 8] =
    ["url", "endpoint", "region", "key-from", "secret-from", "session-from", "path-style", "ca"];
/// Longest prefix [bytes].
const PREFIX_MAX: usize = 200;
const EXAMPLE: &str = "write it like `s3://bucket/city`";

/// A bucket of S3, or of what speaks its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with, one a city.
    pub prefix: String,
    /// Where the server is; Amazon's own of the region if none.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The variables with key and secret; the role of the machine if none.
    pub login: Option<(String, String)>,
    /// The variable with the token of a session.
    pub session_from: Option<String>,
    /// Whether the bucket stands in the path of the URL.
    pub path_style: bool,
    /// Who may vouch for it, instead of the system's list.
    pub ca: Option<PathBuf>,
}

impl S3 {
    /// Where it is, without secrets.
    pub fn place(&self) -> String {
        let at = self.endpoint.as_ref().map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
        format!("s3://{}/{}{at}", self.bucket, self.prefix)
    }
}

/// Reads what is said of it.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<S3> {
    let place = place(reader, fields);
    let endpoint = match fields.get("endpoint") {
        Some(_) => Some(endpoint(reader, fields)?),
        None => None,
    };
    let region = match fields.get("region") {
        Some(node) => Some(reader.text(node, "region")?),
        None => None,
    };
    let (key, secret) = (reader.variable(fields, "key-from"), reader.variable(fields, "secret-from"));
    let session_from = reader.variable(fields, "session-from");
    if key.is_some() != secret.is_some() {
        let message = "`s3` has only one of `key-from` and `secret-from`";
        reader.wrong(fields.node(), message, "write both, or neither where the machine has a role");
    } else if key.is_none() && session_from.is_some() {
        let help = "write `key-from` and `secret-from` as well";
        reader.wrong(fields.node(), "`s3` has the token of a session and no key", help);
    }
    let path_style = reader.flag(fields, "path-style", endpoint.is_some());
    let ca = reader.file(fields, "ca");
    if ca.is_some() && endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
        let help = "write `endpoint: https://...` as well";
        reader.wrong(fields.node(), "`s3` has certificates and does not encrypt", help);
    }
    let (bucket, prefix) = place?;
    Some(S3 { bucket, prefix, endpoint, region, login: key.zip(secret), session_from, path_style, ca })
}

/// Bucket and prefix.
fn place(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<(String, String)> {
    let node = reader.needed(fields, "url", EXAMPLE)?;
    let url = reader.text(node, "url")?;
    if url.contains('@') {
        // What stands before it may be a secret: it is not told.
        let help = "key and secret come from variables: `key-from`, `secret-from`";
        reader.wrong_unshown(node, "`url` names somebody", help);
        return None;
    }
    let Some(rest) = url.strip_prefix("s3://") else {
        reader.wrong(node, "`url` does not begin with `s3://`", EXAMPLE);
        return None;
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(plain) {
        let help = format!("a bucket has 3 to 63 of a-z 0-9 . -; {EXAMPLE}");
        reader.wrong(node, format!("`{}` cannot be a bucket", bucket.escape_debug()), help);
        return None;
    }
    let prefix = prefix.trim_end_matches('/');
    let prefix = if prefix.is_empty() { "citytwin" } else { prefix };
    let level = |level: &str| {
        !level.is_empty()
            && !level.trim_matches('.').is_empty()
            && level.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if prefix.len() > PREFIX_MAX || !prefix.split('/').all(level) {
        let help = format!("a prefix has 1 to {PREFIX_MAX} of A-Z a-z 0-9 . _ - and / between them");
        reader.wrong(node, format!("`{}` cannot be a prefix", prefix.escape_debug()), help);
        return None;
    }
    Some((bucket.to_owned(), prefix.to_owned()))
}

fn endpoint(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let node = fields.get("endpoint")?;
    let text = reader.text(node, "endpoint")?;
    let help = "write it like `http://127.0.0.1:9000`, or `https://` with encryption";
    if text.contains('@') {
        reader.wrong_unshown(
            node,
            "`endpoint` names somebody",
            "key and secret come from variables: `key-from`, `secret-from`",
        );
        return None;
    }
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = host.map(|host| host.trim_end_matches('/'));
    let sound = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', ' ']);
    if !host.is_some_and(sound) {
        reader.wrong(node, format!("`endpoint` cannot be `{}`", text.escape_debug()), help);
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

#[cfg(feature = "s3")]
impl S3 {
    /// The bucket; it need not answer yet.
    ///
    /// # Errors
    /// When a variable is not set, or a certificate is none.
    pub(super) fn open(&self, secrets: Secrets<'_>) -> Result<Bucket, TwinError> {
        let of = |name: &String| secret(secrets, name);
        let login = self.login.as_ref().map(|(key, secret)| Ok::<_, TwinError>((of(key)?, of(secret)?)));
        Ok(Bucket::open(&S3Settings {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            login: login.transpose()?,
            session: self.session_from.as_ref().map(of).transpose()?,
            path_style: self.path_style,
            authorities: self.ca.clone(),
        })?)
    }

    /// Whether it answers, may be written, and lets only one of two writers win.
    pub(super) fn ask(&self, secrets: Secrets<'_>) -> Result<(), TwinError> {
        Ok(self.open(secrets)?.probe()?)
    }
}

/// The complaint of a program that was built without it.
#[cfg(not(feature = "s3"))]
#[expect(clippy::unused_self, reason = "asked as where it is built in")]
impl S3 {
    pub(super) fn ask(&self, _: Secrets<'_>) -> Result<(), TwinError> {
        Err(TwinError::Service(
            "`history` names a bucket, which this program was built without; build it with `--features s3`, or leave `history` out"
                .to_owned(),
        ))
    }
}
