//! A twin to be served in tests: an invented city, stores in memory, and sessions that note what they are told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::{App, HttpMessage as _, test, web};
use citytwin::api::guard::{Caller, Role};
use citytwin::api::port::{
    Clock, Command, Done, Facts, Finished, Opening, Pipeline, Refused, Sample, Scene, SceneTotals, SceneUnit, Session,
    SessionInfo, SessionKind, Subject, Twin, UnitDuty,
};
use citytwin::api::routes;
use citytwin::city::network::Network;
use citytwin::city::network::invented::{self, CitySize};
use citytwin::city::network::places::Places;
use citytwin::pipeline::stores::Stores;
use citytwin::primitives::SimTime;
use citytwin::primitives::random::Seed;
use serde_json::Value;
use tokio::sync::watch;

/// Midnight of the city's day: 2026-06-02 [Unix ms].
pub(crate) const MIDNIGHT_MS: i64 = 1_780_358_400_000;

/// The city that is served, built once.
pub(crate) fn city() -> &'static (Arc<Network>, Places) {
    static CITY: OnceLock<(Arc<Network>, Places)> = OnceLock::new();
    CITY.get_or_init(|| {
        let file = invented::generate(Seed(7), CitySize::CITY);
        (Arc::new(file.map.build().expect("it builds")), file.places)
    })
}

/// A session that notes what it is told.
#[derive(Debug)]
pub(crate) struct Noted {
    info: Mutex<SessionInfo>,
    done: Mutex<Vec<Done>>,
    scenes: watch::Sender<Arc<Scene>>,
}

pub(crate) fn totals() -> SceneTotals {
    SceneTotals {
        running: 120,
        arrived: 30,
        inserted: 150,
        halting: 12,
        speed_mean: 8.5,
        units: 4,
        units_busy: 1,
        ..SceneTotals::default()
    }
}

impl Noted {
    fn new(id: &str, kind: SessionKind) -> Arc<Self> {
        let info = SessionInfo {
            id: id.to_owned(),
            kind,
            name: id.to_owned(),
            parent: None,
            begin_s: 25_200.0,
            end_s: Some(32_400.0),
            time_s: 25_260.0,
            step_s: 0.5,
            midnight_ms: MIDNIGHT_MS,
            over: false,
            paused: false,
            speed: Some(1.0),
            speed_reached: 1.0,
            simulated: true,
            branch: None,
        };
        let scene = Scene {
            tick: 1,
            time: SimTime::seconds(25_260.0),
            speed: Some(1.0),
            units: Arc::new(vec![SceneUnit {
                unit: 0,
                name: "A1".into(),
                vehicle: 9,
                duty: UnitDuty::AtStation,
                call: None,
                place: (0, 1.0),
                on_road: false,
            }]),
            totals: totals(),
            ..Scene::default()
        };
        let (scenes, _) = watch::channel(Arc::new(scene));
        Arc::new(Self { info: Mutex::new(info), done: Mutex::default(), scenes })
    }
}

impl Session for Noted {
    fn info(&self) -> SessionInfo {
        self.info.lock().expect("nobody panicked").clone()
    }
    fn scenes(&self) -> watch::Receiver<Arc<Scene>> {
        self.scenes.subscribe()
    }
    fn command(&self, command: &Command) -> Result<Done, Refused> {
        let mut info = self.info.lock().expect("nobody panicked");
        let said = match command {
            Command::Clock(Clock::Pause) => {
                info.paused = true;
                "paused".to_owned()
            }
            Command::Clock(Clock::Speed { factor: Some(factor) }) if !(0.5..=60.0).contains(factor) => {
                return Err(Refused::Invalid(format!("{factor} is not between 0.5 and 60")));
            }
            other => format!("{other:?}"),
        };
        let mut done = self.done.lock().expect("nobody panicked");
        let one = Done { number: done.len() as u64 + 1, time_s: info.time_s, said };
        done.push(one.clone());
        Ok(one)
    }
    fn facts(&self, subject: &Subject) -> Result<Option<Facts>, Refused> {
        Ok(matches!(subject, Subject::Road { id } if id == "known")
            .then(|| Facts { title: "Known Road".to_owned(), ..Facts::default() }))
    }
    fn samples(&self) -> Vec<Sample> {
        vec![Sample { time_s: 25_260.0, totals: totals() }]
    }
    fn commands(&self) -> Vec<Done> {
        self.done.lock().expect("nobody panicked").clone()
    }
}

/// A twin over these stores.
#[derive(Debug)]
pub(crate) struct Shown {
    stores: Arc<Stores>,
    sessions: Mutex<Vec<Arc<Noted>>>,
    /// Where finished runs lie.
    outputs: Option<PathBuf>,
}

impl Shown {
    pub(crate) fn over(stores: Stores) -> Arc<dyn Twin> {
        Self::with_outputs(stores, None)
    }

    pub(crate) fn with_outputs(stores: Stores, outputs: Option<PathBuf>) -> Arc<dyn Twin> {
        let sessions = Mutex::new(vec![Noted::new("live", SessionKind::Live)]);
        Arc::new(Self { stores: Arc::new(stores), sessions, outputs })
    }
}

impl Twin for Shown {
    fn name(&self) -> &'static str {
        "Halvermere"
    }
    fn network(&self) -> &Arc<Network> {
        &city().0
    }
    fn places(&self) -> Option<&Places> {
        Some(&city().1)
    }
    fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }
    fn pipeline(&self) -> Pipeline {
        Pipeline {
            present: true,
            messages: 1000,
            messages_per_s: 40.0,
            duplicates: 2,
            shown_s: Some((0.2, 0.7)),
            ..Pipeline::default()
        }
    }
    fn sessions(&self) -> Vec<SessionInfo> {
        self.sessions.lock().expect("nobody panicked").iter().map(|session| session.info()).collect()
    }
    fn session(&self, id: &str) -> Option<Arc<dyn Session>> {
        let sessions = self.sessions.lock().expect("nobody panicked");
        let found = sessions.iter().find(|session| session.info().id == id)?;
        Some(Arc::clone(found) as Arc<dyn Session>)
    }
    fn open(&self, opening: &Opening) -> Result<SessionInfo, Refused> {
        let mut sessions = self.sessions.lock().expect("nobody panicked");
        match opening {
            Opening::Fork { of, .. } if of != "live" => Err(Refused::Unknown(format!("there is no session `{of}`"))),
            Opening::Replay { run } => Err(Refused::Unknown(format!("there is no run `{run}`"))),
            Opening::Fork { .. } if sessions.len() >= 3 => {
                Err(Refused::TooMany("there are two forks already".to_owned()))
            }
            Opening::Fork { .. } => {
                let fork = Noted::new(&format!("FORK{}", sessions.len()), SessionKind::Fork);
                sessions.push(Arc::clone(&fork));
                Ok(fork.info())
            }
        }
    }
    fn close(&self, id: &str) -> Result<(), Refused> {
        if id == "live" {
            return Err(Refused::NotNow("the live session cannot be ended".to_owned()));
        }
        let mut sessions = self.sessions.lock().expect("nobody panicked");
        let place = sessions.iter().position(|session| session.info().id == id);
        let place = place.ok_or_else(|| Refused::Unknown(format!("there is no session `{id}`")))?;
        sessions.remove(place);
        Ok(())
    }
    fn finished(&self) -> Result<Vec<Finished>, Refused> {
        let one = |_: &PathBuf| Finished {
            id: "demo~1".to_owned(),
            kind: "run",
            scenario: "demo".to_owned(),
            variant: None,
            seed: Some(7),
            made_ms: MIDNIGHT_MS,
            replayable: false,
            files: vec!["report.html".to_owned(), "summary.json".to_owned()],
        };
        Ok(self.outputs.iter().map(one).collect())
    }
    fn file_of(&self, id: &str, name: &str) -> Result<PathBuf, Refused> {
        let known = id == "demo~1" && ["report.html", "summary.json"].contains(&name);
        let folder = self.outputs.as_ref().filter(|_| known);
        folder.map(|folder| folder.join(name)).ok_or_else(|| Refused::Unknown(format!("there is no file `{name}`")))
    }
}

/// An answer: status, headers by name, body.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Method, path, headers and body.
pub(crate) type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

/// Asks a twin: method, path, headers, body; one answer for each.
pub(crate) async fn ask(twin: &Arc<dyn Twin>, requests: &[Request<'_>]) -> Vec<Got> {
    let data: web::Data<dyn Twin> = web::Data::from(Arc::clone(twin));
    let app = test::init_service(App::new().app_data(data).configure(routes::configure)).await;
    let mut answers = Vec::new();
    for (method, path, headers, body) in requests {
        let mut request = test::TestRequest::default().method(method.parse().expect("a method")).uri(path);
        for header in *headers {
            request = request.insert_header(*header);
        }
        if !body.is_empty() {
            request = request.insert_header(("content-type", "application/json")).set_payload((*body).to_owned());
        }
        let request = request.to_request();
        let role = headers.iter().find(|header| header.0 == "x-role").map_or("admin", |header| header.1);
        let role = match role {
            "viewer" => Role::Viewer,
            "trainer" => Role::Trainer,
            "operator" => Role::Operator,
            _ => Role::Admin,
        };
        request.extensions_mut().insert(Caller { name: "somebody".into(), role });
        answers.push(got(app.call(request).await.expect("it is answered")).await);
    }
    answers
}

async fn got<B: MessageBody>(answer: ServiceResponse<B>) -> Got {
    let status = answer.status().as_u16();
    let header = |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
        (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
    };
    let headers = answer.headers().iter().map(header).collect();
    Got { status, headers, body: test::read_body(answer).await.to_vec() }
}

/// Asks for one thing.
pub(crate) async fn get(twin: &Arc<dyn Twin>, path: &str) -> Got {
    ask(twin, &[("GET", path, &[], "")]).await.remove(0)
}
