//! Looks into PostgreSQL: our own tables, or whatever a query of somebody's own reads. Makes nothing there.

use std::sync::Arc;
use std::time::Duration;

use ::postgres::types::{ToSql, Type};
use ::postgres::{Client, Statement};

use super::{Answer, Sight, Sought, ask_each};
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::postgres::{Postgres, PostgresSettings, identifier};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// PostgreSQL as it is looked into.
#[derive(Debug)]
pub struct PostgresSight {
    server: Arc<Postgres>,
    schema: String,
    /// The query of somebody's own; `$1` is the device, `$2` the epoch, `$3` the sequence.
    query: Option<String>,
    session: Option<Session>,
}

struct Session {
    client: Client,
    statements: Vec<(String, Statement)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} statements)", self.statements.len())
    }
}

impl PostgresSight {
    /// Takes a server; it need not answer yet.
    ///
    /// # Errors
    /// When URL, schema or certificates are none.
    pub fn new(settings: &PostgresSettings, query: Option<String>) -> Result<Self, StoreError> {
        let server = Postgres::new(&PostgresSettings { patience: PATIENCE, ..settings.clone() })?;
        Ok(Self { server, schema: settings.schema.clone(), query, session: None })
    }

    fn session(&mut self) -> Result<&mut Session, String> {
        if self.session.as_ref().is_none_or(|session| session.client.is_closed()) {
            let mut client = self.server.visitor().map_err(|error| error.to_string())?;
            let limit =
                format!("SET statement_timeout = {}; SET default_transaction_read_only = on", PATIENCE.as_millis());
            client.batch_execute(&limit).map_err(|error| in_words(&error))?;
            self.session = Some(Session { client, statements: Vec::new() });
        }
        self.session.as_mut().ok_or_else(|| "there is no connection".to_owned())
    }
}

/// The server's own words where there are any.
fn in_words(error: &::postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |own| own.message().to_owned())
}

impl Sight for PostgresSight {
    fn place(&self) -> String {
        self.server.place().to_owned()
    }

    fn look(&mut self, sought: &[&Sought]) -> Result<Vec<bool>, String> {
        let own = self.query.clone();
        let schema = identifier(&self.schema);
        let by_sequence = own.as_ref().is_none_or(|query| query.contains("$3"));
        let session = self.session()?;
        let done = ask_each(sought, by_sequence, &mut |one| {
            let sql = own.clone().unwrap_or_else(|| {
                let table = identifier(one.kind.word());
                format!("SELECT 1 FROM {schema}.{table} WHERE device = $1 AND epoch = $2 AND sequence = $3 LIMIT 1")
            });
            session.ask(&sql, one, by_sequence)
        });
        if done.is_err() {
            // A connection that failed is of no use; one that did not is made again soon enough.
            self.session = None;
        }
        done
    }
}

impl Session {
    fn ask(&mut self, sql: &str, sought: &Sought, by_sequence: bool) -> Result<Answer, String> {
        let known = self.statements.iter().find(|(text, _)| text == sql).map(|(_, statement)| statement.clone());
        let statement = if let Some(statement) = known {
            statement
        } else {
            let statement = self.client.prepare(sql).map_err(|error| in_words(&error))?;
            self.statements.push((sql.to_owned(), statement.clone()));
            statement
        };
        let values: Result<Vec<Box<dyn ToSql + Sync>>, String> =
            statement.params().iter().enumerate().map(|(number, kind)| value(number, kind, sought)).collect();
        let values = values?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value).collect();
        let rows = self.client.query(&statement, &values).map_err(|error| in_words(&error))?;
        let Some(row) = rows.first() else { return Ok(Answer::Nothing) };
        let Some(column) = row.columns().first() else { return Ok(Answer::Something) };
        let text = match *column.type_() {
            Type::BOOL => row.get::<_, Option<bool>>(0).map(|flag| flag.to_string()),
            Type::INT2 => row.get::<_, Option<i16>>(0).map(|number| number.to_string()),
            Type::INT4 => row.get::<_, Option<i32>>(0).map(|number| number.to_string()),
            Type::INT8 => row.get::<_, Option<i64>>(0).map(|number| number.to_string()),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR => row.get::<_, Option<String>>(0),
            _ if by_sequence => Some("there".to_owned()),
            _ => return Err(format!("its query answers with a {}; cast it to bigint or text", column.type_())),
        };
        // A row of a question by sequence says that it is there, unless it says no in so many words.
        match text {
            None => Ok(Answer::Nothing),
            Some(text) if by_sequence && *column.type_() != Type::BOOL => {
                Ok(if text.is_empty() { Answer::Nothing } else { Answer::Something })
            }
            Some(text) => Answer::read(&text, by_sequence),
        }
    }
}

/// What is filled in for `$1`, `$2` and `$3`, as the column it is held against wants it.
fn value(number: usize, kind: &Type, sought: &Sought) -> Result<Box<dyn ToSql + Sync>, String> {
    let whole = match number {
        0 => None,
        1 => Some(i64::from(sought.epoch)),
        2 => Some(sought.sequence.cast_signed()),
        _ => return Err("its query has more than $1 (device), $2 (epoch) and $3 (sequence)".to_owned()),
    };
    let unfit = || format!("its query holds ${} against a {kind}; cast it to text or bigint", number + 1);
    let text = whole.map_or_else(|| sought.device.to_string(), |whole| whole.to_string());
    match (*kind == Type::TEXT || *kind == Type::VARCHAR || *kind == Type::BPCHAR, whole) {
        (true, _) => Ok(Box::new(text)),
        (false, Some(whole)) if *kind == Type::INT8 => Ok(Box::new(whole)),
        (false, Some(whole)) if *kind == Type::INT4 => Ok(Box::new(i32::try_from(whole).map_err(|_| unfit())?)),
        _ => Err(unfit()),
    }
}
