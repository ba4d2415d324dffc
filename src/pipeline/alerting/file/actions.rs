//! Actions of the file: webhooks and e-mails, with the names of the variables that hold their secrets.

use crate::pipeline::alerting::rules::{Action, Email, Given, Way, Webhook, WebhookShape};
use crate::primitives::fields::{Fields, Reader, listed};
use crate::primitives::tree::{Node, Value};
use crate::telemetry::field::Text;

/// Where `PagerDuty` takes events, unless the file says another.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// Most people told by one e-mail.
const TO_MAX: usize = 50;

const WEBHOOK_KEYS: [&str; 7] =
    ["url", "url-from", "secret-from", "shape", "routing-key-from", "ca", "allow-link-local"];
const EMAIL_KEYS: [&str; 7] = ["smtp", "user-from", "password-from", "from", "to", "ca", "allow-link-local"];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Action> {
    let name = reader.name(node, "action");
    let fields = reader.fields(node, &format!("action `{name}`"), &["name", "webhook", "email"])?;
    let (inner, way) = match (fields.get("webhook"), fields.get("email")) {
        (Some(node), None) => {
            let inner = reader.fields(node, "`webhook`", &WEBHOOK_KEYS)?;
            let way = webhook(reader, &inner).map(Way::Webhook);
            (inner, way)
        }
        (None, Some(node)) => {
            let inner = reader.fields(node, "`email`", &EMAIL_KEYS)?;
            let way = email(reader, &inner).map(Way::Email);
            (inner, way)
        }
        _ => {
            let message = format!("{} should have one of `webhook` and `email`", fields.what);
            reader.wrong(fields.node(), message, "two ways are two actions");
            return None;
        }
    };
    let allow_link_local = reader.flag(&inner, "allow-link-local", false);
    let ca = inner.get("ca").and_then(|node| reader.text(node, "ca"));
    let ca = ca.map(|ca| reader.folder.as_ref().map_or_else(|| ca.clone().into(), |folder| folder.join(&ca)));
    Some(Action { name: Text::from(name), allow_link_local, ca, way: way? })
}

fn webhook(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Webhook> {
    let words = [("plain", "plain"), ("slack", "slack"), ("pagerduty", "pagerduty")];
    let shape = fields.get("shape").map_or(Some("plain"), |node| reader.word(node, "shape", &words))?;
    let routing_key = reader.variable(fields, "routing-key-from");
    let shape = match shape {
        "slack" => WebhookShape::Slack,
        "pagerduty" => {
            if fields.get("routing-key-from").is_none() {
                let help = "write `routing-key-from: PAGERDUTY_ROUTING_KEY`";
                reader.wrong(fields.node(), "`webhook` of shape `pagerduty` has no `routing-key-from`", help);
            }
            WebhookShape::PagerDuty { routing_key_from: routing_key? }
        }
        _ => WebhookShape::Plain,
    };
    let url = match (fields.get("url"), fields.get("url-from")) {
        (Some(node), None) => {
            let url = reader.text(node, "url")?;
            if let Err(wrong) = super::super::address::check(&url) {
                let (message, help) = (format!("`url` {wrong}"), "write it like `https://alerts.example.org/hook`");
                if url.contains('@') {
                    reader.wrong_unshown(node, message, help);
                } else {
                    reader.wrong(node, message, help);
                }
                return None;
            }
            Given::Plainly(url)
        }
        (None, Some(_)) => Given::From(reader.variable(fields, "url-from")?),
        (None, None) if matches!(shape, WebhookShape::PagerDuty { .. }) => Given::Plainly(PAGERDUTY.to_owned()),
        _ => {
            let help = "an address that is itself a secret, such as Slack's, comes from a variable: `url-from`";
            reader.wrong(fields.node(), "`webhook` should have one of `url` and `url-from`", help);
            return None;
        }
    };
    Some(Webhook { url, secret_from: reader.variable(fields, "secret-from"), shape })
}

fn email(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Email> {
    let server = reader.needed(fields, "smtp", "write it like `smtp://mail.example.org:587`");
    let server = server.and_then(|node| smtp(reader, node));
    let from = reader.needed(fields, "from", "write who sends, such as `City <alerts@example.org>`");
    let from = from.and_then(|node| mailbox(reader, node, "from"));
    let to = reader.needed(fields, "to", "write who is told").map(|node| (node, reader.texts(node, "to")));
    let to = to.map(|(node, texts)| {
        if texts.len() > TO_MAX {
            reader.wrong(
                node,
                format!("`to` has {} addresses, more than {TO_MAX}", texts.len()),
                "write to a list instead",
            );
        }
        texts.into_iter().filter_map(|(_, node)| mailbox(reader, node, "to")).collect::<Vec<_>>()
    });
    let user = reader.variable(fields, "user-from");
    let password = reader.variable(fields, "password-from");
    if fields.get("user-from").is_some() != fields.get("password-from").is_some() {
        let help = "write both, or neither if the server asks for none";
        reader.wrong(fields.node(), "`email` has only one of `user-from` and `password-from`", help);
    }
    let (tls_first, host, port) = server?;
    Some(Email { tls_first, host, port, login: user.zip(password), from: from?, to: to.filter(|to| !to.is_empty())? })
}

fn smtp(reader: &mut Reader<'_>, node: &Node) -> Option<(bool, String, u16)> {
    let text = reader.text(node, "smtp")?;
    let parts = text.strip_prefix("smtps://").map(|rest| (true, rest, 465));
    let parts = parts.or_else(|| text.strip_prefix("smtp://").map(|rest| (false, rest, 587)));
    let server = parts.and_then(|(tls_first, rest, port)| {
        let (host, port) = super::super::address::host_and_port(rest.trim_end_matches('/'), port)?;
        Some((tls_first, host, port))
    });
    if server.is_none() {
        let help =
            "write it like `smtp://mail.example.org:587` or `smtps://mail.example.org:465`, without user and password";
        if text.contains('@') {
            reader.wrong_unshown(node, "`smtp` is no mail server", help);
        } else {
            reader.wrong(node, "`smtp` is no mail server", help);
        }
    }
    server
}

fn mailbox(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<String> {
    if let Value::List(_) = node.value {
        reader.wrong(
            node,
            format!("`{key}` should be one address"),
            format!("one of {}", listed(["someone@example.org"])),
        );
        return None;
    }
    let text = reader.text(node, key)?;
    if !super::super::address::is_mailbox(&text) {
        let help = "write it like `someone@example.org` or `Control room <someone@example.org>`";
        reader.wrong(node, format!("`{}` is no e-mail address", text.escape_debug()), help);
        return None;
    }
    Some(text)
}
