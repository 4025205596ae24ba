//! The verbs for roles and org units.

use serde_json::json;

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
    let with_role = |user: &str| cli.json(&["users", "show", user])["roles"] == json!(["Lead"]);
    assert_eq!(["ann", "bob", "cid"].map(with_role), [false, true, false]);

    cli.run(&["roles", "define", "Chief"]).expect_status(0);
    let stdout =
        cli.run(&["roles", "assign", "Lead", "Chief", "--user", "bob"]).expect_status(0).stdout;
    let lines: Vec<_> = stdout.lines().filter(|line| line.contains("bob")).collect();
    assert!(lines[0].contains("Lead") && lines[0].contains("role.already_assigned"), "{stdout}");
    assert!(lines[1].contains("Chief") && lines[1].contains(" assigned"), "{stdout}");
    let nobody = cli.run(&["roles", "assign", "Lead", "--pbx-id", "9"]).expect_status(0);
    assert!(nobody.stderr.contains("the filter finds no people"), "{}", nobody.stderr);

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
