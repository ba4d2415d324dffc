//! Finding programs and processes, for [`super`]: with what every Unix has, and without a crate.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How often a server is asked whether it is ready, and how long between: a minute in all.
const ASKED_MAX: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A program of the newest PostgreSQL; Debian keeps them off the path.
pub(super) fn postgres_program(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|path| path.join("bin").join(name).is_file()).max_by_key(version);
    newest.map(|path| path.join("bin").join(name)).or_else(|| in_path(name))
}

pub(super) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A program as the user `postgres`, if we are root; `setpriv` becomes the program, so that its process is known.
pub(super) fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

pub(super) fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output();
    told.is_ok_and(|told| told.stdout.trim_ascii() == b"0")
}

pub(super) fn connected(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, ANSWER_MAX).ok()?;
    stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    Some(stream)
}

/// The command line of a process; none if there is no such process, or only its exit code is left of it.
pub(super) fn command_line(process: u32) -> Option<String> {
    let told = Command::new("ps").args(["-ww", "-o", "stat=,args=", "-p", &process.to_string()]).output().ok()?;
    let line = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    (!line.is_empty() && !line.starts_with('Z')).then_some(line)
}

pub(super) fn children_of(process: u32) -> Vec<u32> {
    let told = Command::new("ps").args(["-o", "pid=", "--ppid", &process.to_string()]).output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default();
    told.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Waits until something holds; an error if it does not within a minute.
pub(super) fn wait_until(mut holds: impl FnMut() -> bool) -> Result<(), ()> {
    // Nobody sends: receiving is how to pause.
    let (_open, never) = mpsc::channel::<()>();
    for _ in 0..ASKED_MAX {
        if holds() {
            return Ok(());
        }
        let _ = never.recv_timeout(PAUSE);
    }
    Err(())
}

/// Takes the exit code of a child when it ends, so that nothing is left of it while this program goes on.
pub(super) fn reap(mut child: std::process::Child) {
    std::thread::spawn(move || drop(child.wait()));
}

/// Ctrl-C at this program is not meant for the servers.
pub(super) fn in_a_group_of_its_own(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

pub(super) fn quietly(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
