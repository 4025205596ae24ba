//! Accounts and their numbers as an operator goes about them: the pool, groups, batches, invitations.

use serde_json::{Value, json};

use crate::support::program::Place;

const HEADER: &str =
    "email address or device,social_messaging,monitor_calls,monitor_sms,multiline_number";

/// A company with two organizations, a group, and three numbers for one of them.
fn meridian() -> Place {
    let place = Place::new();
    place.run(&["config", "set", "channels.whatsapp", "true"]).with(0);
    for name in ["EMEA", "APAC"] {
        place.run(&["org-units", "define", name]).with(0);
    }
    let group =
        ["permission-groups", "define", "Traders", "--permission", "voice", "--permission", "sms"];
    place.run(&group).with(0);
    let list = place
        .file("numbers.txt", "\u{feff}+1 212 555 0001\r\n\n+1 212 555 0002\r\n +12125550003 \n");
    let told = place.run(&["numbers", "add", "--file", &list, "--org-unit", "EMEA"]).with(0);
    assert!(told.out.starts_with("3 numbers added, 0 were there already"), "{}", told.out);
    place
}

/// Uploads accounts, `address,number`; the import's row.
fn upload(place: &Place, accounts: &[(&str, &str)], options: &[&str]) -> Value {
    let rows: String =
        accounts.iter().map(|(user, number)| format!("{user},No,off,off,{number}\n")).collect();
    let file = place.file("accounts.csv", &format!("{HEADER}\n{rows}"));
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Traders",
        "--json",
    ];
    place.run(&[&words, options].concat()).json()
}

/// ML-15, P18: each verb of the pool, and what the pool shows after it.
#[test]
fn ml_15_the_number_pool_is_worked_by_its_verbs() {
    let place = meridian();
    let stock = place
        .run(&["numbers", "add", "+1 212 555 0004", "+1 212 555 0001", "+1 212 555 0005"])
        .with(0);
    assert!(stock.out.starts_with("2 numbers added, 1 were there already"), "{}", stock.out);
    let states = |words: &[&str]| {
        let rows = place.rows(&[&["numbers", "list"], words].concat());
        rows.iter()
            .map(|row| json!([row["number"], row["org_unit"], row["state"]]))
            .collect::<Vec<_>>()
    };
    let told = place.run(&["numbers", "allocate", "APAC", "--quantity", "1"]).with(0);
    assert!(told.out.starts_with("1 numbers are APAC's now"), "{}", told.out);
    place.run(&["numbers", "allocate", "EMEA", "+1 212 555 0005"]).with(0);
    assert_eq!(states(&["--org-unit", "APAC"]), [json!(["+12125550004", "APAC", "available"])]);
    let told = place.run(&["numbers", "withdraw", "+12125550004", "+12125550005"]).with(0);
    assert!(told.out.starts_with("2 numbers are withdrawn"), "{}", told.out);
    assert!(states(&["--org-unit", "APAC"]).is_empty());
    let no = place.refused(&["numbers", "allocate", "EMEA", "--quantity", "3"]);
    assert_eq!(no["code"], "number.none_available");

    place.run(&["numbers", "reserve", "+12125550003", "--tag", "Board"]).with(0);
    assert_eq!(states(&["--state", "reserved"]), [json!(["+12125550003", "EMEA", "reserved"])]);
    upload(&place, &[("ann@acme.example", ""), ("bob@acme.example", "")], &[]);
    let no = place.refused(&["numbers", "assign", "+12125550003", "ann@acme.example"]);
    assert_eq!(no["code"], "number.not_available");
    place.run(&["numbers", "assign", "+12125550003", "ann@acme.example", "--tag", "Board"]).with(0);
    assert_eq!(states(&["--search", "ann@acme"]), [json!(["+12125550003", "EMEA", "assigned"])]);
    place.run(&["numbers", "release", "+12125550003"]).with(0);
    place.run(&["numbers", "reserve", "+12125550003", "--tag", "Board"]).with(0);
    place.run(&["numbers", "unreserve", "+12125550003"]).with(0);

    let short = place.rows(&["numbers", "suggest", "--org-unit", "EMEA", "--limit", "2"]);
    assert_eq!(short, [json!({"number": "+12125550001"}), json!({"number": "+12125550002"})]);
    let table = place.run(&["numbers", "utilisation"]).with(0).out;
    assert!(
        table.contains("ORG UNIT") && table.contains("EMEA") && table.contains("SPARE"),
        "{table}"
    );
    let emea = &place.rows(&["numbers", "utilisation", "--org-unit", "EMEA"])[0];
    assert_eq!((&emea["total"], &emea["available"]), (&json!(3), &json!(3)));
    assert!(place.run(&["numbers"]).with(0).out.contains("available"));
}

/// ML-12, ML-13: the batches, and a report to download.
#[test]
fn ml_12_batch_operation_reports_are_listed_and_downloaded() {
    let place = meridian();
    assert_eq!(place.refused(&["reports", "show", "latest"])["code"], "import.none_available");
    let import = upload(&place, &[("ann@acme.example", "+12125550001"), ("nobody", "")], &[]);
    let people = place.people("people.csv", &[("zoe", "")]);
    place.run(&["import", &people, "--dialect", "leapxpert"]);
    let batch = &place.rows(&["reports"])[0];
    assert_eq!(
        (&batch["import"], &batch["success"], &batch["failed"]),
        (&import["import"], &json!(1), &json!(1))
    );
    let accounts = place.rows(&["reports", "show", "latest"]);
    assert_eq!((accounts.len(), &accounts[1]["code"]), (2, &json!("field.not_email_or_phone")));
    let out = place.path().join("report.csv");
    let id = import["import"].as_str().unwrap();
    place.run(&["reports", "show", id, "--csv", "-o", out.to_str().unwrap()]).with(0);
    let csv = std::fs::read_to_string(out).unwrap();
    assert!(csv.starts_with("Row,Account,Status,Code,Reason,Number"), "{csv}");
    assert!(
        place.run(&["reports", "--spreadsheet"]).with(0).out.contains("Report,File Name,Total")
    );
}

/// ML-04: the groups to choose from, and what to do about one that is not there.
#[test]
fn ml_04_permission_groups_are_listed_and_defined() {
    let place = meridian();
    place.run(&["permission-groups", "define", "Advisers"]).with(0);
    let groups = place.rows(&["permission-groups"]);
    let traders = json!({"permission_group": "Traders", "permissions": ["voice", "sms"]});
    assert_eq!(groups, [json!({"permission_group": "Advisers", "permissions": []}), traders]);
    let file = place.file("accounts.csv", &format!("{HEADER}\nann@acme.example,No,off,off,\n"));
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Pirates",
    ];
    let told = place.run(&words).with(1);
    assert!(told.err.contains("boarding permission-groups"), "{}", told.err);
}

/// ML-09, ML-10, ML-17, ML-18: sent later, sent again, moved, revoked.
#[test]
fn ml_10_invitations_are_sent_again_moved_and_revoked() {
    let place = meridian();
    let (ann, bob) = ("ann@acme.example", "bob@acme.example");
    upload(&place, &[(ann, "+12125550001"), (bob, "")], &[]);
    let resend = ["invitations", "resend", "--channel", "whatsapp"];
    let asks = place.run(&[&resend[..], &["--user", ann]].concat()).with(2);
    assert!(
        asks.err.contains("invitations resend sends mails") && asks.err.contains("--yes"),
        "{}",
        asks.err
    );
    let run =
        place.run(&[&resend[..], &["--user", ann, "--yes", "--json"]].concat()).with(0).json();
    assert_eq!((&run["total"], &run["passed"]), (&json!(1), &json!(1)));
    let told =
        place.run(&[&resend[..], &["--filter", "not_invited", "--yes"]].concat()).with(0).out;
    assert!(told.contains("not_invited") && told.contains("1 invited"), "{told}");
    let sent = place.rows(&["invitations", "list", "--state", "sent"]);
    assert_eq!(sent.iter().map(|row| &row["user"]).collect::<Vec<_>>(), [ann, bob]);

    let moving = ["invitations", "move", bob, "--to", "APAC"];
    let hover = place.run(&[&moving[..], &["--check"]].concat()).with(0).out;
    assert!(hover.starts_with("Unable to move account(s)."), "{hover}");
    assert!(hover.contains("1 needed, 0 available"), "{hover}");
    let no = place.refused(&moving);
    assert_eq!(no["code"], "number.insufficient_in_destination");
    place.run(&["numbers", "add", "+12125550021", "--org-unit", "APAC"]).with(0);
    let hover = place.run(&[&moving[..], &["--check"]].concat()).with(0).out;
    assert_eq!(hover, "they can be moved\n");
    let told = place.run(&moving).with(0).out;
    assert_eq!(told, "1 accounts are APAC's now\n");
    place.run(&["invitations", "revoke", ann, "--channel", "whatsapp"]).with(0);
    let revoked = place.rows(&["invitations", "--state", "revoked"]);
    assert_eq!(revoked[0]["user"], ann);
    assert_eq!(place.rows(&["numbers", "list", "--search", "0001"])[0]["state"], "available");
}

/// ML-11: a line for each tenth where there is no terminal, and the figures at any time.
#[test]
fn ml_11_progress_is_shown_while_importing_and_can_be_asked_for() {
    let place = meridian();
    let accounts: Vec<_> = (0..1_000).map(|n| format!("u{n}@acme.example")).collect();
    let rows: String = accounts.iter().map(|user| format!("{user},No,off,off,\n")).collect();
    let file = place.file("accounts.csv", &format!("{HEADER}\n{rows}"));
    let words = [
        "import",
        &file,
        "--dialect",
        "multiline",
        "--organization",
        "EMEA",
        "--permission-group",
        "Traders",
    ];
    let told = place.run(&words).with(0).err;
    let shown: Vec<u64> = told
        .lines()
        .filter_map(|line| line.strip_prefix("importing ")?.split('/').next()?.parse().ok())
        .collect();
    assert!(shown.is_sorted() && shown.last() == Some(&1_000), "{told}");
    let progress = place.json(&["imports", "progress", "latest"]);
    assert_eq!((&progress["processed"], &progress["percent"]), (&json!(1_000), &json!(100)));
    let plain = place.run(&["imports", "progress", "latest"]).with(0).out;
    assert!(
        plain.contains("processed   1000") && plain.contains("dialect     multiline"),
        "{plain}"
    );
    let unknown = place.refused(&["imports", "progress", "01JD0000000000000000000000"]);
    assert_eq!(unknown["code"], "query.not_found");
}

/// ML-07, ML-16, OCM-01: each dialect's template; "column only included in the CSV if the organization is configured
/// with Social Messaging".
#[test]
fn ml_07_templates_are_printed_for_every_dialect_and_for_one_company() {
    let place = meridian();
    for (words, header) in [
        (&["leapxpert"][..], "username,first_name,"),
        (&["officechat"], "name,firstname,lastname,email/login,title,mobile,manager,Enabled"),
        (&["multiline"], "firstname,lastname,email address or device,"),
        (&["ocm"], "LAN ID,First Name,Last Name,Agent ID,"),
        (&["ocm", "--file", "userdetails"], "LAN ID,First Name,Last Name,Agent ID,"),
        (&["ocm", "--file", "featuredetails"], "LAN ID,"),
        (&["ocm", "--file", "channelcountdetails"], "LAN ID,"),
    ] {
        let text = place.run(&[&["template"], words].concat()).with(0).out;
        assert!(text.starts_with(header), "{words:?}: {text}");
    }
    let social = "restrict_incoming_social_messaging";
    let template =
        |words: &[&str]| place.run(&[&["template", "multiline"], words].concat()).with(0).out;
    place.run(&["config", "set", "social_messaging", "true"]).with(0);
    assert!(template(&["--own"]).contains(social) && !template(&[]).contains(social));
    place.run(&["config", "set", "social_messaging", "false"]).with(0);
    assert!(!template(&["--own"]).contains(social));
}
