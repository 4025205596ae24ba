//! Filters of a resend, and the remedy of an address that bounced, in every product.

use serde_json::{Value, json};

use crate::support::mail_server::MailServer;
use crate::support::program::Cli;

/// A product: how its people are imported, and who they are then.
struct Product {
    dialect: &'static str,
    /// The file of people with these addresses.
    file: fn(&[&str]) -> String,
    /// The key of the person with this address.
    key: fn(&str) -> String,
}

/// The columns of a LeapXpert file that give people of any product an address and a phone.
fn with_addresses(emails: &[&str]) -> String {
    let row =
        |(at, email): (usize, &&str)| format!("{},{email},+84 923 448 1{at:02}\n", name_of(email));
    let rows: String = emails.iter().enumerate().map(row).collect();
    format!("username,email,phone_number\n{rows}")
}

fn lines(header: &str, emails: &[&str], row: impl Fn(&str) -> String) -> String {
    let rows: String = emails.iter().map(|email| row(email) + "\n").collect();
    format!("{header}\n{rows}")
}

/// The last word of the name in an address: `ok.ann@…` is `ann`.
fn name_of(email: &str) -> String {
    let (name, _) = email.split_once('@').unwrap();
    name.rsplit('.').next().unwrap().to_owned()
}

const PRODUCTS: [Product; 5] = [
    Product { dialect: "leapxpert", file: with_addresses, key: name_of },
    Product {
        dialect: "officechat",
        file: |emails| lines("email/login,Enabled", emails, |email| format!("{email},TRUE")),
        key: str::to_owned,
    },
    Product {
        dialect: "mangoapps",
        file: |emails| lines("email/login,Enabled", emails, |email| format!("{email},TRUE")),
        key: str::to_owned,
    },
    Product {
        dialect: "multiline",
        file: |emails| {
            let header = "email address or device,social_messaging,monitor_calls,monitor_sms";
            lines(header, emails, |email| format!("{email},No,off,off"))
        },
        key: str::to_owned,
    },
    Product {
        dialect: "ocm",
        file: |emails| {
            let header =
                "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role";
            lines(header, emails, |email| {
                let name = name_of(email);
                let pbx: u32 =
                    name.bytes().map(u32::from).fold(1, |pbx, byte| pbx * 31 % 9973 + byte);
                format!("{name},{name},Doe,,{pbx},supervisor,,EMEA,Advisor")
            })
        },
        key: name_of,
    },
];

/// Runs a check for all products at once: most of the time it waits for the disk.
fn for_each_product(check: impl Fn(&Product) + Sync) {
    std::thread::scope(|scope| {
        for product in &PRODUCTS {
            let check = &check;
            scope.spawn(move || check(product));
        }
    });
}

/// A company in which people of every product can be imported and invited.
fn company() -> Cli {
    let cli = Cli::new();
    let settings = [
        "channels.whatsapp",
        "true",
        "link_base_url",
        "https://acme.example/link",
        "mail_from",
        "on@acme.example",
        "live_invitation",
        "supersede",
    ];
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    cli.run(&["org-units", "define", "EMEA"]).expect_status(0);
    cli.run(&["roles", "define", "Advisor"]).expect_status(0);
    cli.run(&["permission-groups", "define", "Traders"]).expect_status(0);
    let numbers: Vec<_> = (1..10).map(|n| format!("+1 212 555 000{n}")).collect();
    let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
    cli.run(&[&["numbers", "add"], &numbers[..], &["--org-unit", "EMEA"]].concat())
        .expect_status(0);
    cli
}

impl Product {
    /// Imports people with these addresses, as an administrator of the product does.
    fn import(&self, cli: &Cli, emails: &[&str]) {
        let file = cli.file("people.csv", &(self.file)(emails));
        let words = ["import", &file, "--dialect", self.dialect];
        let others = match self.dialect {
            "ocm" => ["featuredetails", "channelcountdetails"].map(|name| {
                let template = cli.run(&["template", "ocm", "--file", name]).expect_status(0);
                cli.file(&format!("{name}.csv"), &template.stdout)
            }),
            _ => [const { String::new() }; 2],
        };
        let others = others.each_ref().map(String::as_str);
        let more: &[&str] = match self.dialect {
            "leapxpert" => &["--add-phones"],
            "multiline" => &["--organization", "EMEA", "--permission-group", "Traders"],
            "ocm" => &others,
            _ => &[],
        };
        cli.run(&[&words[..], more].concat()).expect_status(0);
        if self.dialect == "ocm" {
            // Files of OCM have no addresses.
            let file = cli.file("addresses.csv", &with_addresses(emails));
            let update = ["--dialect", "leapxpert", "--existing", "update", "--add-phones"];
            cli.run(&[&["import", &file][..], &update].concat()).expect_status(0);
        }
    }

    /// Starts a run of the people with these addresses. Returns the log: name, status and code.
    fn invite(&self, cli: &Cli, emails: &[&str], options: &[&str]) -> Value {
        let mut words: Vec<String> =
            ["runs", "start", "--channel", "whatsapp", "--yes"].map(str::to_owned).to_vec();
        for email in emails {
            words.extend(["--user".to_owned(), (self.key)(email)]);
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let output = cli.run(&[&words[..], options].concat());
        assert!([0, 5].contains(&output.status), "{output:?}");
        log(cli)
    }
}

/// The people of the newest run: name, status and code.
fn log(cli: &Cli) -> Value {
    let row = |row: &Value| {
        let user = row["username"].as_str().unwrap();
        let name = if user.contains('@') { name_of(user) } else { user.to_owned() };
        json!([name, row["status"], row["code"]])
    };
    cli.rows(&["log", "latest"]).iter().map(row).collect()
}

/// Resends to the people of a filter. Returns the log of the run, or the code of the refusal.
fn resend(cli: &Cli, filter: &str) -> Value {
    let words = ["invitations", "resend", "--channel", "whatsapp", "--filter", filter, "--yes"];
    let output = cli.run(&[&words[..], &["--json"]].concat());
    if output.status == 1 { output.json()["code"].clone() } else { log(cli) }
}

/// Reports that the mail of the newest run to this person came back for good.
fn bounce(cli: &Cli, server: &MailServer, email: &str) {
    let mails = server.received();
    let mail = mails.iter().rev().find(|mail| mail.to == [email]).unwrap();
    let id = mail.data.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
    let id = id.trim().trim_matches(['<', '>']);
    let body = json!({"message_id": id, "delivery": "bounced_hard"}).to_string();
    cli.run(&["command", "RecordDelivery", &body]).expect_status(0);
}

/// A31: each filter finds the people that it names, in every product: expired, bounced, uncertain, failed, not invited.
#[test]
fn filters_find_the_people_that_they_name_in_every_product() {
    for_each_product(|product| {
        let server = MailServer::start(&[]);
        let by_smtp = ["--smtp", &server.url()];
        let cli = company();
        let [ann, bob, cid, dan, eve] = [
            "lost.ann@acme.example",
            "ok.bob@acme.example",
            "ok.cid@acme.example",
            "r550.dan@acme.example",
            "ok.eve@acme.example",
        ];
        product.import(&cli, &[ann, bob, cid, dan, eve]);
        let of = |expected: Value, filter: &str| {
            assert_eq!(resend(&cli, filter), expected, "{filter} of {}", product.dialect);
        };
        product.invite(&cli, &[bob], &by_smtp);
        let later = boarding_core::clock::Clock::system().now().plus_seconds(40 * 24 * 3600);
        cli.run(&["command", "Tick", &json!({"now": later}).to_string()]).expect_status(0);
        of(json!([["bob", "success", null]]), "expired");
        of(json!("run.empty_selection"), "expired");

        let sent = product.invite(&cli, &[ann, cid, dan], &by_smtp);
        let expected = json!([
            ["ann", "failed", "delivery.uncertain"],
            ["cid", "success", null],
            ["dan", "failed", "recipient.email_undeliverable"],
        ]);
        assert_eq!(sent, expected, "{}", product.dialect);
        bounce(&cli, &server, cid);
        of(json!([["ann", "success", null]]), "uncertain");
        of(json!([["dan", "success", null]]), "failed");
        of(json!([["cid", "failed", "delivery.suppressed"]]), "bounced");
        of(json!([["eve", "success", null]]), "not_invited");
        for filter in ["uncertain", "not_invited", "expired"] {
            of(json!("run.empty_selection"), filter);
        }
    });
}

/// A31: a mail that may have been sent is not uncertain any more once a report says that it arrived, and who complains
/// about it has got it. Neither a resend nor a retry sends a second one.
#[test]
fn arrived_mail_is_not_uncertain_any_more() {
    for delivery in ["delivered", "complained"] {
        let server = MailServer::start(&[]);
        let cli = company();
        let (product, ann) = (&PRODUCTS[0], "lost.ann@acme.example");
        product.import(&cli, &[ann]);
        let sent = product.invite(&cli, &[ann], &["--smtp", &server.url()]);
        assert_eq!(sent, json!([["ann", "failed", "delivery.uncertain"]]));
        assert_eq!(found_by(&cli, "uncertain"), 1);
        let run = cli.rows(&["runs"])[0]["run"].as_str().unwrap().to_owned();
        let report = |delivery: &str| {
            let body = json!({"message_id": format!("{run}.0"), "delivery": delivery}).to_string();
            cli.run(&["command", "RecordDelivery", &body]).expect_status(0);
        };
        report(delivery);
        assert_eq!(found_by(&cli, "uncertain"), 0, "{delivery}");
        assert_eq!(names(&cli, &["invitations", "--state", "uncertain"]), Vec::<String>::new());
        assert_eq!(names(&cli, &["invitations", "--state", "delivered"]), ["ann"], "{delivery}");
        let retry = cli.refused(&["runs", "retry", &run, "--uncertain", "--yes"]);
        assert_eq!(retry["code"], "run.empty_selection");
    }
}

/// The names of the people in the rows of a verb, sorted.
fn names(cli: &Cli, words: &[&str]) -> Vec<String> {
    names_in(&cli.rows(words))
}

/// The names of the people in these rows, sorted.
fn names_in(rows: &[Value]) -> Vec<String> {
    let user = |row: &Value| row["user"].as_str().unwrap().to_owned();
    let short = |user: String| if user.contains('@') { name_of(&user) } else { user };
    let mut names: Vec<_> = rows.iter().map(user).map(short).collect();
    names.sort();
    names
}

/// How many people a filter finds.
fn found_by(cli: &Cli, filter: &str) -> u64 {
    let words = ["invitations", "resend", "--channel", "whatsapp", "--filter", filter];
    let output = cli.run(&[&words[..], &["--preview", "--json"]].concat()).json();
    match output["outcome"] == "refused" {
        true => {
            assert_eq!(output["code"], "run.empty_selection", "{filter}");
            0
        }
        false => output["result"]["recipient_count"].as_u64().unwrap(),
    }
}

/// A31: a state in the list of invitations and the filter of that name mean the same people, in every product. A mail
/// that was never sent is failed, and has not bounced.
#[test]
fn list_states_and_filters_mean_the_same_people() {
    for_each_product(|product| {
        let server = MailServer::start(&[]);
        let by_smtp = ["--smtp", &server.url()];
        let cli = company();
        let [ann, bob, cid, dan] = ["lost.ann", "ok.bob", "ok.cid", "r550.dan"];
        let [eve, fay, gus, ivy] = ["ok.eve", "ok.fay", "ok.gus", "ok.ivy"];
        let address = |name: &str| format!("{name}@acme.example");
        let all = [ann, bob, cid, dan, eve, fay, gus, ivy].map(address);
        product.import(&cli, &all.each_ref().map(String::as_str));
        let [ann, bob, cid, dan, _, fay, gus, ivy] = &all;

        product.invite(&cli, &[bob], &by_smtp);
        let later = boarding_core::clock::Clock::system().now().plus_seconds(40 * 24 * 3600);
        cli.run(&["command", "Tick", &json!({"now": later}).to_string()]).expect_status(0);
        product.invite(&cli, &[ann, cid, dan, ivy], &by_smtp);
        bounce(&cli, &server, cid);
        let revoke = ["invitations", "revoke", &(product.key)(ivy), "--channel", "whatsapp"];
        cli.run(&revoke).expect_status(0);
        let failing = MailServer::start(&["--mails", "1"]);
        let [gus, fay] = [gus, fay].map(|email| (product.key)(email));
        let start = ["runs", "start", "--channel", "whatsapp", "--yes", "--smtp", &failing.url()];
        cli.interrupt_when_waiting(&[&start[..], &["--user", &gus, "--user", &fay]].concat());
        cli.run(&["runs", "give-up", "latest"]).expect_status(5);

        let shown = names(&cli, &["invitations"]);
        assert_eq!(shown, ["ann", "bob", "cid", "dan", "fay", "gus", "ivy"]);
        for (name, people) in [
            ("expired", &["bob"][..]),
            ("uncertain", &["ann"]),
            ("bounced", &["cid"]),
            ("failed", &["dan", "fay"]),
            ("ended", &[]),
            ("sent", &["gus"]),
            ("revoked", &["ivy"]),
            ("created", &[]),
            ("delivered", &[]),
            ("deferred", &[]),
            ("linked", &[]),
        ] {
            let rows = cli.rows(&["invitations", "--state", name]);
            let listed = names_in(&rows);
            assert!(rows.iter().all(|row| row["status"] == name), "{name}");
            assert_eq!(listed, people, "{name} of {}", product.dialect);
            if ["expired", "uncertain", "bounced", "failed", "ended"].contains(&name) {
                let found = found_by(&cli, name);
                assert_eq!(found, people.len() as u64, "{name} of {}", product.dialect);
            }
        }
        assert_eq!((found_by(&cli, "not_invited"), found_by(&cli, "never_sent")), (1, 3));
    });
}

/// A31: the reason of `delivery.suppressed` names a remedy. A person is invited again after it, in every product.
#[test]
fn remedy_of_a_suppressed_address_ends_the_suppression() {
    for_each_product(|product| {
        let server = MailServer::start(&[]);
        let by_smtp = ["--smtp", &server.url()];
        let cli = company();
        let (old, new) = ("ok.ann@acme.example", "ok.new.ann@acme.example");
        product.import(&cli, &[old]);
        product.invite(&cli, &[old], &by_smtp);
        bounce(&cli, &server, old);
        let suppressed = product.invite(&cli, &[old], &by_smtp);
        assert_eq!(suppressed, json!([["ann", "failed", "delivery.suppressed"]]));
        let reason = cli.rows(&["log", "latest"])[0]["reason"].as_str().unwrap().to_owned();
        let (_, remedy) = reason.split_once("boarding ").unwrap_or_else(|| panic!("{reason}"));

        let key = (product.key)(old);
        // A file of users whose key is the address names the new user and ends the old one, as the reason says.
        let file = match product.dialect {
            "leapxpert" | "ocm" => format!("username,email\n{key},{new}\n"),
            _ => format!("email/login,Enabled\n{new},TRUE\n{old},FALSE\n"),
        };
        let file = cli.file("remedy.csv", &file);
        let given = |word: &str| match word {
            "FILE" => file.clone(),
            "ACCOUNT" => key.clone(),
            "ADDRESS" => new.to_owned(),
            word => word.to_owned(),
        };
        let words: Vec<_> = remedy.trim_end_matches(')').split_whitespace().map(given).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        cli.run(&words).expect_status(0);
        let is_new_user = matches!(product.dialect, "officechat" | "mangoapps");
        let invited = if is_new_user { new } else { old };
        let sent = product.invite(&cli, &[invited], &by_smtp);
        assert_eq!(sent, json!([["ann", "success", null]]), "{}: {reason}", product.dialect);
        let last = server.received().pop().unwrap();
        assert_eq!(last.to, [new], "{}", product.dialect);
    });
}

/// ML-17, ML-18: a move and the check before it judge every account alike, in each state of its mails.
#[test]
fn move_and_its_check_give_the_same_reason() {
    let [.., product, _] = &PRODUCTS;
    assert_eq!(product.dialect, "multiline");
    let server = MailServer::start(&[]);
    let by_smtp = ["--smtp", &server.url()];
    let cli = company();
    cli.run(&["org-units", "define", "APAC"]).expect_status(0);
    let [unsure, bounced, refused, new, back] = [
        "lost.ann@acme.example",
        "ok.bob@acme.example",
        "r550.cid@acme.example",
        "ok.dan@acme.example",
        "lost.eve@acme.example",
    ];
    product.import(&cli, &[unsure, bounced, refused, new, back]);
    product.invite(&cli, &[unsure, bounced, refused], &by_smtp);
    bounce(&cli, &server, bounced);
    let later = boarding_core::clock::Clock::system().now().plus_seconds(40 * 24 * 3600);
    cli.run(&["command", "Tick", &json!({"now": later}).to_string()]).expect_status(0);
    product.invite(&cli, &[back], &by_smtp);
    bounce(&cli, &server, back);
    for (account, why) in [
        (unsure, "its last link has ended"),
        (bounced, "its last invitation failed"),
        (refused, "its last invitation failed"),
        (new, "it was not invited yet"),
        // The report about a mail that may not have been sent ends no link.
        (back, "enough numbers"),
    ] {
        let accounts = format!("accounts={account}");
        let check = cli.run(&["query", "can_move", &accounts, "dest=APAC"]).expect_status(0).json();
        let moved = cli.refused(&["invitations", "move", account, "--to", "APAC"]);
        let message = moved["message"].as_str().unwrap();
        assert_eq!(check["row"]["message"], message, "{account}");
        assert!(message.contains(why), "{account}: {message}");
    }
}
