//! Roles and org units as an operator goes about them.

use serde_json::json;

use crate::support::program::Place;

/// OCM-21, OCM-22, OCM-23: filter and select the users, add a role, take it away again.
#[test]
fn ocm_21_roles_are_assigned_and_removed_by_their_verbs() {
    let place = Place::new();
    place.run(&["roles", "define", "Lead", "--permission", "bulk_integration"]).with(0);
    place.run(&["org-units", "define", "Sales", "--level", "team", "--role", "Lead"]).with(0);
    for user in ["ann", "bob", "cid"] {
        let unit = if user == "cid" { &[][..] } else { &["--org-unit", "Sales"][..] };
        place.run(&[&["users", "add", user], unit].concat()).with(0);
    }
    let unknown = place.refused(&["roles", "assign", "King", "--user", "ann"]);
    assert_eq!(unknown["code"], "reference.role_not_found");
    assert_eq!(
        place.rows(&["roles"]),
        [json!({"role": "Lead", "permissions": ["bulk_integration"]})]
    );
    let unit = json!({"org_unit": "Sales", "parent": null, "level": "team", "roles": ["Lead"]});
    assert_eq!(place.rows(&["org-units"]), [unit]);

    let told =
        place.run(&["roles", "assign", "Lead", "--user", "ann", "--user", "nobody"]).with(5).out;
    assert!(told.contains("1 assigned, 0 skipped, 1 failed"), "{told}");
    assert!(told.contains("recipient.user_not_created"), "{told}");
    let told = place
        .run(&["roles", "assign", "Lead", "--org-unit", "Sales", "--state", "active"])
        .with(0)
        .out;
    assert!(told.contains("1 assigned, 1 skipped, 0 failed"), "{told}");
    let answer = place.json(&["roles", "remove", "Lead", "--search", "ann"]);
    assert_eq!(answer["result"]["users"][0]["outcome"], "removed");
    let with_role = |user: &str| place.json(&["users", "show", user])["roles"] == json!(["Lead"]);
    assert_eq!(["ann", "bob", "cid"].map(with_role), [false, true, false]);

    for words in [
        &["roles", "assign", "Lead"][..],
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
        place.run(words).with(2);
    }
}
