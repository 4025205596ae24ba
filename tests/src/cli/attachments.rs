//! Names of people in what is attached to mails, and in the files that are exported to be attached.

use crate::support::mail_text::read;
use crate::support::paths::files_under;
use crate::support::program::Cli;

/// N96: no mail has a name in an attachment. The only attachment is the picture of a link's code, in invitations.
#[test]
fn mails_have_no_attachment_but_the_code_of_the_link() {
    let cli = Cli::with_company_of("company/multiline.json");
    let settings = [
        "designated_admin_emails",
        "[\"una@acme.example\"]",
        "network_admin_email",
        "nils@acme.example",
        "notify.run_completed",
        "true",
    ];
    cli.run(&[&["config", "set"][..], &settings].concat()).expect_status(0);
    let header =
        "firstname,lastname,email address or device,social_messaging,monitor_calls,monitor_sms";
    let accounts = format!("{header}\n=1+1,@SUM(A1),ann@acme.example,No,off,off\n");
    let place = ["--organization", "EMEA", "--permission-group", "Traders", "--invite"];
    let words = ["import", &cli.file("a.csv", &accounts), "--dialect", "multiline"];
    let more = ["--channel", "whatsapp", "--actor", "jane@acme.example"];
    cli.run(&[&words[..], &place, &more].concat()).expect_status(0);
    let mails = files_under(&cli.outbox());
    let mails = mails.iter().filter(|path| path.extension().is_some_and(|end| end == "eml"));
    let mails: Vec<_> = mails.map(|path| read(&std::fs::read_to_string(path).unwrap())).collect();
    let subjects: Vec<_> = mails.iter().map(|mail| &mail.subject).collect();
    assert_eq!(mails.len(), 4, "{subjects:?}");
    for mail in mails {
        let is_invitation = mail.to.contains("ann@acme.example");
        let expected: &[&str] = if is_invitation { &["image/png "] } else { &[] };
        assert_eq!(mail.attachments, expected, "{}", mail.subject);
    }
}

/// N96, N65: files for a spreadsheet run no formula in a name, and hold no mark that turns the writing direction.
#[test]
fn exported_names_are_no_formulas_and_turn_no_direction() {
    let cli = Cli::with_company();
    let header = "username,first_name,last_name,email,phone_number\n";
    let rows = "eve,\"=HYPERLINK(\"\"http://evil.example\"\",\"\"Click\"\")\",+cmd|' /C calc'!A0,eve@acme.example,+84923448071\n\
        rod,\u{202e}gnp.exe,@SUM(A1),rod@acme.example,+84923448072\n";
    let file = cli.file("people.csv", &format!("{header}{rows}"));
    cli.run(&["import", &file, "--dialect", "leapxpert", "--add-phones"]);
    let added = ["users", "add", "sue", "--first-name=-2+3", "--last-name", "\u{202e}\u{2066}Ray"];
    cli.run(&added).expect_status(0);
    let users = cli.run(&["users", "--spreadsheet"]).expect_status(0).stdout;
    for name in ["HYPERLINK", "/C calc", "gnp.exe", "SUM(A1)", "2+3", "Ray"] {
        assert!(users.contains(name), "{name}: {users}");
    }
    cli.run(&["runs", "start", "--channel", "whatsapp", "--user", "eve", "--yes"]);
    for words in [
        &["users"][..],
        &["log", "latest"],
        &["imports", "rows", "latest"],
        &["phones"],
        &["reports"],
        &["runs"],
        &["notifications"],
    ] {
        let text = cli.run(&[words, &["--spreadsheet"]].concat()).expect_status(0).stdout;
        for mark in ['\u{202a}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{200f}'] {
            assert!(!text.contains(mark), "{words:?} has {mark:?}: {text}");
        }
        for start in ["\n", ",", "\n\"", ",\""] {
            for formula in ["=", "+", "@", "-2"] {
                let cell = format!("{start}{formula}");
                assert!(!text.contains(&cell), "{words:?} has {cell:?}: {text}");
            }
        }
    }
}
