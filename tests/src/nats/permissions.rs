//! nats.conf as it is: the table of who may do what, each cell tried, and no company's user in another's.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use crate::support::nats::Server;
use crate::support::paths::repository;

/// One row of the table: what is tried, and which users may.
struct Row {
    publish: bool,
    subject: String,
    allowed: Vec<bool>,
}

pub(super) fn config() -> String {
    std::fs::read_to_string(repository().join("nats.conf")).unwrap()
}

/// The table in the comment at the head of nats.conf: its users and rows.
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

/// The server of nats.conf, on other ports and with a folder of its own; each password is the user's name.
pub(super) fn server(config: &str) -> Server {
    let passwords = config.lines().filter_map(|line| line.trim().strip_prefix("password: $"));
    let mut text = config.replace("store_dir: \"nats-data\"", "store_dir: \"STORE\"");
    for variable in passwords.collect::<BTreeSet<_>>() {
        let user = variable.trim_start_matches("BOARDING_NATS_").trim_end_matches("_PASSWORD");
        let user = user.to_lowercase().replace('_', "-");
        text = text.replace(&format!("${variable}\n"), &format!("\"{user}\"\n"));
    }
    let ours = |line: &&str| !line.starts_with("listen:") && !line.starts_with("http:");
    Server::with(&text.lines().filter(ours).collect::<Vec<_>>().join("\n"))
}

/// A user at the server, in the protocol's own words: what is refused is told before the next PONG.
struct User {
    lines: BufReader<TcpStream>,
}

impl User {
    fn connect(server: &Server, name: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let mut user = Self { lines: BufReader::new(stream) };
        let who = serde_json::json!({"user": name, "pass": name, "verbose": false});
        assert!(user.says(&format!("CONNECT {who}\r\n")).is_empty(), "{name} is let in");
        user
    }

    /// Tries it, and says whether the server let it.
    fn may(&mut self, row: &Row) -> bool {
        let subject = &row.subject;
        let refused = if row.publish {
            self.says(&format!("PUB {subject} 0\r\n\r\n"))
        } else {
            self.says(&format!("SUB {subject} 1\r\nUNSUB 1\r\n"))
        };
        let of_this = |error: &String| error.contains("Permissions Violation");
        assert!(refused.iter().all(of_this), "{subject}: {refused:?}");
        refused.is_empty()
    }

    /// Says it to the server, and gives the errors that are the answer.
    fn says(&mut self, words: &str) -> Vec<String> {
        self.lines.get_mut().write_all(format!("{words}PING\r\n").as_bytes()).unwrap();
        let mut errors = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "the server hung up: {errors:?}"
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
fn each_cell_of_the_table_of_permissions_holds() {
    let config = config();
    let (users, rows) = table(&config);
    let server = server(&config);
    assert!(users.len() == 6 && rows.len() > 40, "the table is there");
    let mut wrong = Vec::new();
    for (n, name) in users.iter().enumerate() {
        let mut user = User::connect(&server, name);
        for row in &rows {
            let may = user.may(row);
            if may != row.allowed[n] {
                let what = if row.publish { "pub" } else { "sub" };
                wrong.push(format!("{name} {what} {}: may {may}", row.subject));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As nats.conf says: another company's users are acme's with its name for acme.
#[test]
fn a_company_whose_users_are_copied_reaches_its_own_and_nothing_of_acme() {
    let config = config();
    let start = config.find("    # The company acme.").unwrap();
    let end = start + config[start..].find("\n  ]").unwrap();
    let block = config[start..end].replace("acme", "globex").replace("ACME", "GLOBEX");
    let both = format!("{}\n{block}{}", &config[..end], &config[end..]);
    let (users, rows) = table(&config);
    let server = server(&both);
    let swap =
        |text: &str| text.replace("acme", "\0").replace("globex", "acme").replace('\0', "globex");
    let mut wrong = Vec::new();
    for (n, name) in users.iter().enumerate().filter(|(_, name)| name.starts_with("acme")) {
        let name = swap(name);
        let mut user = User::connect(&server, &name);
        for row in &rows {
            let other = Row { subject: swap(&row.subject), allowed: Vec::new(), ..*row };
            let may = user.may(&other);
            if may != row.allowed[n] {
                wrong.push(format!("{name} {}: may {may}", other.subject));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
