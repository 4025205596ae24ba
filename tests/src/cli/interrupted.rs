//! Ctrl-C during a run by SMTP, and a second process on the same folder.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::mail_server::{MailServer, closed_port, smtp_url};
use crate::support::program::Cli;
use crate::support::wait::eventually;

/// Waits until this is so.
fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(eventually(what, async || check()))
}

/// A company whose mails leave by this server, over one connection, and the option for it.
fn by_smtp(server: &MailServer, people: &[(&str, &str)]) -> (Cli, String) {
    let cli = Cli::with_company();
    let sender = "Acme <onboarding@acme.example>";
    let links = "https://link.acme.example/";
    cli.run(&["config", "set", "link_base_url", links, "mail_from", sender]).expect_status(0);
    cli.import(&cli.people("people.csv", people));
    (cli, format!("smtp://127.0.0.1:{}?connections=1", server.port))
}

/// P7: Ctrl-C leaves a mail without an answer uncertain. The mails that waited for the connection never left, so they are
/// sent when the run goes on.
#[test]
fn mail_that_never_left_is_not_uncertain_after_ctrl_c() {
    let server = MailServer::start(&[]);
    let people =
        [("silent.ann", "+84912345001"), ("ok.bob", "+84912345002"), ("ok.cid", "+84912345003")];
    let (cli, smtp) = by_smtp(&server, &people);
    let words =
        ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes", "--smtp", &smtp];
    let mut child = cli.command(&words).spawn().unwrap();
    wait_for("ann's mail is accepted without an answer", || {
        (!server.received().is_empty()).then_some(())
    });
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let ended = wait_for("the program ends", || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(130));

    cli.run(&["runs", "resume", "--smtp", &smtp]).expect_status(5);
    let log = cli.rows(&["log", "latest"]);
    let outcomes: Vec<_> = log.iter().map(|row| (&row["username"], &row["code"])).collect();
    let nothing = Value::Null;
    let (ann, uncertain) = (json!("silent.ann"), json!("delivery.uncertain"));
    let [bob, cid] = ["ok.bob", "ok.cid"].map(Value::from);
    assert_eq!(outcomes, [(&bob, &nothing), (&cid, &nothing), (&ann, &uncertain)]);
    assert_eq!(server.received().len(), 3, "one mail each");
}

/// A second process says which process has the folder, and what to do. The run goes on after the first was ended so.
#[test]
fn second_process_says_what_to_do_about_the_first() {
    let cli = Cli::with_three_people();
    let port = closed_port();
    let by_smtp = ["--smtp", &smtp_url(port)];
    let start = ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes"];
    let second = |process: &str| {
        let said = cli.run(&["runs", "resume"]).expect_status(4).stderr;
        assert!(said.contains(&format!("it is in use by process {process}")), "{said}");
        said
    };
    cli.interrupt_when(&[&start[..], &by_smtp].concat(), |process| {
        let said = second(&process.to_string());
        for words in [&format!("kill -INT {process}"), "boarding runs resume", "boarding serve"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    });
    let server = MailServer::on(port, &[]);
    cli.run(&[&["runs", "resume"][..], &by_smtp].concat()).expect_status(0);
    assert_eq!(server.received().len(), 3);

    let path = cli.data().join("LOCK");
    let lock = std::fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "read line", "serve"]).stdin(Stdio::piped());
    let mut serving = command.spawn().unwrap();
    std::fs::write(&path, serving.id().to_string()).unwrap();
    let said = second(&serving.id().to_string());
    assert!(said.contains("over NATS (boarding manual nats)"), "{said}");
    // A process that has not written its number yet: there is nobody to name in a command.
    std::fs::write(&path, "").unwrap();
    let said = second("(unknown)");
    assert!(said.contains("Ctrl-C") && !said.contains("kill"), "{said}");
    drop(serving.stdin.take());
    serving.wait().unwrap();
}

/// P14: A lock file that was removed by hand lets no second process write.
#[test]
fn removed_lock_file_lets_no_second_process_write() {
    let closed = closed_port();
    let server = MailServer::start(&[]);
    let (cli, _) = by_smtp(&server, &[("ann", "+84912345001")]);
    let smtp = smtp_url(closed);
    let words =
        ["runs", "start", "--channel", "whatsapp", "--import", "latest", "--yes", "--smtp", &smtp];
    let mut command = cli.command(&words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = command.spawn().unwrap();
    let lock = cli.data().join("LOCK");
    let holds = || {
        let holder = std::fs::read_to_string(&lock).unwrap_or_default();
        holder.trim() == first.id().to_string()
    };
    wait_for("the first process has the folder", || holds().then_some(()));
    std::fs::remove_file(&lock).unwrap();
    let file = cli.data().join("log/00000000000000000001.log");
    let log = || String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
    for words in [&["users", "add", "evelyn"][..], &["config", "set", "company_name", "X"]] {
        let output = cli.run(words).expect_status(4);
        assert!(output.stderr.contains("in use"), "{words:?}: {}", output.stderr);
    }
    assert!(!log().contains("evelyn"), "a second process has written");
    assert!(first.try_wait().unwrap().is_none(), "the first process goes on");
    let stop = Command::new("kill").args(["-INT", &first.id().to_string()]).status();
    assert!(stop.unwrap().success());
    wait_for("the first process ends", || first.try_wait().unwrap());
    cli.run(&["users", "add", "evelyn"]).expect_status(0);
    assert!(log().contains("evelyn"), "the log shows what is written");
}
