//! The balance: where every record ended, and how anybody can count again.
//!
//! Shows what an audit found by reading the stores. Compares its sums once more, so that a page cannot claim a balance that its
//! own table denies.

use std::fmt::Write as _;

use super::super::flags::Flag;
use super::super::markup::{count, count_of, escape, plural};
use super::table::{Column, Table, figures, words};
use super::values::{Account, Balance};

/// Reasons and devices shown; there may be a hundred thousand.
const ROWS_MAX: usize = 10;

const COLUMNS: [Column; 8] = [
    words("Kind"),
    figures("Emitted"),
    figures("Stored"),
    figures("Quarantined"),
    figures("Lost by<br>the radio"),
    figures("Unexplained"),
    figures("Doubled"),
    figures("Damaged"),
];

/// Whether what the city told can be trusted, for the top of the page.
pub(in super::super) fn flag(balance: &Balance) -> Flag {
    let open = balance.worst.len();
    let value = match (balance.holds(), open) {
        (true, _) => "closes".to_owned(),
        (false, 0) => "does not close".to_owned(),
        (false, _) => format!("open for {}", plural(open.try_into().unwrap_or(u64::MAX), "device", "devices")),
    };
    Flag {
        title: "Balance of records",
        value,
        attention: !balance.holds(),
        meaning: "Whether each record that left a device was found stored, in quarantine or counted as lost; if not, what \
                  the sensors saw is not all they saw.",
    }
}

/// The section.
pub(super) fn section(balance: &Balance) -> String {
    let mut html = String::from("<section aria-labelledby=\"balance\"><h2 id=\"balance\">The balance</h2>");
    let total = balance.total;
    if total == Account::default() && balance.foreign == 0 {
        html.push_str("<p class=\"none\">No record was emitted, so there is nothing to account for.</p></section>");
        return html;
    }
    let _ = write!(html, "<p><strong>{}</strong> {}</p>", verdict(balance), equation(&total));
    let mut table = Table::new("Where every record ended, by kind of reading", &COLUMNS);
    for (kind, account) in &balance.kinds {
        table.row(&escape(kind), &cells(account));
    }
    table.total("All", &cells(&total));
    html.push_str(&table.end());
    html.push_str(&worst(balance));
    html.push_str(&reasons(balance));
    if balance.foreign > 0 {
        let _ = write!(
            html,
            "<p>{} from elsewhere: no device of this city emitted them. They are in no account above.</p>",
            plural(balance.foreign, "message came", "messages came")
        );
    }
    html.push_str(
        "<p>Emitted was written down as the devices spoke; everything else was counted by reading the stores, not taken from \
         counters of the pipeline. To count again, give the folder of this page to <code>citytwin audit</code>.</p></section>",
    );
    html
}

fn verdict(balance: &Balance) -> String {
    if balance.holds() {
        return "The balance closes: nothing is unexplained.".to_owned();
    }
    let total = balance.total;
    let mut wrong = Vec::new();
    if total.unexplained != 0 {
        wrong.push(format!("{} unexplained", signed(total.unexplained)));
    }
    if total.doubled > 0 {
        wrong.push(format!("{} doubled", count(total.doubled)));
    }
    if total.damaged > 0 {
        wrong.push(format!("{} damaged", count(total.damaged)));
    }
    if !balance.worst.is_empty() {
        wrong.push(format!("{} with an open account", plural_of(balance.worst.len(), "device", "devices")));
    }
    if wrong.is_empty() {
        return "The balance does not close.".to_owned();
    }
    format!("The balance does not close: {}.", wrong.join(", "))
}

/// The equation with its numbers.
fn equation(total: &Account) -> String {
    format!(
        "Emitted {} = stored {} + quarantined {} + lost {} + unexplained {}.",
        count(total.emitted),
        count(total.stored),
        count(total.quarantined),
        count(total.lost),
        signed(total.unexplained)
    )
}

fn cells(account: &Account) -> [String; 7] {
    [
        count(account.emitted),
        count(account.stored),
        count(account.quarantined),
        count(account.lost),
        signed(account.unexplained),
        count(account.doubled),
        count(account.damaged),
    ]
}

fn worst(balance: &Balance) -> String {
    let shown = &balance.worst[..balance.worst.len().min(ROWS_MAX)];
    let caption = if balance.worst.len() > shown.len() {
        format!("The {} worst of {} devices with an open account", shown.len(), count_of(balance.worst.len()))
    } else {
        "Devices with an open account".to_owned()
    };
    let mut columns = COLUMNS;
    columns[0] = words("Device");
    let mut table = Table::new(&caption, &columns);
    for (device, account) in shown {
        table.row(&escape(device), &cells(account));
    }
    table.end()
}

fn reasons(balance: &Balance) -> String {
    let mut reasons: Vec<&(String, u64)> = balance.reasons.iter().filter(|(_, messages)| *messages > 0).collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest: u64 = reasons.iter().skip(ROWS_MAX).fold(0, |sum, (_, messages)| sum.saturating_add(*messages));
    let columns = [words("Reason"), figures("Messages")];
    let mut table = Table::new("Why messages were quarantined", &columns);
    for (reason, messages) in reasons.iter().take(ROWS_MAX) {
        table.row(&escape(reason), &[count(*messages)]);
    }
    if rest > 0 {
        table.row(&format!("{} other reasons", count_of(reasons.len() - ROWS_MAX)), &[count(rest)]);
    }
    table.end()
}

fn signed(records: i64) -> String {
    if records < 0 { format!("−{}", count(records.unsigned_abs())) } else { count(records.unsigned_abs()) }
}

fn plural_of(number: usize, one: &str, many: &str) -> String {
    plural(u64::try_from(number).unwrap_or(u64::MAX), one, many)
}
