//! The permissions in `nats.conf`: each cell of the table in its comment, and the separation of companies.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boarding_commands::values::Time;
use boarding_log::connect::ServerAddress;
use boarding_nats::server_config::{KeyOwner, Keys, nats_conf, operator_mode, passwords};
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::support::nats::Server;
use crate::support::paths::repository;

/// A row of the table: an operation on a subject, and which users may do it.
struct Row {
    publish: bool,
    subject: String,
    allowed: Vec<bool>,
}

/// A server without accounts, as the earlier file had it.
pub(super) const ONE_ACCOUNT: &str = "\
jetstream { store_dir: \"STORE\", sync_interval: always }
authorization { users: [{user: engine, password: engine}, {user: operator, password: operator}] }";

pub(super) fn config() -> String {
    std::fs::read_to_string(repository().join("nats.conf")).unwrap()
}

/// The table in the comment at the top of `nats.conf`: its users and rows.
fn table(config: &str) -> (Vec<String>, Vec<Row>) {
    let words = |line: &str| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let head = config.lines().find(|line| line.contains(" engine operator auditor ")).unwrap();
    let rows =
        config.lines().filter(|line| line.starts_with("#   pub ") || line.starts_with("#   sub "));
    let rows = rows.map(words).map(|row| {
        let allowed = row[2..].iter().map(|cell| match cell.as_str() {
            "y" => true,
            "-" => false,
            other => panic!("{}: a cell says y or -, not {other}", row[1]),
        });
        Row { publish: row[0] == "pub", subject: row[1].clone(), allowed: allowed.collect() }
    });
    (words(head), rows.collect())
}

/// Starts a server with `nats.conf`, on other ports and with another folder. Each password is the user's name.
pub(super) fn server(config: &str) -> Server {
    Server::with(&lines(config))
}

/// The address of a server of [`server`] for this user.
pub(super) fn url(server: &Server, user: &str) -> String {
    url_of_port(server.port, user)
}

/// The addresses of servers for this user, separated by commas.
pub(super) fn urls(servers: &[Server], user: &str) -> String {
    servers.iter().map(|server| url(server, user)).collect::<Vec<_>>().join(",")
}

/// As [`url`], for a server or a proxy on this port.
pub(super) fn url_of_port(port: u16, user: &str) -> String {
    format!("nats://{user}:{user}@127.0.0.1:{port}")
}

/// The lines of a configuration for a test server. Each password is the user's name.
pub(super) fn lines(config: &str) -> String {
    let mut text = config.replace("store_dir: \"nats-data\"", "store_dir: \"STORE\"");
    for variable in passwords(config).into_iter().collect::<BTreeSet<_>>() {
        let user = variable.trim_start_matches("BOARDING_NATS_").trim_end_matches("_PASSWORD");
        let user = user.to_lowercase().replace('_', "-");
        text = text.replace(&format!("${variable}\n"), &format!("\"{user}\"\n"));
    }
    let set_by_tests = ["listen:", "http:", "server_name:"];
    let ours = |line: &&str| !set_by_tests.iter().any(|name| line.starts_with(name));
    text.lines().filter(ours).collect::<Vec<_>>().join("\n")
}

/// Keys that are made for one configuration.
struct NewKeys;

impl Keys for NewKeys {
    fn seed(&self, owner: KeyOwner, _: &str) -> std::io::Result<String> {
        Ok(owner.new_seed().unwrap())
    }

    fn revoked(&self, _: &str) -> std::io::Result<BTreeMap<String, Time>> {
        Ok(BTreeMap::new())
    }
}

/// A server with accounts, and how its users log in.
pub(super) struct Site {
    pub(super) server: Server,
    /// The credentials of each user; without them each password is the user's name.
    credentials: Option<BTreeMap<String, String>>,
    files: tempfile::TempDir,
}

impl Site {
    pub(super) fn with_passwords(config: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        Self { server: server(config), credentials: None, files }
    }

    /// With the same users and rights in operator mode.
    pub(super) fn in_operator_mode(config: &str) -> Self {
        let made = operator_mode(config, Time(0), &NewKeys).unwrap();
        let files = tempfile::tempdir().unwrap();
        for (user, text) in &made.credentials {
            std::fs::write(files.path().join(user), text).unwrap();
        }
        // The messages need not survive a power failure.
        let text = [made.settings, made.preload].concat().replace("sync_interval: always", "");
        Self { server: server(&text), credentials: Some(made.credentials), files }
    }

    /// The file of a user's credentials, if the site has some.
    pub(super) fn credentials(&self, user: &str) -> Option<std::path::PathBuf> {
        self.credentials.as_ref().map(|_| self.files.path().join(user))
    }

    pub(super) fn address(&self, user: &str) -> ServerAddress {
        let credentials = self.credentials(user);
        let url = match credentials {
            Some(_) => self.server.url(),
            None => url(&self.server, user),
        };
        ServerAddress { url, credentials, ..ServerAddress::default() }
    }

    /// What a user of the site sends to log in, after the server has sent this value to sign.
    fn login(&self, user: &str, nonce: &str) -> Value {
        let Some(credentials) = &self.credentials else {
            return json!({"user": user, "pass": user, "verbose": false});
        };
        let find = |start| credentials[user].lines().find(|line| line.starts_with(start)).unwrap();
        let (jwt, seed) = (find("ey"), find("SU"));
        let signature = KeyPair::from_seed(seed).unwrap().sign(nonce.as_bytes()).unwrap();
        json!({"jwt": jwt, "sig": URL_SAFE_NO_PAD.encode(signature), "verbose": false})
    }
}

/// A connection in the NATS protocol. The server reports a refused operation before the next PONG.
struct Connection {
    lines: BufReader<TcpStream>,
}

impl Connection {
    fn connect(site: &Site, name: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", site.server.port)).unwrap();
        let mut connection = Self { lines: BufReader::new(stream) };
        let mut info = String::new();
        connection.lines.read_line(&mut info).unwrap();
        let info: Value = serde_json::from_str(info.trim_start_matches("INFO ")).unwrap();
        let login = site.login(name, info["nonce"].as_str().unwrap_or_default());
        let errors = connection.send(&format!("CONNECT {login}\r\n"));
        assert!(errors.is_empty(), "{name} cannot connect: {errors:?}");
        connection
    }

    /// Tries the operation of a row. Returns whether the server allows it.
    fn is_allowed(&mut self, row: &Row) -> bool {
        let subject = &row.subject;
        let errors = if row.publish {
            self.send(&format!("PUB {subject} 0\r\n\r\n"))
        } else {
            self.send(&format!("SUB {subject} 1\r\nUNSUB 1\r\n"))
        };
        let is_violation = |error: &String| error.contains("Permissions Violation");
        assert!(errors.iter().all(is_violation), "{subject}: {errors:?}");
        errors.is_empty()
    }

    /// Sends protocol text and returns the server's errors.
    fn send(&mut self, text: &str) -> Vec<String> {
        self.lines.get_mut().write_all(format!("{text}PING\r\n").as_bytes()).unwrap();
        let mut errors = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "the server closed the connection: {errors:?}"
            );
            match line.trim() {
                "PONG" => return errors,
                error if error.starts_with("-ERR") => errors.push(error.to_owned()),
                _ => {}
            }
        }
    }
}

#[test]
fn each_cell_of_the_permission_table_is_true() {
    check_table(&Site::with_passwords(&config()));
}

/// The rights in JWTs are those of the file.
#[test]
fn each_cell_is_true_in_operator_mode() {
    check_table(&Site::in_operator_mode(&config()));
}

fn check_table(site: &Site) {
    let (users, rows) = table(&config());
    assert!(users.len() == 6 && rows.len() > 40, "the table is not found");
    let mut wrong = Vec::new();
    for (n, name) in users.iter().enumerate() {
        let mut connection = Connection::connect(site, name);
        for row in &rows {
            let allowed = connection.is_allowed(row);
            if allowed != row.allowed[n] {
                let what = if row.publish { "pub" } else { "sub" };
                wrong.push(format!("{name} {what} {}: allowed: {allowed}", row.subject));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The users of another company have the same rights for their company, and none for this.
#[test]
fn users_have_the_same_rights_for_their_company_only() {
    let config = config();
    let both = nats_conf(&["acme", "globex"].map(|name| name.parse().unwrap()));
    let (users, rows) = table(&config);
    let site = Site::with_passwords(&both);
    let swap =
        |text: &str| text.replace("acme", "\0").replace("globex", "acme").replace('\0', "globex");
    let mut wrong = Vec::new();
    for (n, name) in users.iter().enumerate().filter(|(_, name)| name.starts_with("acme")) {
        let name = swap(name);
        let mut connection = Connection::connect(&site, &name);
        for row in &rows {
            let other = Row { subject: swap(&row.subject), allowed: Vec::new(), ..*row };
            let allowed = connection.is_allowed(&other);
            if allowed != row.allowed[n] {
                wrong.push(format!("{name} {}: allowed: {allowed}", other.subject));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
