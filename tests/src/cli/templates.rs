//! The verb `templates`: the wording of mails.

use serde_json::json;

use crate::support::program::Cli;

/// LX-30: The wording is written to files, changed, previewed and set; the mails have it then.
#[test]
fn wording_is_shown_previewed_and_set() {
    let cli = Cli::with_company();
    let show = ["templates", "show", "welcome", "--language", "de"];
    cli.run(&[&show[..], &["-o", "mails"]].concat()).expect_status(0);
    let [text, html] = ["mails/welcome.de.txt", "mails/welcome.de.html"];
    let file = cli.path().join(text);
    let built_in = std::fs::read_to_string(&file).unwrap();
    let (subject, rest) = built_in.split_once('\n').unwrap();
    assert!(subject.starts_with("Subject: "), "{built_in}");
    std::fs::write(&file, format!("Subject: Moin {{{{ first_name }}}}\n{rest}")).unwrap();
    let files = ["--text", text, "--html", html];
    let mail = cli.json(&[&["templates", "preview", "welcome"], &files[..]].concat());
    assert_eq!(mail["subject"], "Moin Jane");
    let set = ["templates", "set", "welcome", "--language", "de"];
    cli.run(&[&set[..], &files].concat()).expect_status(0);
    let own = cli.json(&show);
    assert_eq!((&own["subject"], &own["version"]), (&"Moin {{ first_name }}".into(), &1.into()));
    assert_eq!(cli.rows(&["templates"])[0]["kind"], "welcome");
    let mail = cli.run(&["templates", "preview", "welcome", "--language", "de"]).expect_status(0);
    assert!(mail.stdout.starts_with("Subject: Moin Jane"), "{}", mail.stdout);

    let unset = ["templates", "unset", "welcome", "--language", "DE"];
    let removed = cli.run(&unset).expect_status(0);
    let said = "your own wording of welcome in the language DE is removed\n";
    assert_eq!(removed.stdout, said);
    let in_force = "in force now: the built-in wording in the language de";
    assert!(removed.stderr.contains(in_force), "{}", removed.stderr);
    let shown = cli.json(&show);
    assert_eq!(shown["version"], json!(0));
    assert!(format!("Subject: {}", shown["subject"].as_str().unwrap()).starts_with(subject));
    assert!(cli.rows(&["templates"]).is_empty());
    let none = cli.run(&unset).expect_status(0).stdout;
    assert_eq!(none, "welcome has no wording of your own in the language DE\n");
    cli.run(&[&set[..], &files].concat()).expect_status(0);
    assert_eq!(cli.json(&show)["version"], json!(2));

    std::fs::write(&file, "no subject").unwrap();
    let bad = cli.run(&[&set[..], &files].concat()).expect_status(2);
    assert!(bad.stderr.contains("Subject: "), "{}", bad.stderr);
    let typo = cli.run(&["templates", "show", "welcom"]).expect_status(2);
    assert!(typo.stderr.contains("did you mean welcome?"), "{}", typo.stderr);
}
