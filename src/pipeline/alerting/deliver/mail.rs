//! E-mails by SMTP: encrypted from the start or by STARTTLS, in plain text only to this machine itself.
//!
//! The machine is resolved here and judged, and the connection goes to the address that was judged; certificates are still held
//! against its name. Headers are made by the mail crate from whole values, so no text can add one.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};

use super::http::{certificates, secret_of};
use super::{Courier, Outcome, shape};
use crate::pipeline::alerting::address::refusal;
use crate::pipeline::alerting::outbox::Notice;
use crate::pipeline::alerting::rules::{Action, Email};
use crate::primitives::Timestamp;

/// Carries notices by e-mail.
struct Mails {
    email: Email,
    from: Mailbox,
    to: Vec<Mailbox>,
    login: Option<(String, String)>,
    allow_link_local: bool,
    tls: TlsParameters,
    /// Longest wait for each answer of the server.
    limit: Duration,
}

impl std::fmt::Debug for Mails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mails").field("to", &self.email.host).finish_non_exhaustive()
    }
}

/// The courier of an e-mail.
pub(super) fn courier(
    action: &Action,
    email: &Email,
    secret: &dyn Fn(&str) -> Option<String>,
    limit: Duration,
) -> Result<Arc<dyn Courier>, String> {
    let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|_| format!("`{text}` is no e-mail address"));
    let login = match &email.login {
        Some((user, password)) => Some((secret_of(user, secret)?, secret_of(password, secret)?)),
        None => None,
    };
    let mut tls = TlsParameters::builder(email.host.clone());
    if let Some(bytes) = certificates(action)? {
        let certificate =
            Certificate::from_pem(&bytes).map_err(|_| "the certificates in `ca` cannot be read".to_owned())?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let tls =
        tls.build().map_err(|error| format!("no encrypted connection to `{}` is possible: {error}", email.host))?;
    Ok(Arc::new(Mails {
        from: mailbox(&email.from)?,
        to: email.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        login,
        allow_link_local: action.allow_link_local,
        tls,
        limit,
        email: email.clone(),
    }))
}

impl Courier for Mails {
    fn body(&self, notice: &Notice) -> String {
        shape::lines(notice).join("\n")
    }

    fn carry(&self, notice: &Notice, now: Timestamp) -> Outcome {
        let place = format!("the mail server {}:{}", self.email.host, self.email.port);
        let again = |reason: String| Outcome::Again { reason, after: None };
        let message = match self.message(notice, now) {
            Ok(message) => message,
            Err(error) => return Outcome::Never { reason: format!("the e-mail cannot be written: {error}") },
        };
        let found = match (self.email.host.as_str(), self.email.port).to_socket_addrs() {
            Ok(found) => found.map(|address| address.ip()).collect::<Vec<_>>(),
            Err(error) => return again(format!("{place} is not found: {error}")),
        };
        let Some(address) = found.iter().find(|address| refusal(**address, self.allow_link_local).is_none()) else {
            let why = found.first().and_then(|address| refusal(*address, self.allow_link_local));
            return Outcome::Never {
                reason: format!("{place} is not spoken to: its address {}", why.unwrap_or("is none")),
            };
        };
        match self.transport(*address).send(&message) {
            Ok(_) => Outcome::Delivered,
            Err(error) if error.is_permanent() => Outcome::Never { reason: format!("{place} refuses: {error}") },
            Err(error) => again(format!("{place} does not take it: {error}")),
        }
    }
}

impl Mails {
    fn transport(&self, address: IpAddr) -> SmtpTransport {
        let tls = match (self.email.tls_first, address.is_loopback()) {
            (true, _) => Tls::Wrapper(self.tls.clone()),
            (false, true) => Tls::None,
            (false, false) => Tls::Required(self.tls.clone()),
        };
        let transport = SmtpTransport::builder_dangerous(address.to_string())
            .port(self.email.port)
            .tls(tls)
            .timeout(Some(self.limit));
        match &self.login {
            Some((user, password)) => transport.credentials(Credentials::new(user.clone(), password.clone())).build(),
            None => transport.build(),
        }
    }

    fn message(&self, notice: &Notice, now: Timestamp) -> Result<Message, lettre::error::Error> {
        let seconds = u64::try_from(now.as_milliseconds() / 1000).unwrap_or(0);
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(shape::title(&notice.alert))
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            // The same in every try, so that a mailbox may leave out what it has.
            .message_id(Some(format!("<{}@citytwin>", notice.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.body(self.body(notice))
    }
}
