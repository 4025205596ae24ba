//! A second definition changes only what it names, and says what changed.

use serde_json::{Value, json};

use crate::support::program::Cli;

/// The company with a role, a group and a unit that has all of its values.
fn company() -> Cli {
    let cli = Cli::new();
    for define in [
        &["roles", "define", "Lead", "--permission", "bulk_integration"][..],
        &["roles", "define", "Adviser"],
        &["permission-groups", "define", "Traders", "--permission", "voice"],
        &["org-units", "define", "EMEA"],
        &["org-units", "define", "Desk", "--parent", "EMEA", "--level", "team", "--role", "Lead"],
    ] {
        cli.run(define).expect_status(0);
    }
    cli
}

/// The org unit Desk as the query shows it.
fn unit_row(cli: &Cli) -> Value {
    let units = cli.rows(&["org-units"]);
    units.into_iter().find(|unit| unit["org_unit"] == "Desk").unwrap()
}

#[track_caller]
fn said(cli: &Cli, args: &[&str]) -> String {
    cli.run(args).expect_status(0).stdout
}

#[test]
fn second_definition_keeps_what_it_does_not_name() {
    let cli = company();
    let define = ["org-units", "define", "Desk"];
    let added = said(&cli, &[&define[..], &["--default-permission-group", "Traders"]].concat());
    assert!(added.starts_with("the org unit Desk is changed\n"), "{added}");
    assert!(added.contains("  default permission group: - -> Traders\n"), "{added}");
    let added = said(&cli, &[&define[..], &["--role", "Adviser"]].concat());
    assert!(added.contains("  roles: Lead -> Lead, Adviser\n"), "{added}");
    let whole = json!({"org_unit": "Desk", "parent": "EMEA", "level": "team",
        "roles": ["Lead", "Adviser"], "default_permission_group": "Traders"});
    assert_eq!(unit_row(&cli), whole);
    assert_eq!(said(&cli, &define), "the org unit Desk is unchanged\n");
    assert_eq!(unit_row(&cli), whole);

    let role = said(&cli, &["roles", "define", "Lead", "--permission", "reports"]);
    assert!(role.contains("permissions: bulk_integration -> bulk_integration, reports"), "{role}");
    assert_eq!(said(&cli, &["roles", "define", "Lead"]), "the role Lead is unchanged\n");
    let group = ["permission-groups", "define", "Traders", "--permission", "sms"];
    assert!(said(&cli, &group).contains("permissions: voice -> voice, sms"));
}

#[test]
fn values_are_removed_only_by_options_that_say_so() {
    let cli = company();
    let define = ["org-units", "define", "Desk"];
    let said_of = |options: &[&str]| said(&cli, &[&define[..], options].concat());
    let cleared = said_of(&["--no-parent", "--level", "desk", "--remove-role", "Lead"]);
    for line in ["  parent: EMEA -> -\n", "  level: team -> desk\n", "  roles: Lead -> -\n"] {
        assert!(cleared.contains(line), "{cleared}");
    }
    let typo = cli.run(&["roles", "define", "Lead", "--remove-permission", "bulk_integrations"]);
    let stderr = typo.expect_status(2).stderr;
    assert!(stderr.contains("the role Lead has no permission bulk_integrations"), "{stderr}");
    assert!(stderr.contains("did you mean bulk_integration?"), "{stderr}");
    let role = ["roles", "define", "Lead", "--no-permissions", "--permission", "reports"];
    assert!(said(&cli, &role).contains("permissions: bulk_integration -> reports"));
}

/// Contract 2: over NATS a definition is whole. What its body leaves out is removed, and the answer says so.
#[test]
fn whole_definition_lists_the_values_that_it_removes() {
    let cli = company();
    let body = r#"{"org_unit": "Desk", "level": "team"}"#;
    let answer = cli.json(&["command", "DefineOrgUnit", body]);
    let changes = json!([
        {"field": "parent", "old": "EMEA", "new": null},
        {"field": "roles", "old": ["Lead"], "new": []},
    ]);
    assert_eq!(answer["result"], json!({"created": false, "changes": changes}));
    let again = cli.json(&["command", "DefineOrgUnit", body]);
    assert_eq!(again["result"], json!({"created": false, "changes": []}));
}

/// An edit shows each old and new value. A verb that changes nothing says so.
#[test]
fn verb_that_changes_nothing_says_so() {
    let cli = company();
    let add = ["accounts", "add", "ann@acme.example", "--organization", "EMEA"];
    let values = ["--permission-group", "Traders", "--first-name", "Ann"];
    said(&cli, &[&add[..], &values].concat());
    let edit =
        ["accounts", "edit", "ann@acme.example", "--first-name", "Anna", "--monitor-sms", "on"];
    let changed = said(&cli, &edit);
    for line in ["  name: Ann -> Anna\n", "  monitor sms: off -> on\n"] {
        assert!(changed.contains(line), "{changed}");
    }
    assert!(said(&cli, &edit).contains("nothing was changed"));
    let forward = |number: &str, more: &[&str]| {
        let edit = ["accounts", "edit", "ann@acme.example", "--forwarding-number", number];
        said(&cli, &[&edit[..], more].concat())
    };
    forward("+12125550009", &[]);
    let id = ["--id", "01JD0000000000000000000001"];
    for removed in [forward("", &id), forward("", &id)] {
        assert!(!removed.contains("nothing was changed"), "{removed}");
    }
    forward("+12125550009", &[]);
    let removed = forward("", &[]);
    assert!(removed.contains("  forwarding number: +12125550009 -> -\n"), "{removed}");
    cli.run(&["numbers", "add", "+12125550001"]).expect_status(0);
    let output = cli.run(&["numbers", "unreserve", "+12125550001"]).expect_status(0);
    assert!(output.stderr.contains("nothing was changed"), "{}", output.stderr);
    let output = cli.run(&["users", "add", "bob"]).expect_status(0);
    assert!(!output.stderr.contains("nothing was changed"), "{}", output.stderr);
}

#[test]
fn settings_show_their_old_values_and_lists_grow() {
    let cli = company();
    let set = said(&cli, &["config", "set", "channels.whatsapp", "true"]);
    assert!(set.contains("  channels.whatsapp: false -> true\n"), "{set}");
    let again = said(&cli, &["config", "set", "channels.whatsapp", "true"]);
    assert_eq!(again, "unchanged: channels.whatsapp\n");
    said(&cli, &["config", "set", "crm_names", r#"["Salesforce"]"#]);
    let added = said(&cli, &["config", "add", "crm_names", "Dynamics"]);
    assert!(added.contains("  crm_names: Salesforce -> Salesforce, Dynamics\n"), "{added}");
    let removed = said(&cli, &["config", "remove", "crm_names", "Salesforce"]);
    assert!(removed.contains("  crm_names: Salesforce, Dynamics -> Dynamics\n"), "{removed}");
    let stderr = cli.run(&["config", "add", "language", "de"]).expect_status(2).stderr;
    assert!(stderr.contains("language is not a list"), "{stderr}");
}

#[test]
fn replaced_binding_shows_both_and_unknown_one_is_refused() {
    let cli = company();
    let bind = |actor: &str| said(&cli, &["nats-users", "bind", "acme-hr", actor]);
    bind("hr@acme.example");
    let again = bind("joe@acme.example");
    assert!(again.contains("  actors: hr@acme.example -> joe@acme.example\n"), "{again}");
    assert!(bind("joe@acme.example").contains("already"));
    let nobody = cli.refused(&["nats-users", "unbind", "nobody"]);
    assert_eq!(
        (&nobody["code"], nobody["details"]["nats_user"].as_str()),
        (&json!("query.not_found"), Some("nobody"))
    );
    said(&cli, &["nats-users", "unbind", "acme-hr"]);
    said(&cli, &["permissions", "grant", "una@acme.example", "administer"]);
    let granted = said(&cli, &["permissions", "grant", "una@acme.example", "accounts"]);
    assert!(granted.contains("permissions: administer -> "), "{granted}");
    let granted = said(&cli, &["permissions", "grant", "una@acme.example", "accounts"]);
    assert_eq!(granted, "the permissions of una@acme.example are unchanged\n");
    cli.refused(&["permissions", "revoke", "nobody", "accounts"]);
}

/// OCM-09: blanks around a name are ignored, so such a definition changes the defined thing.
#[test]
fn definition_with_a_blank_keeps_what_it_does_not_name() {
    let cli = company();
    let unit = said(&cli, &["org-units", "define", "Desk ", "--role", " Adviser"]);
    assert!(unit.starts_with("the org unit Desk is changed\n"), "{unit}");
    let whole = json!({"org_unit": "Desk", "parent": "EMEA", "level": "team",
        "roles": ["Lead", "Adviser"], "default_permission_group": null});
    assert_eq!(unit_row(&cli), whole);
    let removed = said(&cli, &["org-units", "define", "Desk", "--remove-role", "Adviser "]);
    assert!(removed.contains("  roles: Lead, Adviser -> Lead\n"), "{removed}");
    let role = said(&cli, &["roles", "define", " Lead", "--permission", "reports"]);
    assert!(role.contains("permissions: bulk_integration -> bulk_integration, reports"), "{role}");
    let group = said(&cli, &["permission-groups", "define", "Traders ", "--permission", "sms"]);
    assert!(group.contains("permissions: voice -> voice, sms"), "{group}");
}

#[test]
fn repeated_binding_shows_no_changes() {
    let cli = company();
    let bind = ["nats-users", "bind", "acme-hr"];
    said(&cli, &[&bind[..], &["hr@acme.example"]].concat());
    let id = ["--id", "01JD0000000000000000000001"];
    let again = [&bind[..], &["joe@acme.example"], &id].concat();
    assert!(said(&cli, &again).contains("  actors: hr@acme.example -> joe@acme.example\n"));
    let repeated = said(&cli, &again);
    assert_eq!(repeated, "the NATS user acme-hr may name joe@acme.example\n");
}

/// A typing error in a new name makes a second thing, so the program asks whether the other one was meant.
#[test]
fn new_name_near_a_known_one_is_remarked() {
    let cli = company();
    cli.run(&["users", "add", "jane.hudson"]).expect_status(0);
    for (words, remark) in [
        (&["roles", "define", "lead"][..], "a role named Lead exists; did you mean it?"),
        (&["org-units", "define", "Desks"], "an org unit named Desk exists; did you mean it?"),
        (
            &["permission-groups", "define", "Trader"],
            "a permission group named Traders exists; did you mean it?",
        ),
        (&["users", "add", "jane.hudsen"], "a user named jane.hudson exists; did you mean it?"),
    ] {
        let stderr = cli.run(words).expect_status(0).stderr;
        assert!(stderr.contains(remark), "{words:?}: {stderr}");
        let again = cli.run(words);
        assert!(!again.stderr.contains("did you mean"), "{words:?}: {}", again.stderr);
    }
    for words in [&["org-units", "define", "Desk 2"][..], &["roles", "define", "Lead"]] {
        let stderr = cli.run(words).expect_status(0).stderr;
        assert!(!stderr.contains("did you mean"), "{words:?}: {stderr}");
    }
}

/// A definition repeated under its id has its first body, whatever was defined since.
#[test]
fn repeat_of_a_definition_gets_the_first_answer() {
    let cli = company();
    let ids = (1..).map(|n| format!("01JD000000000000000000000{n}"));
    for (id, (first, then)) in ids.zip([
        (
            &["roles", "define", "New", "--permission", "b", "--permission", "a"][..],
            &["roles", "define", "New", "--permission", "c", "--remove-permission", "a"][..],
        ),
        (
            &["permission-groups", "define", "Traders", "--no-permissions", "--permission", "sms"],
            &["permission-groups", "define", "Traders", "--permission", "fax"],
        ),
        (
            &["org-units", "define", "Desk", "--no-parent", "--role", "Adviser"],
            &["org-units", "define", "Desk", "--parent", "EMEA", "--remove-role", "Adviser"],
        ),
        (&["org-units", "define", "EMEA"], &["org-units", "define", "EMEA", "--level", "region"]),
        (
            &["config", "add", "crm_names", "Salesforce", "Dynamics"],
            &["config", "remove", "crm_names", "Salesforce"],
        ),
        (&["config", "remove", "crm_names", "Dynamics"], &["config", "add", "crm_names", "SAP"]),
    ]) {
        let under_id = [first, &["--id", &id]].concat();
        let mut answer = cli.json(&under_id);
        cli.run(then).expect_status(0);
        let repeat = cli.json(&under_id);
        answer["duplicate"] = json!(true);
        assert_eq!(repeat, answer);
        let other = cli.refused(&[then, &["--id", &id]].concat());
        assert_eq!(other["code"], "command.duplicate_conflict", "{then:?}");
    }
}
