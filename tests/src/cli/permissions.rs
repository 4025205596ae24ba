//! The verbs that say who may do what, and who has linked an account.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::support::paths::files_under;
use crate::support::program::Cli;

/// A45: The verb shows who holds what. Everybody who was granted something is listed, and nobody else.
#[test]
fn permissions_are_granted_listed_and_revoked() {
    let cli = Cli::new();
    let first = cli.refused(&["permissions", "grant", "joe", "accounts"]);
    assert_eq!(first["code"], "auth.no_administrator");
    cli.run(&["permissions", "grant", "una@acme.example", "administer", "accounts"])
        .expect_status(0);
    cli.run(&["permissions", "grant", "joe", "bulk_import_users"]).expect_status(0);
    let rows = cli.rows(&["permissions"]);
    let held: Vec<_> = rows.iter().map(|row| (&row["actor"], &row["permissions"])).collect();
    let (una, joe) = (json!("una@acme.example"), json!("joe"));
    let both = json!(["accounts", "administer"]);
    assert_eq!(held, [(&joe, &json!(["bulk_import_users"])), (&una, &both)]);
    assert_eq!(rows[0]["granted_by"], "olga@local");
    assert!(rows[0]["granted_at"].is_string(), "{rows:?}");
    cli.run(&["permissions", "revoke", "joe", "bulk_import_users"]).expect_status(0);
    let table = cli.run(&["permissions", "list"]).expect_status(0).stdout;
    assert!(table.contains("una@acme.example") && !table.contains("joe"), "{table}");
    let last = cli.refused(&["permissions", "revoke", "una@acme.example", "administer"]);
    assert_eq!(last["code"], "auth.no_administrator");
    cli.refused(&["permissions", "grant", "joe", "fly"]);
}

/// The verb binds NATS users to actors. The settings keep a bound administrator, and nothing limits this terminal.
#[test]
fn nats_users_are_bound_listed_and_unbound() {
    let cli = Cli::new();
    let require = ["config", "set", "require_bound_users", "true"];
    assert_eq!(cli.refused(&require)["code"], "auth.administrator_not_bound");
    cli.run(&["nats-users", "bind", "acme-publisher", "una@acme.example", "joe"]).expect_status(0);
    cli.run(&["nats-users", "bind", "acme-portal", "--anyone"]).expect_status(0);
    cli.run(&["nats-users", "bind", "acme-portal"]).expect_status(2);
    cli.run(&require).expect_status(0);
    let rows = cli.rows(&["nats-users"]);
    let bound: Vec<_> =
        rows.iter().map(|row| (&row["nats_user"], &row["actors"], &row["speaks_for"])).collect();
    let (portal, publisher) = (json!("acme-portal"), json!("acme-publisher"));
    let (none, both) = (json!([]), json!(["una@acme.example", "joe"]));
    let (anyone, null) = (json!("anyone"), json!(null));
    assert_eq!(bound, [(&portal, &none, &anyone), (&publisher, &both, &null)]);
    assert_eq!(rows[0]["bound_by"], "olga@local");
    cli.run(&["nats-users", "unbind", "acme-portal"]).expect_status(0);
    let table = cli.run(&["nats-users", "list"]).expect_status(0).stdout;
    assert!(table.contains("una@acme.example, joe") && !table.contains("portal"), "{table}");
    let last = cli.refused(&["nats-users", "unbind", "acme-publisher"]);
    assert_eq!(last["code"], "auth.administrator_not_bound");
    let history = cli.rows(&["history"]);
    assert!(history.iter().all(|event| event["authenticated"].is_null()), "{history:?}");
}

/// The secret of a token is printed once. It is in no file of the data folder, and in no later output.
#[test]
fn access_token_is_issued_listed_and_revoked() {
    let cli = Cli::new();
    let issue = ["tokens", "issue", "--for", "portal", "--note", "HR portal"];
    let expiring = [&issue[..], &["--expires", "2099-01-31T08:00:00+01:00"]].concat();
    let issued = cli.json(&expiring);
    let (id, secret) = (issued["token"].as_str().unwrap(), issued["secret"].as_str().unwrap());
    let random = secret.strip_prefix(&format!("boarding_{id}_")).unwrap();
    assert_eq!((random.len(), issued["actor"].as_str()), (52, Some("portal")));
    assert_eq!(issued["expires_at"], "2099-01-31T07:00:00.000Z");
    let printed = cli.run(&issue).expect_status(0);
    assert!(printed.stdout.starts_with("boarding_") && printed.stdout.lines().count() == 1);
    assert!(printed.stderr.contains("not shown again"), "{}", printed.stderr);
    let files = files_under(&cli.data());
    let holds = |path: &PathBuf| {
        let content = fs::read(path).unwrap();
        content.windows(random.len()).any(|window| window == random.as_bytes())
    };
    assert!(files.len() > 3 && !files.iter().any(holds), "{files:?}");
    let history = cli.run(&["history", "--json"]).expect_status(0).stdout;
    assert!(history.contains("TokenIssued") && !history.contains(random), "{history}");
    cli.run(&["tokens", "revoke", id]).expect_status(0);
    let repeated = cli.run(&["tokens", "revoke", id]).expect_status(0);
    assert!(repeated.stderr.contains("nothing was changed"), "{}", repeated.stderr);
    let rows = cli.rows(&["tokens"]);
    let listed: Vec<_> = rows.iter().map(|row| (&row["actor"], &row["expires_at"])).collect();
    let actor = json!("portal");
    assert_eq!(listed, [(&actor, &json!(null)), (&actor, &issued["expires_at"])]);
    assert_eq!((&rows[1]["token"], &rows[1]["note"]), (&issued["token"], &json!("HR portal")));
    assert_eq!(
        (&rows[1]["issued_by"], &rows[0]["revoked_at"]),
        (&json!("olga@local"), &json!(null))
    );
    assert!(rows[1]["revoked_at"].is_string(), "{rows:?}");
    let unknown = cli.refused(&["tokens", "revoke", "01JD0000000000000000000000"]);
    assert_eq!(unknown["code"], "token.unknown");
}

/// The engine's own actor gets no permissions, and no caller has its name.
#[test]
fn name_of_the_engine_is_reserved() {
    let cli = Cli::new();
    let granted = cli.refused(&["permissions", "grant", "engine", "administer"]);
    assert_eq!(granted["code"], "auth.actor_reserved");
    for verb in [&["users", "add", "ann"][..], &["users"]] {
        for (actor, code) in [
            ("Engine", "auth.actor_reserved"),
            ("a\u{202e}b", "envelope.malformed"),
            (&"a".repeat(257), "envelope.malformed"),
        ] {
            let refused = cli.refused(&[verb, &["--actor", actor]].concat());
            assert_eq!(refused["code"], code, "{verb:?}: {refused}");
        }
    }
}

/// A link that was made or lost outside of the mail is recorded by a verb.
#[test]
fn account_of_user_is_linked_and_unlinked() {
    let cli = Cli::with_company();
    let people = cli.people("people.csv", &[("ann", "+84912345001")]);
    cli.import(&people);
    let state = || cli.rows(&["phones"])[0]["channels"]["whatsapp"].clone();
    let link = |verb| ["users", verb, "ann", "--channel", "whatsapp"];
    cli.run(&link("link")).expect_status(0);
    assert_eq!(state(), "linked");
    cli.run(&link("unlink")).expect_status(0);
    assert_eq!(state(), "not_linked");
    assert_eq!(cli.refused(&link("unlink"))["code"], "user.invalid_transition");
}
