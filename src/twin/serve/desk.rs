//! The desk of a session: what others see of it without asking, and the box its orders are put into.
//!
//! Shared between the session's own thread, which writes, and everybody who serves it, who read.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::stage::{Parting, locked};
use crate::api::port::{Command, Done, Facts, Refused, Sample, Scene, Session, SessionInfo, Subject};

/// Most orders and questions that wait for the step under way.
const WAITING_MAX: usize = 64;

/// Where an answer is put.
pub(super) type Reply<T> = SyncSender<Result<T, Refused>>;

/// What a session is asked.
#[derive(Debug)]
pub(super) enum Request {
    /// To do something.
    Command(Command, Reply<Done>),
    /// About something.
    Facts(Subject, Reply<Option<Facts>>),
    /// For its city as it is now, so many times.
    Part(usize, Reply<Vec<Parting>>),
    /// Something about the drill that is run in it.
    Drill(Box<super::drill::Asked>),
    /// To end.
    End,
}

/// What others see of a session.
#[derive(Debug)]
pub(super) struct Notice {
    /// What it is.
    pub info: SessionInfo,
    /// What it was ordered to change.
    pub commands: Vec<Done>,
    /// Whether it has ended.
    pub ended: bool,
    /// What is wrong, in sentences.
    pub troubles: Vec<String>,
}

/// A session's desk.
#[derive(Debug)]
pub(super) struct Desk {
    mailbox: SyncSender<Request>,
    notice: Mutex<Notice>,
    samples: Arc<Mutex<Vec<Sample>>>,
    scenes: watch::Sender<Arc<Scene>>,
}

impl Desk {
    /// A desk, and where its orders come out.
    pub(super) fn new(
        info: SessionInfo,
        commands: Vec<Done>,
        samples: Arc<Mutex<Vec<Sample>>>,
        first: Scene,
    ) -> (Arc<Self>, Receiver<Request>) {
        let (mailbox, requests) = sync_channel(WAITING_MAX);
        let notice = Mutex::new(Notice { info, commands, ended: false, troubles: Vec::new() });
        let (scenes, _) = watch::channel(Arc::new(first));
        (Arc::new(Self { mailbox, notice, samples, scenes }), requests)
    }

    /// What others see.
    pub(super) fn notice(&self) -> MutexGuard<'_, Notice> {
        locked(&self.notice)
    }

    /// Shows a scene; whoever has not looked at the one before never sees it.
    pub(super) fn show(&self, scene: Scene) {
        self.scenes.send_replace(Arc::new(scene));
    }

    /// Whether anybody looks on.
    pub(super) fn is_watched(&self) -> bool {
        self.scenes.receiver_count() > 0
    }

    /// Asks and waits for the answer.
    pub(super) fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refused> {
        let (reply, answer) = sync_channel(1);
        self.mailbox.try_send(request(reply)).map_err(|error| match error {
            TrySendError::Full(_) => {
                Refused::NotNow(format!("{WAITING_MAX} orders wait for this session already; try again in a moment"))
            }
            TrySendError::Disconnected(_) => self.gone(),
        })?;
        answer.recv().unwrap_or_else(|_| Err(self.gone()))
    }

    /// Tells it something, and waits for room to do so.
    pub(super) fn tell(&self, request: Request) {
        // Where nobody reads, it has ended already.
        drop(self.mailbox.send(request));
    }

    /// Tells it to end, as soon as it looks.
    pub(super) fn end(&self) {
        self.tell(Request::End);
    }

    fn gone(&self) -> Refused {
        let notice = self.notice();
        let why = notice.troubles.last().map_or_else(String::new, |trouble| format!(": {trouble}"));
        Refused::Failed(format!("the session `{}` has ended{why}", notice.info.id))
    }
}

impl Session for Desk {
    fn info(&self) -> SessionInfo {
        self.notice().info.clone()
    }

    fn scenes(&self) -> watch::Receiver<Arc<Scene>> {
        self.scenes.subscribe()
    }

    fn command(&self, command: &Command) -> Result<Done, Refused> {
        self.ask(|reply| Request::Command(command.clone(), reply))
    }

    fn facts(&self, subject: &Subject) -> Result<Option<Facts>, Refused> {
        self.ask(|reply| Request::Facts(subject.clone(), reply))
    }

    fn samples(&self) -> Vec<Sample> {
        locked(&self.samples).clone()
    }

    fn commands(&self) -> Vec<Done> {
        self.notice().commands.clone()
    }
}
