//! rumqttd, a broker that forgets: it keeps a few segments of each topic's messages in memory, and drops the oldest, acknowledged or
//! not, when a subscriber lags behind them.
//!
//! So it is what a negative control needs: devices that trust its acknowledgement really lose messages, while nothing dies and
//! nobody is told. Installed by cargo when it is first wanted. Knows nothing of what citytwin does with it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::cast::until;
use crate::{cargo, ports, root};

/// The version whose losses were measured.
const VERSION: &str = "0.20.0";
/// Length [bytes] and number of the segments of a topic filter: some hundreds of messages.
const SEGMENTS: (u32, u32) = (64 * 1024, 3);

/// A broker at work; ends when dropped.
#[derive(Debug)]
pub(super) struct Rumqttd {
    child: Child,
    address: SocketAddr,
}

impl Rumqttd {
    /// Starts one with all it says in `folder`, and waits until it takes connections.
    pub(super) fn start(folder: &Path) -> Result<Self, String> {
        let program = program()?;
        let port = ports::claim()?;
        let (file, log) = (folder.join("rumqttd.toml"), folder.join("rumqttd.log"));
        fs::write(&file, configuration(port)).map_err(|error| format!("{}: {error}", file.display()))?;
        let log = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let again = log.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(&program);
        command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(log).stderr(again);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let mut broker = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let mut ended = false;
        until("rumqttd", || {
            ended = !matches!(broker.child.try_wait(), Ok(None));
            ended || std::net::TcpStream::connect(broker.address).is_ok()
        })?;
        if ended { Err(format!("rumqttd ended at once; see {}", folder.display())) } else { Ok(broker) }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Rumqttd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// MQTT 5 at a port of loopback, and next to no memory.
fn configuration(port: u16) -> String {
    let (bytes, count) = SEGMENTS;
    format!(
        "id = 0\n\n[router]\nid = 0\nmax_connections = 100\nmax_outgoing_packet_count = 200\nmax_segment_size = {bytes}\n\
         max_segment_count = {count}\n\n[v5.1]\nname = \"v5-1\"\nlisten = \"127.0.0.1:{port}\"\nnext_connection_delay_ms = 1\n\n\
         [v5.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 262144\nmax_inflight_count = 100\n"
    )
}

/// The program; installed first if it is missing.
fn program() -> Result<PathBuf, String> {
    let home = root().join("target/rumqttd");
    let program = home.join("bin/rumqttd");
    let folder = home.display().to_string();
    let install = |more: &[&str]| {
        let words = [&["install", "--quiet", "--debug", "rumqttd", "--root", &folder], more].concat();
        program.is_file() || (cargo(&words, &[]) && program.is_file())
    };
    // What it was locked to when it was released no compiler of today takes, so that comes last.
    if install(&["--version", VERSION]) || install(&[]) || install(&["--version", VERSION, "--locked"]) {
        Ok(program)
    } else {
        Err(format!(
            "this control needs rumqttd, and `cargo install rumqttd --version {VERSION} --root {folder}` failed; install it there, \
             or do without this control"
        ))
    }
}
