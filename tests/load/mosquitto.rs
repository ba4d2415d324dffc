//! A Mosquitto of a test's own, and subscribers that write down what they get, as anybody would: with `mosquitto_sub`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::program::Started;

/// A broker with settings of its own.
pub(crate) struct Mosquitto {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    _broker: Started,
}

impl Mosquitto {
    /// Starts it with these lines besides its address.
    pub(crate) fn start(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let file = folder.path().join("mosquitto.conf");
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let text = format!("listener {port} 127.0.0.1\nlog_dest stderr\nuser {user}\n{lines}\n");
        std::fs::write(&file, text).expect("room");
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(file).stdin(Stdio::null());
        let (broker, _) = Started::start(command, |line| line.contains(" running").then(String::new));
        Self { folder, port, _broker: broker }
    }

    /// A file in its folder, with a password for this user.
    pub(crate) fn password(&self, user: &str, password: &str) -> String {
        let file = self.folder.path().join("passwords").display().to_string();
        let made = Command::new("mosquitto_passwd").args(["-b", "-c", &file, user, password]).status();
        assert!(made.expect("`mosquitto_passwd` is there").success());
        file
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    fn client(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-p", &self.port.to_string()]).args(words).stdin(Stdio::null());
        command
    }

    /// Says something, and waits until the broker has it.
    pub(crate) fn say(&self, topic: &str, text: &str) {
        let said = self.client("mosquitto_pub", &["-q", "1", "-t", topic, "-m", text]).status();
        assert!(said.expect("`mosquitto_pub` is there").success());
    }

    /// Subscribes under a name that the broker remembers, and goes away at once.
    pub(crate) fn subscribe_and_leave(&self, name: &str) {
        let left = self.client("mosquitto_sub", &["-i", name, "-c", "-q", "1", "-t", "#", "-E"]).status();
        assert!(left.expect("`mosquitto_sub` is there").success());
    }

    /// Subscribes, and writes down what it gets in this format.
    pub(crate) fn subscriber(&self, name: &str, format: &str) -> Subscriber {
        // Standing from here on, whenever the client comes.
        self.subscribe_and_leave(name);
        self.back(name, format)
    }

    /// The same for somebody who has subscribed before and was away.
    pub(crate) fn back(&self, name: &str, format: &str) -> Subscriber {
        let mut command = self.client("mosquitto_sub", &["-i", name, "-c", "-q", "1", "-t", "#", "-F", format]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("`mosquitto_sub` is there");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (write, read) = channel();
        // Read as it comes, or the broker would find it slow.
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| write.send(line)));
        Subscriber { child, read }
    }
}

/// A subscriber at work.
pub(crate) struct Subscriber {
    child: Child,
    read: Receiver<String>,
}

impl Subscriber {
    /// The next so many lines.
    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// The lines until one that has this in it.
    pub(crate) fn until(&mut self, last: &str) -> Vec<String> {
        std::iter::from_fn(|| Some(self.line()).filter(|line| !line.contains(last))).collect()
    }

    fn line(&mut self) -> String {
        self.read.recv_timeout(Duration::from_mins(1)).expect("the subscriber gets what is there")
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
