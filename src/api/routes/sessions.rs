//! Sessions: what is being looked at, its clock, and what is changed in it.

use super::ask::{Ask, Reply, ok};
use super::spec::{Kind, Param, Spec, param};
use crate::api::guard::Role;
use crate::api::port::{
    Clock, Command, Done, Facts, Intervention, Jump, Opening, Refused, Sample, SessionInfo, Subject,
};
use crate::api::problem::Problem;

const ID: &[Param] = &[param("session", Kind::Name(64), "The session: `live`, or the id of another.", "live")];

const AFTER: &[Param] = &[param(
    "after_s",
    Kind::Number(0.0, 1e9),
    "Of a fork's differences, only those later than this [s after midnight]; all of them if left out.",
    "25800",
)];

const ALL: &str = "/api/v1/sessions";
const ONE: &str = "/api/v1/sessions/{session}";

pub(super) fn routes() -> Vec<Spec> {
    let tagged = |spec: Spec| spec.tag("sessions");
    vec![
        tagged(Spec::get(ALL, "sessions", "The sessions there are, the live one first.", all))
            .json::<Vec<SessionInfo>>(200),
        tagged(Spec::post(ALL, "open_session", "Opens a fork of a session, or the replay of a finished run.", open))
            .body::<Opening>(r#"{"kind":"fork","of":"live","name":"bridge closed","interventions":[],"ahead_s":1800}"#)
            .role(Role::Trainer)
            .json::<SessionInfo>(201)
            .refuses(&[404, 409, 422, 503]),
        tagged(Spec::get(ONE, "session", "A session.", one))
            .path(ID)
            .query(AFTER)
            .json::<SessionInfo>(200)
            .refuses(&[404]),
        tagged(Spec::delete(ONE, "close_session", "Ends a session; the live one cannot be ended.", close))
            .path(ID)
            .role(Role::Trainer)
            .refuses(&[404, 409]),
        tagged(Spec::put("/api/v1/sessions/{session}/clock", "set_clock", "Says how a session's clock goes.", clock))
            .path(ID)
            .body::<Clock>(r#"{"speed":{"factor":10.0}}"#)
            .role(Role::Trainer)
            .json::<SessionInfo>(200)
            .refuses(&[404, 409, 422, 503]),
        tagged(Spec::post("/api/v1/sessions/{session}/jump", "jump", "Takes a session elsewhere in time.", jump))
            .path(ID)
            .body::<Jump>(r#""next-event""#)
            .role(Role::Trainer)
            .json::<SessionInfo>(200)
            .refuses(&[404, 409, 422, 503]),
        tagged(Spec::get(
            "/api/v1/sessions/{session}/interventions",
            "interventions",
            "What was changed in a session, and in those it was forked from.",
            commands,
        ))
        .path(ID)
        .json::<Vec<Done>>(200)
        .refuses(&[404]),
        tagged(Spec::post(
            "/api/v1/sessions/{session}/interventions",
            "intervene",
            "Changes a session's city, from now on.",
            intervene,
        ))
        .path(ID)
        .body::<Intervention>(r#"{"kind":"close-road","road":"station_road"}"#)
        .role(Role::Operator)
        .json::<Done>(201)
        .refuses(&[404, 409, 422, 503]),
        tagged(Spec::post(
            "/api/v1/sessions/{session}/facts",
            "facts",
            "What there is to know about one thing in a session's city now; changes nothing.",
            facts,
        ))
        .path(ID)
        .body::<Subject>(r#"{"kind":"road","id":"station_road"}"#)
        .json::<Facts>(200)
        .refuses(&[404, 422, 503]),
        tagged(Spec::get(
            "/api/v1/sessions/{session}/samples",
            "samples",
            "A session's city in numbers over time.",
            samples,
        ))
        .path(ID)
        .json::<Vec<Sample>>(200)
        .refuses(&[404]),
    ]
}

fn all(ask: &Ask) -> Result<Reply, Problem> {
    ok(&ask.twin.sessions().into_iter().map(SessionInfo::brief).collect::<Vec<_>>())
}

fn open(ask: &Ask) -> Result<Reply, Problem> {
    let info = ask.twin.open(&ask.read::<Opening>()?)?;
    let place = format!("/api/v1/sessions/{}", info.id);
    Ok(Reply::json(201, &info).header("Location", place))
}

fn one(ask: &Ask) -> Result<Reply, Problem> {
    let info = ask.session()?.info();
    ok(&match ask.number("after_s") {
        Some(time) => info.after(time),
        None => info,
    })
}

fn close(ask: &Ask) -> Result<Reply, Problem> {
    let id = ask.named("session");
    match ask.twin.close(id) {
        // The live session is there, it only does not end.
        Err(Refused::Invalid(says)) => Err(Refused::NotNow(says).into()),
        Err(refused) => Err(refused.into()),
        Ok(()) => Ok(Reply::empty(204)),
    }
}

fn clock(ask: &Ask) -> Result<Reply, Problem> {
    let session = ask.session()?;
    session.command(&Command::Clock(ask.read::<Clock>()?))?;
    ok(&session.info().brief())
}

fn jump(ask: &Ask) -> Result<Reply, Problem> {
    let session = ask.session()?;
    match session.command(&Command::Jump(ask.read::<Jump>()?)) {
        // Whether an instant is within the run depends on the run.
        Err(Refused::Invalid(says)) => return Err(Refused::NotNow(says).into()),
        Err(refused) => return Err(refused.into()),
        Ok(_) => {}
    }
    ok(&session.info().brief())
}

fn commands(ask: &Ask) -> Result<Reply, Problem> {
    ok(&ask.session()?.commands())
}

fn intervene(ask: &Ask) -> Result<Reply, Problem> {
    let session = ask.session()?;
    let done = session.command(&Command::Intervene(ask.read::<Intervention>()?))?;
    Ok(Reply::json(201, &done))
}

fn facts(ask: &Ask) -> Result<Reply, Problem> {
    let session = ask.session()?;
    let subject: Subject = ask.read()?;
    let facts: Option<Facts> = session.facts(&subject)?;
    match facts {
        Some(facts) => ok(&facts),
        None => Err(Problem::unknown("there is no such thing in the city now")),
    }
}

fn samples(ask: &Ask) -> Result<Reply, Problem> {
    ok(&ask.session()?.samples())
}
