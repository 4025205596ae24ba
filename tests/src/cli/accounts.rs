//! Single accounts: added as a file with one row, listed with their status, edited.

use serde_json::{Value, json};

use crate::support::mail_text::{decoded, read};
use crate::support::program::Cli;

fn meridian() -> Cli {
    let cli = Cli::new();
    cli.run(&["config", "set", "channels.whatsapp", "true"]).expect_status(0);
    cli.run(&["org-units", "define", "EMEA"]).expect_status(0);
    for group in ["Traders", "Brokers"] {
        cli.run(&["permission-groups", "define", group]).expect_status(0);
    }
    cli.run(&["numbers", "add", "+1 212 555 0001", "--org-unit", "EMEA"]).expect_status(0);
    cli
}

fn add<'a>(address: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    let place = ["--organization", "EMEA", "--permission-group", "Traders"];
    [&["accounts", "add", address], &place[..], options].concat()
}

/// ML-06, ML-10: a single account is invited like one of a file, and its status says what came of it.
#[test]
fn account_added_alone_is_invited_and_shows_its_status() {
    let cli = meridian();
    let ann = ["--first-name", "Ann", "--number", "+1 212 555 0001", "--invite", "--json"];
    let ann = [&ann[..], &["--id", "01JD0000000000000000000001"]].concat();
    let account = cli.run(&add("ann@meridian.example", &ann)).expect_status(0).json();
    let again = cli.run(&add("ann@meridian.example", &ann)).expect_status(0).json();
    assert_eq!(again["number"], account["number"], "a repeat gets the first answer");
    let shown = ["name", "status", "number", "organization", "permission_group", "code"];
    assert_eq!(
        json!(shown.map(|name| account[name].clone())),
        json!(["Ann", "invited", "+12125550001", "EMEA", "Traders", null])
    );
    let output = cli.run(&add("bob@meridian.example", &["--invite"])).expect_status(5);
    assert!(output.stderr.contains("no invitation was sent: "), "{}", output.stderr);
    assert_eq!(cli.refused(&add("ann@meridian.example", &[]))["code"], "row.user_exists");
    let wrong = add("ann@@meridian", &["--monitor-calls", "perhaps"]);
    let refusal = cli.refused(&wrong);
    assert_eq!(refusal["code"], "field.not_email_or_phone");
    assert!(refusal["message"].as_str().is_some_and(|all| all.contains("monitor_calls")));
    assert_eq!(cli.rows(&["imports"]).len(), 2, "a refused account leaves no import");
    let list = cli.rows(&["accounts", "list", "--status", "invitation_failed"]);
    assert_eq!((list.len(), &list[0]["code"]), (1, &json!("number.none_available")));
    let table = cli.run(&["accounts"]).expect_status(0).stdout;
    assert!(table.contains("bob@meridian.example"), "{table}");
}

/// ML-10: the address of an account is corrected, so that it can be invited again.
#[test]
fn edited_address_is_where_the_next_invitation_goes() {
    let cli = meridian();
    cli.run(&add("ann@meridian.example", &[])).expect_status(0);
    let address = ["--address", "ann.lee@meridian.example", "--permission-group", "Brokers"];
    let edit = [&["accounts", "edit", "ann@meridian.example"], &address[..]].concat();
    cli.run(&edit).expect_status(0);
    let resend = ["invitations", "resend", "--user", "ann@meridian.example", "--yes"];
    cli.run(&resend).expect_status(0);
    let log = cli.rows(&["log", "latest"]);
    assert_eq!(log[0]["email"], "ann.lee@meridian.example");
    let account = cli.run(&["accounts", "show", "ann@meridian.example", "--json"]).json();
    assert_eq!(
        (&account["permission_group"], &account["status"]),
        (&json!("Brokers"), &json!("invited"))
    );
    let wrong = ["accounts", "edit", "ann@meridian.example", "--monitor-calls", "perhaps"];
    let refusal: Value = cli.refused(&wrong);
    assert_eq!(
        (&refusal["code"], &refusal["details"]["field"]),
        (&json!("field.not_allowed"), &json!("monitor_calls"))
    );
}

/// A44: an account whose address becomes a phone is a device without an e-mail address. No other account has its phone.
#[test]
fn account_becomes_a_device_when_its_address_is_a_phone() {
    let cli = meridian();
    let shown = |key: &str| {
        let user = cli.json(&["users", "show", key]);
        json!([user["email"], user["phone"]])
    };
    for address in ["ann@meridian.example", "bob@meridian.example"] {
        cli.run(&add(address, &[])).expect_status(0);
    }
    let edit = |key, address| ["accounts", "edit", key, "--address", address];
    cli.run(&edit("ann@meridian.example", "+84 923 448 071")).expect_status(0);
    assert_eq!(shown("ann@meridian.example"), json!([null, "+84923448071"]));
    let refusal = cli.refused(&edit("bob@meridian.example", "+84923448071"));
    assert_eq!(
        (&refusal["code"], &refusal["details"]["holder"]),
        (&json!("field.not_unique"), &json!("ann@meridian.example"))
    );
    assert_eq!(cli.refused(&add("+84923448071", &[]))["code"], "field.not_unique");
    cli.run(&edit("ann@meridian.example", "ann.lee@meridian.example")).expect_status(0);
    assert_eq!(shown("ann@meridian.example"), json!(["ann.lee@meridian.example", null]));
}

/// ML-12: the report and the administrator's mail name everybody who was not invited, with the reason.
#[test]
fn report_names_who_was_not_invited_and_why() {
    let cli = meridian();
    cli.run(&["config", "set", "designated_admin_emails", "[\"una@meridian.example\"]"])
        .expect_status(0);
    let text = "firstname,lastname,email address or device,social_messaging,monitor_calls,monitor_sms\n\
        Ann,Lee,ann@meridian.example,No,off,off\nBob,Ray,bob@meridian.example,No,off,off\n";
    let file = cli.file("accounts.csv", text);
    let place =
        ["--dialect", "multiline", "--organization", "EMEA", "--permission-group", "Traders"];
    cli.run(&[&["import", &file], &place[..], &["--invite"]].concat()).expect_status(5);
    let failed = cli.rows(&["reports", "show", "latest", "--invitation", "invitation_failed"]);
    assert_eq!((failed.len(), &failed[0]["name"]), (1, &json!("Bob Ray")));
    assert!(failed[0]["invitation_reason"].as_str().is_some_and(|why| why.contains("number")));
    let list = cli.rows(&["reports", "--organization", "EMEA"]);
    let counts = ["invited", "not_invited", "invitation_failed"].map(|name| &list[0][name]);
    assert_eq!(counts, [&json!(1), &json!(0), &json!(1)]);
    assert!(cli.rows(&["reports", "--organization", "APAC"]).is_empty());
    let notices: Vec<_> = std::fs::read_dir(cli.outbox().join("notices")).unwrap().collect();
    assert_eq!(notices.len(), 1);
    let mail = std::fs::read_to_string(notices[0].as_ref().unwrap().path()).unwrap();
    let mail = read(&mail);
    let why = failed[0]["invitation_reason"].as_str().unwrap();
    for part in [
        "Invited: 1",
        "Invitation failed: 1",
        "Not invited: 0",
        &format!("bob@meridian.example: {why} (number.none_available)"),
    ] {
        assert!(mail.text.contains(part), "{part}: {}", mail.text);
    }
    assert!(mail.html.contains("<bdi>bob@meridian.example</bdi>: "), "{}", mail.html);
}

/// A43: the invitation of an account activates MultiLine. It shows the link as a button, as text and as a QR code.
#[test]
fn invitation_of_an_account_activates_multiline() {
    let cli = meridian();
    let app = "https://www.meridian.example/app";
    cli.run(&["config", "set", "app_download_link", app]).expect_status(0);
    let options = ["--language", "German", "--number", "+1 212 555 0001", "--invite"];
    cli.run(&add("ann@meridian.example", &options)).expect_status(0);
    let runs: Vec<_> =
        std::fs::read_dir(cli.outbox()).unwrap().map(|one| one.unwrap().path()).collect();
    let mails: Vec<_> =
        std::fs::read_dir(&runs[0]).unwrap().map(|one| one.unwrap().path()).collect();
    assert_eq!((runs.len(), mails.len()), (1, 1));
    let mail = decoded(&std::fs::read_to_string(&mails[0]).unwrap());
    assert!(!mail.contains("WhatsApp"), "{mail}");
    for part in ["Aktivieren Sie Ihr MultiLine-Konto", app, "cid:qr-code", "MultiLine aktivieren"] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    assert!(mail.contains("Content-Type: image/png"), "{mail}");
}

/// A43: an active account whose social messaging is off has no channel to link, and gets no second invitation.
#[test]
fn active_account_without_social_messaging_is_not_asked_to_link() {
    let cli = meridian();
    cli.run(&["config", "set", "channels.imessage", "true"]).expect_status(0);
    let channel = ["--channel", "whatsapp", "--number", "+1 212 555 0001", "--invite"];
    cli.run(&add("ann@meridian.example", &channel)).expect_status(0);
    let linked = json!({"user": "ann@meridian.example", "channel": "whatsapp"}).to_string();
    cli.run(&["command", "LinkCompleted", &linked]).expect_status(0);
    let resend = [
        "invitations",
        "resend",
        "--user",
        "ann@meridian.example",
        "--channel",
        "imessage",
        "--yes",
    ];
    cli.run(&resend);
    let log = cli.rows(&["log", "latest"]);
    assert_eq!(log[0]["code"], "recipient.social_messaging_off");
    let on = ["accounts", "edit", "ann@meridian.example", "--social-messaging", "Yes"];
    cli.run(&on).expect_status(0);
    cli.run(&resend).expect_status(0);
    assert_eq!(cli.rows(&["log", "latest"])[0]["status"], "success");
}

/// An account is found by the address that it has now, and a device by its number in any spelling. The links that
/// the change has ended are a filter of their own.
#[test]
fn edited_account_is_found_and_invited_again() {
    let cli = meridian();
    cli.run(&["numbers", "add", "+1 212 555 0002", "--org-unit", "EMEA"]).expect_status(0);
    cli.run(&add("ann@meridian.example", &["--invite"])).expect_status(0);
    cli.run(&add("+1 212 555 0100", &[])).expect_status(0);
    let address = ["--address", "ann.lee@meridian.example"];
    cli.run(&[&["accounts", "edit", "ann@meridian.example"], &address[..]].concat())
        .expect_status(0);
    for (given, key) in [
        ("Ann.Lee@meridian.example", "ann@meridian.example"),
        ("+1 (212) 555-0100", "+12125550100"),
    ] {
        assert_eq!(cli.json(&["accounts", "show", given])["user"], key, "{given}");
        cli.run(&["accounts", "edit", given, "--language", "German"]).expect_status(0);
    }
    let ended = cli.rows(&["invitations", "list", "--state", "ended"]);
    assert_eq!((ended.len(), &ended[0]["code"]), (1, &json!("invitation.address_changed")));
    let resend = ["invitations", "resend", "--filter", "ended"];
    let preview = cli.run(&[&resend[..], &["--preview"]].concat()).expect_status(0).stdout;
    let asked = "invitation emails to 1 user for them to activate MultiLine";
    assert!(preview.contains(asked), "{preview}");
    cli.run(&[&resend[..], &["--yes"]].concat()).expect_status(0);
    assert_eq!(cli.rows(&["log", "latest"])[0]["email"], "ann.lee@meridian.example");
    assert_eq!(cli.refused(&[&resend[..], &["--yes"]].concat())["code"], "run.empty_selection");
}

/// A move is judged with its permission group, and says which group each account gets and why.
#[test]
fn move_says_the_permission_group_of_each_account() {
    let cli = meridian();
    cli.run(&add("ann@meridian.example", &["--number", "+1 212 555 0001", "--invite"]))
        .expect_status(0);
    let apac = ["org-units", "define", "APAC", "--default-permission-group", "Brokers"];
    cli.run(&apac).expect_status(0);
    let to_apac = ["invitations", "move", "ann@meridian.example", "--to", "APAC"];
    let check = |more: &[&str], status: i32| {
        let words = [&to_apac[..], &["--check", "--json"], more].concat();
        cli.run(&words).expect_status(status).json()
    };
    let wrong = check(&["--permission-group", "Pirates"], 5);
    assert_eq!(
        (&wrong["allowed"], &wrong["code"]),
        (&json!(false), &json!("permission_group.not_found"))
    );
    let judged = check(&[], 0)["accounts"].clone();
    assert_eq!(judged[0]["permission_group"], "Brokers");
    let moved = cli.json(&to_apac);
    assert_eq!(moved["result"]["accounts"], judged);
    assert_eq!(judged[0]["permission_group_from"], "default");
    assert_eq!(
        cli.json(&["accounts", "show", "ann@meridian.example"])["permission_group"],
        "Brokers"
    );
    let again = ["accounts", "edit", "ann@meridian.example", "--permission-group", "Traders"];
    cli.run(&again).expect_status(0);
    assert_eq!(
        cli.json(&["accounts", "show", "ann@meridian.example"])["permission_group"],
        "Traders"
    );
}

/// ML-17: a check judges each account that is named. It ends with status 5 if one of them keeps all from moving.
#[test]
fn check_of_a_move_judges_each_account() {
    let cli = meridian();
    let invited = ["--number", "+1 212 555 0001", "--invite"];
    cli.run(&add("ann@meridian.example", &invited)).expect_status(0);
    cli.run(&add("bob@meridian.example", &[])).expect_status(0);
    cli.run(&["org-units", "define", "APAC"]).expect_status(0);
    let people = ["ann@meridian.example", "bob@meridian.example", "zoe@meridian.example"];
    let words = [&["invitations", "move"][..], &people, &["--to", "APAC", "--check"]].concat();
    let shown = cli.run(&words).expect_status(5).stdout;
    assert!(
        shown.starts_with("2 of 3 accounts cannot be moved to APAC, so none is moved: "),
        "{shown}"
    );
    let row = cli.run(&[&words[..], &["--json"]].concat()).expect_status(5).json();
    for (at, (person, code)) in people
        .iter()
        .zip([Value::Null, json!("invitation.not_found"), json!("user.not_found")])
        .enumerate()
    {
        let line = shown.lines().find(|line| line.contains(person)).unwrap();
        let judged = &row["judged"][at];
        assert_eq!((&judged["account"], &judged["code"]), (&json!(person), &code));
        assert!(line.contains(judged["message"].as_str().unwrap_or("moves")), "{line}");
    }
}

/// A35: Import & Invite of a thousand accounts invites them all: LeapXpert's limit of a hundred is not theirs.
#[test]
fn thousand_accounts_of_a_file_are_invited() {
    let cli = meridian();
    let numbers = ["--from", "+1 212 556 0000", "--to", "+1 212 556 0999", "--org-unit", "EMEA"];
    cli.run(&[&["numbers", "add"], &numbers[..]].concat()).expect_status(0);
    let rows: String = (0..1_000).map(|n| format!("u{n}@meridian.example,No,off,off\n")).collect();
    let header = "email address or device,social_messaging,monitor_calls,monitor_sms";
    let file = cli.file("accounts.csv", &format!("{header}\n{rows}"));
    let place =
        ["--dialect", "multiline", "--organization", "EMEA", "--permission-group", "Traders"];
    cli.run(&[&["import", &file], &place[..], &["--invite"]].concat()).expect_status(0);
    let run = &cli.rows(&["runs"])[0];
    assert_eq!((&run["total"], &run["passed"]), (&json!(1_000), &json!(1_000)));
}

/// ML-12, ML-13: the summary of Import & Invite names everybody who was not invited, with the reason. Reports are found
/// by their permission group, and show it.
#[test]
fn summary_names_everybody_who_was_not_invited() {
    let cli = meridian();
    let accounts: Vec<_> = (0..30).map(|n| format!("u{n}@meridian.example")).collect();
    let rows: String = accounts.iter().map(|user| format!("{user},No,off,off\n")).collect();
    let header = "email address or device,social_messaging,monitor_calls,monitor_sms";
    let file = cli.file("accounts.csv", &format!("{header}\n{rows}"));
    let place =
        ["--dialect", "multiline", "--organization", "EMEA", "--permission-group", "Traders"];
    let summary = cli.run(&[&["import", &file], &place[..], &["--invite"]].concat());
    let summary = summary.expect_status(5).stdout;
    let (_, failed) = summary.split_once("failed:\n").unwrap();
    let (invited, others) = accounts.split_first().unwrap();
    assert!(!failed.contains(&format!("{invited} ")), "{summary}");
    for account in others {
        let line = failed.lines().find(|line| line.contains(&format!("{account} ")));
        assert!(line.is_some_and(|line| line.contains("number")), "{account}: {summary}");
    }
    let reports = |group| cli.rows(&["reports", "--permission-group", group]).len();
    assert_eq!((reports("Traders"), reports("Brokers")), (1, 0));
    let table = cli.run(&["reports", "show", "latest", "--wide"]).expect_status(0).stdout;
    let (titles, first) = (table.lines().next().unwrap(), table.lines().nth(1).unwrap());
    assert!(titles.contains("GROUP") && first.contains("Traders"), "{table}");
    assert!(cli.run(&["reports", "--wide"]).expect_status(0).stdout.contains("Traders"));
}

/// ML-03, A43: an own wording in MultiLine's spelling is set as it is, and each of its variables is filled.
#[test]
fn every_variable_of_the_activation_mail_is_filled() {
    let cli = meridian();
    let settings = json!({
        "app_download_link": "https://meridian.example/app",
        "web_app_link": "https://meridian.example/web",
        "logo_url": "https://meridian.example/logo.png",
        "market_code": "M-77",
    });
    cli.run(&["command", "SetCompanyConfig", &settings.to_string()]).expect_status(0);
    let names = "{f_name}|{l_name}|{u_name}|{market_code}|{app_download_link}|{web_app_link}";
    let text = cli.file("mail.txt", &format!("Subject: Hi {{f_name}}\n\n{names}|{{link_url}}|\n"));
    let images = "{sign_in_btn}|{qr_code_img}|{logo_img}";
    let html = cli.file("mail.html", &format!("<p>{names}|{{link_url}}|{images}</p>"));
    let kind = ["account_invitation", "--text", &text, "--html", &html];
    let preview = cli.json(&[&["templates", "preview"], &kind[..]].concat());
    assert_eq!(preview["subject"], "Hi Jane");
    cli.run(&[&["templates", "set"], &kind[..], &["--language", "en"]].concat()).expect_status(0);
    let person = ["--first-name", "Ann", "--last-name", "Lee", "--invite"];
    cli.run(&add("ann@meridian.example", &person)).expect_status(0);

    let run = std::fs::read_dir(cli.outbox()).unwrap().next().unwrap().unwrap().path();
    let mail = std::fs::read_dir(run).unwrap().next().unwrap().unwrap().path();
    let mail = read(&std::fs::read_to_string(mail).unwrap());
    let filled = "Ann|Lee|ann@meridian.example|M-77|https://meridian.example/app|https://meridian.example/web|https://";
    assert_eq!(mail.subject, "Hi Ann");
    assert!(mail.text.starts_with(filled), "{}", mail.text);
    let html = mail.html.replace("<bdi>", "").replace("</bdi>", "");
    assert!(html.starts_with(&format!("<p>{filled}")), "{html}");
    for part in [
        "|<a href=\"https://",
        "|<img src=\"cid:qr-code\"",
        "|<img src=\"https://meridian.example/logo.png\"",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains('{') && !mail.text.contains('{'), "{html}");
}

/// Wherever an account is named, the address that it has now is as good as its key.
#[test]
fn account_is_named_by_its_corrected_address() {
    let cli = meridian();
    cli.run(&add("ann@meridian.example", &[])).expect_status(0);
    let address = "ann.lee@meridian.example";
    let edit = ["accounts", "edit", "ann@meridian.example", "--address", address];
    cli.run(&edit).expect_status(0);
    cli.run(&["numbers", "assign", "+1 212 555 0001", address]).expect_status(0);
    let resend = ["invitations", "resend", "--channel", "whatsapp", "--user", address, "--yes"];
    cli.run(&resend).expect_status(0);
    assert_eq!(cli.rows(&["invitations", "--user", address]).len(), 1);
    assert_eq!(cli.json(&["users", "show", address])["user"], "ann@meridian.example");
    cli.run(&["org-units", "define", "APAC"]).expect_status(0);
    let to = ["invitations", "move", address, "--to", "APAC"];
    let judged = cli.json(&[&to[..], &["--check"]].concat());
    assert_eq!(judged["accounts"][0]["account"], "ann@meridian.example");
    cli.run(&to).expect_status(0);
    let revoke = ["invitations", "revoke", address, "--channel", "whatsapp"];
    cli.run(&revoke).expect_status(0);
    cli.run(&["users", "archive", address]).expect_status(0);
}

/// ML-06: Import & Invite leaves out an account that existed. Report and mail say so alike, and how to invite it.
#[test]
fn existing_account_of_a_file_is_told_as_not_invited() {
    let cli = meridian();
    let settings = json!({"designated_admin_emails": ["boss@meridian.example"], "notify": {"batch_report": true}});
    cli.run(&["command", "SetCompanyConfig", &settings.to_string()]).expect_status(0);
    cli.run(&add("ann@meridian.example", &[])).expect_status(0);
    let header = "email address or device,social_messaging,monitor_calls,monitor_sms";
    let file = cli.file("accounts.csv", &format!("{header}\nann@meridian.example,No,off,off\n"));
    let place =
        ["--dialect", "multiline", "--organization", "EMEA", "--permission-group", "Traders"];
    let import = [&["import", &file], &place[..], &["--invite"]].concat();
    let output = cli.run(&import).expect_status(0);
    let said =
        "no invitations were sent: The import created no user, and it invites only new ones.";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    assert!(output.stderr.contains("runs start --channel whatsapp --import"), "{}", output.stderr);
    assert!(!output.stderr.contains("to correct failed rows"), "{}", output.stderr);
    assert_eq!(cli.rows(&["reports"])[0]["not_invited"], 1);
    let row = cli.rows(&["reports", "show", "latest"])[0].clone();
    assert_eq!(
        (&row["invitation"], &row["invitation_code"]),
        (&json!("not_invited"), &json!("row.user_exists"))
    );
    let mails = std::fs::read_dir(cli.outbox().join("notices")).unwrap();
    let mails =
        mails.map(|mail| read(&std::fs::read_to_string(mail.unwrap().path()).unwrap()).text);
    let mail = mails.into_iter().find(|mail| mail.contains("Not invited: 1")).unwrap();
    assert!(mail.contains("(row.user_exists)") && !mail.contains("run.empty_selection"), "{mail}");
}
