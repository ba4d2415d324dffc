//! What each path of the registry answers.

use std::sync::Arc;

use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::pipeline::registry::{Level, Mode, Reference, Registered, Registry, RegistryError, Schema, Versions};
use crate::telemetry::SchemaFormat;
use crate::telemetry::schemas::ProtoFile;

/// Most entries of a list.
const ENTRIES_MAX: usize = 10_000;
/// Most bytes of the schemas in a list: one schema may stand under any number of subjects.
const SCHEMAS_MAX: usize = 32 << 20;

/// What is asked.
pub(super) struct Ask {
    pub(super) registry: Arc<Registry>,
    pub(super) subject: Option<String>,
    pub(super) version: Option<String>,
    pub(super) id: Option<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// What is answered.
pub(super) enum Answer {
    /// JSON.
    Json(Value),
    /// A schema as it is.
    Text(String),
}

type Answered = Result<Answer, RegistryError>;

#[expect(clippy::unnecessary_wraps, reason = "every answer ends with it")]
fn ok(value: Value) -> Answered {
    Ok(Answer::Json(value))
}

/// A schema as clients send it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    schema: String,
    schema_type: Option<String>,
    references: Option<Vec<Referred>>,
    metadata: Option<Value>,
    rule_set: Option<Value>,
}

#[derive(Deserialize)]
struct Referred {
    name: String,
    subject: String,
    /// -1 is the newest.
    version: i64,
}

impl Ask {
    fn subject(&self) -> &str {
        self.subject.as_deref().unwrap_or_default()
    }

    fn versions(&self) -> Result<Versions, RegistryError> {
        Versions::read(self.version.as_deref().unwrap_or_default())
    }

    fn id(&self) -> Result<u32, RegistryError> {
        self.id.as_deref().and_then(|id| id.parse().ok()).ok_or(RegistryError::NoSchema)
    }

    fn word(&self, name: &str) -> &str {
        self.query.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn is_set(&self, name: &str) -> bool {
        self.word(name).eq_ignore_ascii_case("true")
    }

    /// The part of a list that is asked for.
    fn part<T>(&self, all: Vec<T>) -> Vec<T> {
        let offset = self.word("offset").parse().unwrap_or(0);
        let limit = self.word("limit").parse().unwrap_or(ENTRIES_MAX);
        all.into_iter().skip(offset).take(limit.min(ENTRIES_MAX)).collect()
    }

    fn sent(&self) -> Result<Schema, RegistryError> {
        let sent: Sent = serde_json::from_slice(&self.body).map_err(|error| {
            RegistryError::BadRequest(format!("the body is no schema, such as {{\"schema\": \"...\"}}: {error}"))
        })?;
        if sent.metadata.is_some() || sent.rule_set.is_some() {
            let sentence = "metadata and rules are not kept here; leave out `metadata` and `ruleSet`";
            return Err(RegistryError::BadRequest(sentence.to_owned()));
        }
        let word = sent.schema_type.as_deref().unwrap_or("AVRO");
        let format = SchemaFormat::from_word(word).ok_or_else(|| {
            let word: String = word.chars().take(64).collect();
            RegistryError::BadSchema(format!(
                "there is no type `{}`; there are AVRO, JSON, PROTOBUF",
                word.escape_debug()
            ))
        })?;
        let references = sent.references.unwrap_or_default().into_iter().map(|Referred { name, subject, version }| {
            let version = match u32::try_from(version) {
                Ok(version) => version,
                Err(_) => self.registry.version(&subject, Versions::Latest, false)?.version,
            };
            Ok(Reference { name, subject, version })
        });
        let references: Vec<Reference> = references.collect::<Result<_, RegistryError>>()?;
        Ok(Schema { format, text: sent.schema, references })
    }

    fn text_field(&self, name: &str) -> Result<String, RegistryError> {
        let body: Value = serde_json::from_slice(&self.body)
            .map_err(|error| RegistryError::BadRequest(format!("the body is no JSON: {error}")))?;
        Ok(body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned())
    }
}

/// The text of a schema in the form asked for: a Protobuf file also as its descriptor in base64.
fn text_of(ask: &Ask, schema: &Schema) -> Result<String, RegistryError> {
    if schema.format != SchemaFormat::Protobuf || ask.word("format") != "serialized" {
        return Ok(schema.text.clone());
    }
    let file = ProtoFile::parse(&schema.text, &ask.registry.imports_of(schema)?);
    file.map(|file| file.to_base64()).map_err(|error| RegistryError::BadSchema(error.to_string()))
}

/// A schema as clients read it; Avro is what is meant where no type is named.
fn described(ask: &Ask, schema: &Schema) -> Result<Value, RegistryError> {
    let mut told = json!({ "schema": text_of(ask, schema)? });
    if schema.format != SchemaFormat::Avro {
        told["schemaType"] = json!(schema.format.word());
    }
    if !schema.references.is_empty() {
        told["references"] = json!(schema.references);
    }
    Ok(told)
}

fn registered(ask: &Ask, found: &Registered) -> Result<Value, RegistryError> {
    let mut told = described(ask, &found.schema)?;
    told["subject"] = json!(found.subject);
    told["version"] = json!(found.version);
    told["id"] = json!(found.id);
    Ok(told)
}

pub(super) fn nothing(_: &Ask) -> Answered {
    ok(json!({}))
}

pub(super) fn types(_: &Ask) -> Answered {
    ok(json!(SchemaFormat::ALL.map(SchemaFormat::word)))
}

pub(super) fn by_id(ask: &Ask) -> Answered {
    ok(described(ask, &*ask.registry.schema(ask.id()?)?)?)
}

pub(super) fn text_by_id(ask: &Ask) -> Answered {
    Ok(Answer::Text(text_of(ask, &*ask.registry.schema(ask.id()?)?)?))
}

pub(super) fn subjects_of(ask: &Ask) -> Answered {
    let places = ask.registry.places_of(ask.id()?, ask.is_set("deleted"))?;
    let mut subjects: Vec<String> = places.into_iter().map(|(subject, _)| subject).collect();
    subjects.dedup();
    ok(json!(ask.part(subjects)))
}

pub(super) fn versions_of(ask: &Ask) -> Answered {
    let places = ask.registry.places_of(ask.id()?, ask.is_set("deleted"))?;
    let told = places.into_iter().map(|(subject, version)| json!({ "subject": subject, "version": version }));
    ok(json!(ask.part(told.collect())))
}

pub(super) fn all(ask: &Ask) -> Answered {
    let all = ask.registry.all(ask.word("subjectPrefix"), ask.is_set("deleted"), ask.is_set("latestOnly"));
    let part = ask.part(all);
    if part.iter().map(|found| found.schema.size()).sum::<usize>() > SCHEMAS_MAX {
        return Err(RegistryError::BadRequest(format!(
            "the answer would have more than {SCHEMAS_MAX} bytes; ask for less with `offset` and `limit`, `subjectPrefix` or `latestOnly`"
        )));
    }
    let told: Result<Vec<Value>, RegistryError> = part.iter().map(|found| registered(ask, found)).collect();
    ok(json!(told?))
}

pub(super) fn subjects(ask: &Ask) -> Answered {
    ok(json!(ask.part(ask.registry.subjects(ask.word("subjectPrefix"), ask.is_set("deleted")))))
}

pub(super) fn versions(ask: &Ask) -> Answered {
    ok(json!(ask.part(ask.registry.versions(ask.subject(), ask.is_set("deleted"))?)))
}

pub(super) fn register(ask: &Ask) -> Answered {
    let found = ask.registry.register(ask.subject(), ask.sent()?)?;
    ok(registered(ask, &found)?)
}

pub(super) fn version(ask: &Ask) -> Answered {
    ok(registered(ask, &ask.registry.version(ask.subject(), ask.versions()?, ask.is_set("deleted"))?)?)
}

pub(super) fn text(ask: &Ask) -> Answered {
    let found = ask.registry.version(ask.subject(), ask.versions()?, ask.is_set("deleted"))?;
    Ok(Answer::Text(text_of(ask, &found.schema)?))
}

pub(super) fn referred_by(ask: &Ask) -> Answered {
    ok(json!(ask.registry.referred_by(ask.subject(), ask.versions()?)?))
}

pub(super) fn look_up(ask: &Ask) -> Answered {
    ok(registered(ask, &ask.registry.look_up(ask.subject(), &ask.sent()?, ask.is_set("deleted"))?)?)
}

pub(super) fn delete_subject(ask: &Ask) -> Answered {
    ok(json!(ask.registry.delete_subject(ask.subject(), ask.is_set("permanent"))?))
}

pub(super) fn delete_version(ask: &Ask) -> Answered {
    ok(json!(ask.registry.delete_version(ask.subject(), ask.versions()?, ask.is_set("permanent"))?))
}

pub(super) fn test(ask: &Ask) -> Answered {
    let asked = ask.version.as_ref().map(|_| ask.versions()).transpose()?;
    let reasons = ask.registry.test(ask.subject(), asked, &ask.sent()?)?;
    let mut told = json!({ "is_compatible": reasons.is_empty() });
    if ask.is_set("verbose") {
        told["messages"] = json!(reasons);
    }
    ok(told)
}

pub(super) fn level(ask: &Ask) -> Answered {
    let subject = ask.subject.as_deref();
    let found = ask
        .registry
        .level(subject)
        .or_else(|| ask.is_set("defaultToGlobal").then(|| ask.registry.level(None)).flatten());
    let level = found.ok_or_else(|| RegistryError::NoLevel(ask.subject().to_owned()))?;
    ok(json!({ "compatibilityLevel": level.word() }))
}

pub(super) fn set_level(ask: &Ask) -> Answered {
    let level = Level::from_word(&ask.text_field("compatibility")?).ok_or(RegistryError::BadLevel)?;
    ask.registry.set_level(ask.subject.as_deref(), Some(level))?;
    ok(json!({ "compatibility": level.word() }))
}

pub(super) fn unset_level(ask: &Ask) -> Answered {
    let before = ask.registry.level(ask.subject.as_deref());
    let before = before.ok_or_else(|| RegistryError::NoLevel(ask.subject().to_owned()))?;
    ask.registry.set_level(ask.subject.as_deref(), None)?;
    ok(json!({ "compatibilityLevel": before.word() }))
}

pub(super) fn mode(ask: &Ask) -> Answered {
    let subject = ask.subject.as_deref();
    let found =
        ask.registry.mode(subject).or_else(|| ask.is_set("defaultToGlobal").then(|| ask.registry.mode(None)).flatten());
    let mode = found.ok_or_else(|| RegistryError::NoMode(ask.subject().to_owned()))?;
    ok(json!({ "mode": mode.word() }))
}

pub(super) fn set_mode(ask: &Ask) -> Answered {
    let mode = Mode::from_word(&ask.text_field("mode")?).ok_or(RegistryError::BadMode)?;
    ask.registry.set_mode(ask.subject.as_deref(), Some(mode))?;
    ok(json!({ "mode": mode.word() }))
}

pub(super) fn unset_mode(ask: &Ask) -> Answered {
    let before = ask.registry.mode(ask.subject.as_deref());
    let before = before.ok_or_else(|| RegistryError::NoMode(ask.subject().to_owned()))?;
    ask.registry.set_mode(ask.subject.as_deref(), None)?;
    ok(json!({ "mode": before.word() }))
}
