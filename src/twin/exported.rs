//! Where a platform's export is, and the audit of it: a file, or a topic of Kafka that is read as a whole.

use std::path::{Path, PathBuf};

use super::intake::Folders;
use super::{TwinError, ledger_of};
use crate::pipeline::transport::Credentials;
#[cfg(feature = "kafka")]
use crate::pipeline::transport::{KafkaTarget, read_topic};
use crate::studies::audit::{self, Allowed, Audit, ExportColumns, Marks};

/// What a platform has exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// A file of CSV, JSON lines or Parquet.
    File(PathBuf),
    /// A topic.
    #[cfg(feature = "kafka")]
    Kafka(KafkaTarget),
}

impl Export {
    /// Reads the address of a topic, or takes it for the name of a file.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            #[cfg(feature = "kafka")]
            Some(("kafka" | "kafkas", _)) => KafkaTarget::parse(text).map(Self::Kafka),
            #[cfg(not(feature = "kafka"))]
            Some(("kafka" | "kafkas", _)) => Err(super::load::WITHOUT_KAFKA.to_owned()),
            Some(("mqtt" | "mqtts", _)) => {
                Err("a broker of MQTT keeps nothing to be read afterwards; have a subscriber write \
                                               it down (docs/load.md says how), and name that file"
                    .to_owned())
            }
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

/// Audits what was sent from a folder against what any platform has exported of it; `login` is for brokers that ask.
/// With `allow_copies` records may be there more than once.
///
/// # Errors
/// When there is no ledger, or the export or the truth beside the ledger cannot be read.
pub fn audit_export(
    sender: &Path,
    export: &Export,
    columns: &ExportColumns,
    login: Option<&Credentials>,
    allow_copies: bool,
) -> Result<Audit, TwinError> {
    let (ledger, unsent_max) = ledger_of(sender)?;
    let marks = Marks::read(&Folders::of(sender).truth, &ledger)?;
    let copies_max = if allow_copies { u64::MAX } else { copies_of(sender, marks.doubled) };
    let allowed = Allowed { cut_off: unsent_max, copies_max, marks };
    let mut audit = Audit { cut_off: unsent_max.is_some(), ..Audit::default() };
    let balance = match export {
        Export::File(path) => audit::balance_of_export(&ledger, path, columns, allowed)?,
        #[cfg(feature = "kafka")]
        Export::Kafka(target) => audit::balance_of_messages(&ledger, columns, allowed, |take| {
            let wrong = |reason| TwinError::Service(format!("a record of {target} {reason}"));
            let ranges = read_topic(target, login, &mut |payload| take(payload).map_err(wrong))?;
            audit.left_out.extend(dropped(&ranges).map(|sentence| ("export", sentence)));
            Ok::<_, TwinError>(())
        })?,
    };
    #[cfg(not(feature = "kafka"))]
    let _ = login;
    audit.balances.push(("export", balance));
    Ok(audit)
}

/// How many messages a load in this folder may have sent twice besides those that are known, by its figures: a fault that was asked for, and
/// what went out again after a connection broke.
fn copies_of(sender: &Path, known: u64) -> u64 {
    let text = std::fs::read(sender.join("load.json")).unwrap_or_default();
    let figures: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let number = |figure: &serde_json::Value| figure.as_u64().unwrap_or(0);
    number(&figures["resent"]).saturating_add(number(&figures["fault_counts"]["doubled"]).saturating_sub(known))
}

/// What the brokers no longer had of a topic, of which nobody can say whether it was ours.
#[cfg(feature = "kafka")]
fn dropped(ranges: &[std::ops::Range<u64>]) -> Option<String> {
    let gone: Vec<String> = (0_usize..)
        .zip(ranges)
        .filter(|(_, range)| range.start > 0)
        .map(|(partition, range)| format!("{} of partition {partition}", range.start))
        .collect();
    (!gone.is_empty()).then(|| format!("what the brokers have dropped from the beginning: {}", gone.join(", ")))
}
