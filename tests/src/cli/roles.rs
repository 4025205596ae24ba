//! The verbs for roles and org units.

use serde_json::{Value, json};

use crate::support::program::Cli;

/// OCM-21, OCM-22, OCM-23: Filter and select the users, add a role, remove it.
#[test]
fn role_verbs_assign_and_remove_roles() {
    let cli = Cli::new();
    cli.run(&["roles", "define", "Lead", "--permission", "bulk_integration"]).expect_status(0);
    cli.run(&["org-units", "define", "Sales", "--level", "team", "--role", "Lead"])
        .expect_status(0);
    for user in ["ann", "bob", "cid"] {
        let unit = if user == "cid" { &[][..] } else { &["--org-unit", "Sales"][..] };
        cli.run(&[&["users", "add", user], unit].concat()).expect_status(0);
    }
    let unknown = cli.refused(&["roles", "assign", "King", "--user", "ann"]);
    assert_eq!(unknown["code"], "reference.role_not_found");
    assert_eq!(
        cli.rows(&["roles"]),
        [json!({"role": "Lead", "permissions": ["bulk_integration"]})]
    );
    let unit = json!({"org_unit": "Sales", "parent": null, "level": "team", "roles": ["Lead"], "default_permission_group": null});
    assert_eq!(cli.rows(&["org-units"]), [unit]);

    let stdout = cli
        .run(&["roles", "assign", "Lead", "--user", "ann", "--user", "nobody"])
        .expect_status(5)
        .stdout;
    assert!(stdout.contains("1 assigned, 0 skipped, 1 failed"), "{stdout}");
    assert!(stdout.contains("recipient.user_not_created"), "{stdout}");
    let stdout = cli
        .run(&["roles", "assign", "Lead", "--org-unit", "Sales", "--state", "active"])
        .expect_status(0)
        .stdout;
    assert!(stdout.contains("1 assigned, 1 skipped, 0 failed"), "{stdout}");
    let answer = cli.json(&["roles", "remove", "Lead", "--search", "ann"]);
    assert_eq!(answer["result"]["users"][0]["outcome"], "removed");
    assert!(!cli.rows(&["users", "--role", " Lead"]).is_empty());
    let of = |limit: &str| cli.run(&["users", "--limit", limit]).expect_status(0).stderr;
    assert!(
        of("2").contains("the first 2 users") && !of("3").contains("lists more"),
        "{}",
        of("3")
    );
    let with_role = |user: &str| cli.json(&["users", "show", user])["roles"] == json!(["Lead"]);
    assert_eq!(["ann", "bob", "cid"].map(with_role), [false, true, false]);

    cli.run(&["roles", "define", "Chief"]).expect_status(0);
    let stdout =
        cli.run(&["roles", "assign", "Lead", "Chief", "--user", "bob"]).expect_status(0).stdout;
    let lines: Vec<_> = stdout.lines().filter(|line| line.contains("bob")).collect();
    assert!(lines[0].contains("Lead") && lines[0].contains("role.already_assigned"), "{stdout}");
    assert!(lines[1].contains("Chief") && lines[1].contains(" assigned"), "{stdout}");
    let empty = cli.run(&["roles", "assign", "Lead", "--pbx-id", "9"]).expect_status(0);
    assert!(empty.stderr.contains("the filter finds no people"), "{}", empty.stderr);

    for words in [
        &["roles", "assign", "Lead"][..],
        &["roles", "assign", "Lead", "--profile", "agnt"],
        &["roles", "assign", "Lead", "--state", "archive"],
        &["roles", "assign", "--user", "ann"],
        &["roles", "assign", "Lead", "--user", "ann", "--org-unit", "Sales"],
        &["roles", "--limit", "1", "list"],
        &["org-units", "define"],
        &["numbers", "allocate", "Sales"],
        &["numbers", "allocate", "Sales", "+12125550001", "--quantity", "1"],
        &["numbers", "add"],
        &["numbers", "add", "--file", "nowhere.txt"],
        &["invitations", "resend", "--channel", "whatsapp", "--yes"],
    ] {
        cli.run(words).expect_status(2);
    }
}

/// OCM-21: People are selected by profile, supervisor, Agent ID, PBX ID and a role, alone and together. Each person has
/// an outcome for each role. The list of users knows the same filters, and counts the same people.
#[test]
fn people_are_selected_by_what_ocm_knows_of_them() {
    let cli = Cli::new();
    for role in ["Lead", "Chief"] {
        cli.run(&["roles", "define", role]).expect_status(0);
    }
    for (user, agent_id, pbx_id, profile, supervisor) in [
        ("boss1", "B1", "1000", "supervisor", ""),
        ("jane1", "J1", "1001", "agent", "boss1"),
        ("john1", "J2", "1002", "agent", "boss1"),
        ("lone1", "L1", "1003", "agent", "boss2"),
    ] {
        let mut attributes = json!({"agent_id": agent_id, "pbx_id": pbx_id, "profile": profile});
        if !supervisor.is_empty() {
            attributes["supervisor"] = json!(supervisor);
        }
        let user = json!({"user": user, "attributes": attributes}).to_string();
        cli.run(&["command", "AddUser", &user]).expect_status(0);
    }
    let found = |filter: &[&str]| {
        let words = [&["roles", "assign", "Lead", "--preview"], filter].concat();
        let people = cli.json(&words)["result"]["users"].as_array().unwrap().clone();
        let keys = |rows: &[Value]| {
            rows.iter().map(|one| one["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(keys(&people), keys(&cli.rows(&[&["users", "list"], filter].concat())));
        let count = cli.json(&[&["users", "list", "--count"], filter].concat());
        assert_eq!(count, json!({"count": people.len()}));
        keys(&people)
    };
    assert_eq!(found(&["--profile", "Agent"]), ["jane1", "john1", "lone1"]);
    assert_eq!(found(&["--profile", "supervisor"]), ["boss1"]);
    assert_eq!(found(&["--supervisor", "BOSS1"]), ["jane1", "john1"]);
    assert_eq!(found(&["--agent-id", "j2"]), ["john1"]);
    assert_eq!(found(&["--pbx-id", "1003"]), ["lone1"]);
    assert_eq!(found(&["--profile", "agent", "--supervisor", "boss2"]), ["lone1"]);
    assert_eq!(found(&["--profile", "supervisor", "--pbx-id", "1003"]), Vec::<String>::new());

    cli.run(&["roles", "assign", "Lead", "--agent-id", "J1"]).expect_status(0);
    assert_eq!(found(&["--with-role", "Lead"]), ["jane1"]);
    assert_eq!(found(&["--state", "active", "--search", "jane"]), ["jane1"]);
    let mistyped = cli.run(&["users", "--role", "lead"]).expect_status(0).stderr;
    assert!(mistyped.contains("the company has no role lead (did you mean Lead?)"), "{mistyped}");
    let printed = cli.run(&["users", "--supervisor", "boss1"]).expect_status(0);
    assert!(printed.stderr.contains("2 users"), "{}", printed.stderr);
    let answer = cli.json(&["roles", "assign", "Lead", "Chief", "--supervisor", "boss1"]);
    let outcomes = |person: usize| {
        let roles = answer["result"]["users"][person]["roles"].as_array().unwrap();
        roles.iter().map(|one| json!([one["role"], one["outcome"]])).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(0), [json!(["Lead", "skipped"]), json!(["Chief", "assigned"])]);
    assert_eq!(outcomes(1), [json!(["Lead", "assigned"]), json!(["Chief", "assigned"])]);
}

/// OCM-21: a role is assigned to more people than one commit can hold. The preview has the same numbers and changes
/// nothing.
#[test]
fn role_is_assigned_to_over_a_thousand_people() {
    let cli = Cli::with_many_people(1_200);
    cli.run(&["roles", "define", "Lead"]).expect_status(0);
    cli.run(&["roles", "assign", "Lead", "--user", "u7"]).expect_status(0);
    let assign = ["roles", "assign", "Lead", "--org-unit", "Fixed Income Desk"];
    let preview = [&assign[..], &["--preview"]].concat();
    let numbers = |words: &[&str]| {
        let printed = cli.run(words).expect_status(0).stdout;
        printed.lines().last().unwrap().to_owned()
    };
    let would = "nothing was changed; it would be: 1199 assigned, 1 skipped, 0 failed";
    assert_eq!(numbers(&preview), would);
    assert_eq!(numbers(&assign), "1199 assigned, 1 skipped, 0 failed");
    assert!(numbers(&preview).ends_with("0 assigned, 1200 skipped, 0 failed"));
    let history = cli.rows(&["history"]);
    let assigned = history.iter().filter(|row| row["event"] == "RolesAssigned");
    let commits: std::collections::BTreeSet<_> =
        assigned.clone().map(|row| row["command"].to_string()).collect();
    assert_eq!(assigned.count(), 1_200);
    assert!(commits.len() > 2, "one commit would hold them all");
}
