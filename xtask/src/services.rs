//! `cargo xtask services up|down|env`: Mosquitto, Redis, PostgreSQL, Kafka and S3 on loopback, each with all it has in one folder.
//!
//! So that the conformance suites, the storm and CI meet the servers an operator would use, without touching any that run on this
//! machine already: ports are free ones, remembered in the folder; a process is ours only if its command line names our folder.
//! Whoever breaks servers on purpose starts, stops, kills and empties them one by one through [`Services`]. Knows nothing of what
//! citytwin does with them.

mod kafka;
mod programs;
mod s3;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{ports, root};
use programs::{
    as_postgres, children_of, command_line, connected, in_a_group_of_its_own, in_path, is_root, postgres_program,
    quietly, reap, wait_until, write,
};

/// Debian's packages of the servers, of their extensions, of what the checks call, and of what fetches and runs Kafka.
const PACKAGES: [&str; 7] = [
    "mosquitto",
    "mosquitto-clients",
    "redis-server",
    "postgresql",
    "postgresql-postgis",
    "openjdk-17-jre-headless",
    "maven",
];
/// The role and the database tests use; everybody on loopback may, the servers listen nowhere else.
const ROLE: &str = "citytwin";

/// A server that can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// The MQTT broker.
    Mosquitto,
    /// The live state.
    Redis,
    /// Tables and records.
    Postgres,
    /// The bus.
    Kafka,
    /// The bucket: `MinIO`, or moto.
    S3,
}

impl Server {
    /// Every server there is.
    pub(crate) const ALL: [Self; 5] = [Self::Mosquitto, Self::Redis, Self::Postgres, Self::Kafka, Self::S3];
    /// Those of the storm.
    pub(crate) const STORM: [Self; 3] = [Self::Mosquitto, Self::Redis, Self::Postgres];

    /// Its name, which is its folder's too.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
            Self::S3 => "s3",
        }
    }

    /// The server with this name.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|server| server.name() == name)
    }

    /// The variable tests find it by.
    const fn variable(self) -> &'static str {
        match self {
            Self::Mosquitto => "CITYTWIN_TEST_MQTT",
            Self::Redis => "CITYTWIN_TEST_REDIS",
            Self::Postgres => "CITYTWIN_TEST_POSTGRES",
            Self::Kafka => "CITYTWIN_TEST_KAFKA",
            Self::S3 => "CITYTWIN_TEST_S3",
        }
    }

    /// Its program, if it is installed.
    fn program(self) -> Option<PathBuf> {
        match self {
            Self::Mosquitto => in_path("mosquitto"),
            Self::Redis => in_path("redis-server"),
            Self::Postgres => postgres_program("postgres"),
            Self::Kafka => kafka::program(),
            Self::S3 => s3::program(),
        }
    }
}

/// The servers of one folder.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    folder: PathBuf,
}

impl Services {
    /// Those of this checkout, in `target/services` or where `CITYTWIN_SERVICES` says.
    pub(crate) fn new() -> Self {
        let folder =
            std::env::var_os("CITYTWIN_SERVICES").map_or_else(|| root().join("target/services"), PathBuf::from);
        Self::in_folder(&std::path::absolute(&folder).unwrap_or(folder))
    }

    /// Others, in a folder below these: for whoever breaks them.
    pub(crate) fn below(&self, name: &str) -> Self {
        Self::in_folder(&self.folder.join(name))
    }

    /// Those of a folder, given from the root.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn home(&self, server: Server) -> PathBuf {
        self.folder.join(server.name())
    }

    /// Where a server keeps its data.
    pub(crate) fn data(&self, server: Server) -> PathBuf {
        self.home(server).join("data")
    }

    /// The port it listens at, chosen when it was started first.
    pub(crate) fn port(&self, server: Server) -> Option<u16> {
        fs::read_to_string(self.home(server).join("port")).ok()?.trim().parse().ok()
    }

    /// How to reach it.
    pub(crate) fn url(&self, server: Server) -> Option<String> {
        let port = self.port(server)?;
        Some(match server {
            Server::Mosquitto => format!("mqtt://127.0.0.1:{port}"),
            Server::Redis => format!("redis://127.0.0.1:{port}/0"),
            Server::Postgres => format!("postgres://{ROLE}@127.0.0.1:{port}/{ROLE}"),
            Server::Kafka => format!("127.0.0.1:{port}"),
            Server::S3 => s3::url(port),
        })
    }

    /// The variables tests find the servers by.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let reached = |server: Server| self.url(server).map(|url| (server.variable(), url));
        Server::ALL.into_iter().filter_map(reached).collect()
    }

    /// The process of a server; none if it does not run, whatever a file of a machine that was switched off says.
    pub(crate) fn process(&self, server: Server) -> Option<u32> {
        let process: u32 = fs::read_to_string(self.home(server).join("pid")).ok()?.trim().parse().ok()?;
        let named = command_line(process).is_some_and(|line| line.contains(&self.home(server).display().to_string()));
        named.then_some(process)
    }

    /// Starts some of them, after installing what is missing.
    pub(crate) fn up(&self, servers: &[Server]) -> Result<(), String> {
        let missing = |server: &Server| server.program().is_none();
        if servers.iter().any(|server| *server != Server::S3 && missing(server)) {
            install()?;
        }
        if servers.contains(&Server::S3) && missing(&Server::S3) {
            s3::install()?;
        }
        servers.iter().try_for_each(|server| self.start(*server))
    }

    /// Stops all of them and takes away what they have.
    pub(crate) fn down(&self) -> Result<(), String> {
        Server::ALL.into_iter().try_for_each(|server| self.stop(server))?;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", self.folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// Starts a server unless it runs, and waits until it answers.
    pub(crate) fn start(&self, server: Server) -> Result<(), String> {
        if self.process(server).is_some() {
            return self.wait_ready(server);
        }
        let program = server.program().ok_or_else(|| format!("{} is not installed", server.name()))?;
        let home = self.home(server);
        fs::create_dir_all(self.data(server)).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
        let port = self.claim_port(server)?;
        let mut command = match server {
            Server::Mosquitto => self.mosquitto(&program, port)?,
            Server::Redis => self.redis(&program, port),
            Server::Postgres => self.postgres(&program, port)?,
            Server::Kafka => self.kafka(&program, port)?,
            Server::S3 => self.s3(&program, port)?,
        };
        let log = fs::File::options().create(true).append(true).open(home.join("log"));
        let log = log.map_err(|error| format!("cannot write in {}: {error}", home.display()))?;
        let again = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(log).stderr(again).current_dir("/");
        in_a_group_of_its_own(&mut command);
        let mut child = command.spawn().map_err(|error| format!("{} does not start: {error}", program.display()))?;
        write(&home.join("pid"), &child.id().to_string())?;
        // Its command line is no witness yet: it is empty for as long as a cold disk takes to load the program.
        let ready = self.wait_for(server, || matches!(child.try_wait(), Ok(None)));
        reap(child);
        ready?;
        match server {
            Server::Postgres => self.make_database(),
            Server::S3 => self.make_bucket(),
            _ => Ok(()),
        }
    }

    /// Asks a server to end, and waits until it has.
    pub(crate) fn stop(&self, server: Server) -> Result<(), String> {
        // PostgreSQL ends at once on SIGINT and waits for its clients on SIGTERM.
        self.end(server, if server == Server::Postgres { "-INT" } else { "-TERM" })
    }

    /// Kills a server as a crash would (`kill -9`), and waits until it is gone.
    pub(crate) fn kill(&self, server: Server) -> Result<(), String> {
        self.end(server, "-KILL")
    }

    /// Stops a server in its tracks: its connections stay open and nobody answers, until it is thawed.
    pub(crate) fn freeze(&self, server: Server, frozen: bool) -> Result<(), String> {
        let process = self.process(server).ok_or_else(|| format!("{} does not run", server.name()))?;
        let signal = if frozen { "-STOP" } else { "-CONT" };
        for process in children_of(process).into_iter().chain([process]) {
            // A child may have ended since it was asked for.
            quietly(Command::new("kill").args([signal, &process.to_string()]));
        }
        Ok(())
    }

    fn end(&self, server: Server, signal: &str) -> Result<(), String> {
        if let Some(process) = self.process(server) {
            // Children of a killed postmaster end when they notice; until then its data is not free.
            let children = children_of(process);
            quietly(Command::new("kill").args([signal, &process.to_string()]));
            wait_until(|| {
                self.process(server).is_none() && children.iter().all(|child| command_line(*child).is_none())
            })
            .map_err(|()| format!("{} (process {process}) does not end", server.name()))?;
        }
        drop(fs::remove_file(self.home(server).join("pid")));
        if server == Server::Postgres {
            // Left by a crash; its process number may be somebody else's by now.
            drop(fs::remove_file(self.data(server).join("postmaster.pid")));
        }
        Ok(())
    }

    /// Stops a server and starts it again, with its data or without.
    pub(crate) fn restart(&self, server: Server, with_data: bool) -> Result<(), String> {
        self.stop(server)?;
        if !with_data {
            self.empty(server)?;
        }
        self.start(server)
    }

    /// Takes the data of a server that does not run away; its port stays.
    pub(crate) fn empty(&self, server: Server) -> Result<(), String> {
        let data = self.data(server);
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", data.display()))
            }
            _ => Ok(()),
        }
    }

    /// The port of before if nobody else took it, or a free one.
    fn claim_port(&self, server: Server) -> Result<u16, String> {
        let before = self.port(server).filter(|port| ports::is_free(*port));
        let port = before.map_or_else(ports::claim, Ok)?;
        write(&self.home(server).join("port"), &port.to_string())?;
        Ok(port)
    }

    /// Mosquitto with its own defaults, but for persistence: what an operator gets who switches that on.
    fn mosquitto(&self, program: &Path, port: u16) -> Result<Command, String> {
        let file = self.home(Server::Mosquitto).join("mosquitto.conf");
        let data = self.data(Server::Mosquitto);
        let mut lines = vec![
            format!("listener {port} 127.0.0.1"),
            String::from("allow_anonymous true"),
            String::from("persistence true"),
            format!("persistence_location {}/", data.display()),
            String::from("max_queued_messages 0"),
            String::from("max_inflight_messages 1000"),
            String::from("log_dest stderr"),
        ];
        if is_root() {
            lines.push(String::from("user root"));
        }
        write(&file, &(lines.join("\n") + "\n"))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(file);
        Ok(command)
    }

    fn redis(&self, program: &Path, port: u16) -> Command {
        let file = self.home(Server::Redis).join("redis.conf");
        let data = self.data(Server::Redis);
        // Redis shows itself as `redis-server 127.0.0.1:port`: the title is how its folder is seen.
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {data}\nsave \"\"\nappendonly yes\nappendfsync everysec\ndaemonize no\n\
             proc-title-template \"{{title}} {{listen-addr}} {home}\"\n",
            data = data.display(),
            home = self.home(Server::Redis).display()
        );
        // If it cannot be written, redis-server says so.
        drop(write(&file, &lines));
        let mut command = Command::new(program);
        command.arg(file);
        command
    }

    /// PostgreSQL does not run as root: then it runs as `postgres`, to whom its folder is given.
    fn postgres(&self, program: &Path, port: u16) -> Result<Command, String> {
        let data = self.data(Server::Postgres);
        if is_root() {
            if !quietly(Command::new("chown").args(["-R", "postgres:"]).arg(&data)) {
                return Err(String::from(
                    "PostgreSQL does not run as root, and there is no user `postgres` to run it as",
                ));
            }
            if !quietly(as_postgres(Path::new("test")).arg("-x").arg(&data)) {
                return Err(format!(
                    "user `postgres` may not enter {}; set CITYTWIN_SERVICES to a folder it may",
                    data.display()
                ));
            }
        }
        if !data.join("PG_VERSION").is_file() {
            let initdb = postgres_program("initdb").ok_or("initdb is not installed")?;
            let mut command = as_postgres(&initdb);
            command.args(["--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"]);
            let made = command.args(["--no-instructions", "--pgdata"]).arg(&data).current_dir("/").output();
            let made = made.map_err(|error| format!("initdb does not start: {error}"))?;
            if !made.status.success() {
                return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr).trim()));
            }
            // A role that needs a password, so that a wrong one can be tried.
            let rules = data.join("pg_hba.conf");
            let others =
                fs::read_to_string(&rules).map_err(|error| format!("cannot read {}: {error}", rules.display()))?;
            write(&rules, &format!("host all locked 127.0.0.1/32 scram-sha-256\n{others}"))?;
        }
        let mut command = as_postgres(program);
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "unix_socket_directories="]);
        Ok(command)
    }

    /// Makes the role and the database, unless they are there.
    fn make_database(&self) -> Result<(), String> {
        let asked = |sql: &str| self.asked("postgres", "postgres", sql);
        if asked(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{ROLE}'"))? == "0" {
            asked(&format!("CREATE ROLE {ROLE} LOGIN SUPERUSER"))?;
            asked("CREATE ROLE locked LOGIN PASSWORD 'nobody tells'")?;
        }
        if asked(&format!("SELECT count(*) FROM pg_database WHERE datname = '{ROLE}'"))? == "0" {
            asked(&format!("CREATE DATABASE {ROLE} OWNER {ROLE}"))?;
        }
        Ok(())
    }

    /// What PostgreSQL answers to statements in the tests' database.
    pub(crate) fn sql(&self, statements: &str) -> Result<String, String> {
        self.asked(ROLE, ROLE, statements)
    }

    fn asked(&self, role: &str, database: &str, sql: &str) -> Result<String, String> {
        let port = self.port(Server::Postgres).unwrap_or_default().to_string();
        let mut command = Command::new(postgres_program("psql").ok_or("psql is not installed")?);
        command.args(["-h", "127.0.0.1", "-p", &port, "-U", role, "-d", database, "-X", "-A", "-t", "-q", "-c", sql]);
        let told = command.stdin(Stdio::null()).output().map_err(|error| format!("psql does not start: {error}"))?;
        if told.status.success() {
            Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
        } else {
            Err(format!("`{sql}` failed: {}", String::from_utf8_lossy(&told.stderr).trim()))
        }
    }

    /// Takes away everything Redis holds.
    pub(crate) fn empty_redis(&self) -> Result<(), String> {
        let mut stream = self.port(Server::Redis).and_then(connected).ok_or("Redis does not answer")?;
        let mut answer = [0; 5];
        let asked = stream.write_all(b"FLUSHALL\r\n").and_then(|()| stream.read_exact(&mut answer));
        asked.map_err(|error| format!("Redis does not answer: {error}"))?;
        if &answer == b"+OK\r\n" { Ok(()) } else { Err(String::from("Redis does not empty itself")) }
    }

    /// Waits until a server answers as one that is ready does.
    pub(crate) fn wait_ready(&self, server: Server) -> Result<(), String> {
        self.wait_for(server, || self.process(server).is_some())
    }

    fn wait_for(&self, server: Server, mut runs: impl FnMut() -> bool) -> Result<(), String> {
        let mut ended = false;
        let ready = wait_until(|| {
            ended = !runs();
            ended || self.answers(server)
        });
        if ready.is_ok() && !ended {
            return Ok(());
        }
        let log = fs::read_to_string(self.home(server).join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let what = if ended { "ended" } else { "does not answer" };
        Err(format!(
            "{} {what}; its last words: {}",
            server.name(),
            last.into_iter().rev().collect::<Vec<_>>().join(" | ")
        ))
    }

    /// Whether a server answers now.
    pub(crate) fn answers(&self, server: Server) -> bool {
        let Some(port) = self.port(server) else { return false };
        match server {
            Server::Mosquitto | Server::Kafka => connected(port).is_some(),
            Server::S3 => s3::answers(port),
            Server::Redis => connected(port).is_some_and(|mut stream| {
                let mut answer = [0; 5];
                stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer)).is_ok()
                    && &answer == b"+PONG"
            }),
            Server::Postgres => postgres_program("pg_isready").is_some_and(|program| {
                quietly(Command::new(program).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]))
            }),
        }
    }
}

/// `cargo xtask services` and its words; whether it went well.
pub(crate) fn services(words: &[&str]) -> bool {
    let services = Services::new();
    let done = match *words {
        ["up"] => up(&services),
        ["down"] => services.down(),
        ["env"] => env(&services),
        [verb @ ("start" | "stop" | "kill" | "restart" | "renew"), name] => match Server::named(name) {
            Some(server) => one(&services, verb, server),
            None => Err(format!("there is no server `{name}`; there are mosquitto, redis, postgres, kafka and s3")),
        },
        _ => Err(String::from("say services up, down, env, or start|stop|kill|restart|renew and a server's name")),
    };
    if let Err(reason) = &done {
        eprintln!("{reason}");
    }
    done.is_ok()
}

fn one(services: &Services, verb: &str, server: Server) -> Result<(), String> {
    match verb {
        "start" => services.up(&[server]),
        "stop" => services.stop(server),
        "kill" => services.kill(server),
        _ => services.restart(server, verb == "restart"),
    }
}

fn up(services: &Services) -> Result<(), String> {
    services.up(&Server::ALL)?;
    env(services)
}

/// Prints what a shell takes over by `eval "$(cargo xtask services env)"`.
fn env(services: &Services) -> Result<(), String> {
    for server in Server::ALL {
        if services.process(server).is_none() {
            return Err(format!("{} does not run; `cargo xtask services up` starts it", server.name()));
        }
    }
    for (name, value) in services.variables() {
        println!("export {name}={value}");
    }
    Ok(())
}

/// Installs what is missing, if that is allowed here.
fn install() -> Result<(), String> {
    let words = format!("apt-get install {}", PACKAGES.join(" "));
    if !is_root() || in_path("apt-get").is_none() {
        return Err(format!(
            "servers are missing; install Mosquitto, Redis, PostgreSQL with PostGIS, Java 17 and Maven (on Debian: {words})"
        ));
    }
    let apt = |words: &[&str]| {
        quietly(Command::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
    };
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(PACKAGES);
    // A list of packages that is too old is the usual reason to fail once.
    if apt(&install) || (apt(&["update"]) && apt(&install)) { Ok(()) } else { Err(format!("`{words}` failed")) }
}
