//! Services under supervision: each is an actor that owns a thread; when its work dies, the supervisor starts it again.
//!
//! Work keeps what it must not lose outside itself (in the log, in the stores, in a shared queue), so that starting again is
//! going on. A service that dies again and again, or says itself that it cannot go on, ends the run with a sentence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use actix::{Actor, AsyncContext, Context, Handler, Message, Supervised, Supervisor, System};

use super::board::Board;

/// How often a service may die in one run before it is given up.
const RESTARTS_MAX: u32 = 10;

/// What a service does, from its beginning or from where it was interrupted; ends with a sentence if it cannot go on.
pub(crate) type Work = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A named piece of work.
#[derive(Clone)]
pub(crate) struct Service {
    name: String,
    work: Work,
    board: Arc<Board>,
}

impl Service {
    /// A service; its board hears when it ends or gives up.
    pub(crate) fn new(name: impl Into<String>, board: &Arc<Board>, work: Work) -> Self {
        Self { name: name.into(), work, board: Arc::clone(board) }
    }
}

/// How a turn of the work ended.
enum Ended {
    Well,
    GaveUp(String),
    Died(String),
}

impl Message for Ended {
    type Result = ();
}

impl Actor for Service {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (work, address) = (Arc::clone(&self.work), ctx.address());
        let thread = thread::Builder::new().name(self.name.clone()).spawn(move || {
            let ended = match catch_unwind(AssertUnwindSafe(|| work())) {
                Ok(Ok(())) => Ended::Well,
                Ok(Err(sentence)) => Ended::GaveUp(sentence),
                Err(panic) => Ended::Died(words_of(panic.as_ref())),
            };
            address.do_send(ended);
        });
        if let Err(error) = thread {
            self.board.fail(format!("cannot start {}: {error}", self.name));
        }
    }
}

impl Supervised for Service {}

impl Handler<Ended> for Service {
    type Result = ();

    fn handle(&mut self, ended: Ended, ctx: &mut Self::Context) {
        match ended {
            Ended::Well => self.board.ended(),
            Ended::GaveUp(sentence) => self.board.fail(sentence),
            Ended::Died(words) if self.board.restarted(&self.name) > RESTARTS_MAX => {
                self.board.fail(format!("{} died {RESTARTS_MAX} times and is given up: {words}", self.name));
            }
            // The supervisor sees the actor stop and starts it again.
            Ended::Died(_) => actix::ActorContext::stop(ctx),
        }
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

/// The supervisor's own thread, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Supervision {
    system: Option<System>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Supervision {
    /// Starts the services and watches over them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(services: Vec<Service>) -> std::io::Result<Self> {
        let (tell, hear) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("supervisor".to_owned()).spawn(move || {
            let runner = System::new();
            // An actor is started again only while somebody holds its address.
            let addresses = runner.block_on(async {
                services.into_iter().map(|service| Supervisor::start(|_| service)).collect::<Vec<_>>()
            });
            drop(tell.send(System::current()));
            // An error here means that the system was stopped with a code, which nobody does.
            drop(runner.run());
            drop(addresses);
        })?;
        Ok(Self { system: hear.recv().ok(), thread: Some(thread) })
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        if let Some(system) = self.system.take() {
            system.stop();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn work_that_dies_is_started_again_and_goes_on_where_it_was() {
        let (board, done) = (Arc::new(Board::default()), Arc::new(AtomicU32::new(0)));
        let progress = Arc::clone(&done);
        let work: Work = Arc::new(move || {
            while progress.fetch_add(1, Ordering::SeqCst) < 5 {
                assert!(progress.load(Ordering::SeqCst) != 3, "dies at the third");
            }
            Ok(())
        });
        let supervision = Supervision::start(vec![Service::new("counter", &board, work)]).expect("a thread");
        board.wait_for(1);
        drop(supervision);
        assert_eq!(done.load(Ordering::SeqCst), 6);
        assert_eq!(board.restarts().get("counter"), Some(&1));
        assert_eq!(board.failure(), None);
    }

    #[test]
    fn work_that_dies_for_ever_or_gives_up_ends_the_run_with_a_sentence() {
        let dies: Work = Arc::new(|| std::panic::panic_any("no luck"));
        let gives_up: Work = Arc::new(|| Err("the disk is full".to_owned()));
        for (work, sentence) in
            [(dies, "service died 10 times and is given up: no luck"), (gives_up, "the disk is full")]
        {
            let board = Arc::new(Board::default());
            let supervision = Supervision::start(vec![Service::new("service", &board, work)]).expect("a thread");
            board.wait_for(1);
            drop(supervision);
            assert_eq!(board.failure().as_deref(), Some(sentence));
        }
    }
}
