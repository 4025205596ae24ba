//! Rows that are judged by the rules of OCM: keys, duplicates, references and supervisors.

use std::sync::Arc;

use boarding_csv::Limits;
use serde_json::json;

use crate::decide::imports::allotment_builder::AllotmentBuilder;
use crate::decide::imports::import_file::testing::{accepted, import_id};
use crate::decide::testing::{Given, given};
use crate::decide::{ArchiveUser, ImportRows};
use crate::event::{Event, Existing, RowOutcome};
use crate::user_file::{ParsedRow, ReadOptions, facts, rows};
use crate::values::Code;

const HEADER: &str =
    "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role,Access Role";

/// A company with the org unit `Desk`, its team `Team A`, the role `Agent`, and an accepted file of `total` rows.
fn company(total: u64) -> Vec<Event> {
    let unit = |name: &str, parent: Option<&str>, level: &str| Event::OrgUnitDefined {
        org_unit: name.to_owned(),
        parent: parent.map(str::to_owned),
        level: Some(level.to_owned()),
        roles: vec![],
        default_permission_group: None,
    };
    let mut file = accepted(total, false, Existing::Skip);
    if let Event::ImportAccepted { options, .. } = &mut file {
        options.dialect = "ocm".to_owned();
    }
    let role = Event::RoleDefined { role: "Agent".to_owned(), permissions: vec![] };
    vec![unit("Desk", None, "department"), unit("Team A", Some("Desk"), "team"), role, file]
}

fn parsed(lines: &[&str]) -> Vec<ParsedRow> {
    let text = format!("{HEADER}\n{}\n", lines.join("\n"));
    let ocm = crate::dialect::find("ocm").unwrap();
    let (options, limits) = (ReadOptions::default(), Limits::default());
    let facts = facts(text.as_bytes(), ocm, &options, &limits).unwrap();
    let rows = rows(text.as_bytes(), ocm, &options, &limits).unwrap().with_facts(facts);
    rows.map(Result::unwrap).collect()
}

fn import(rows: Vec<ParsedRow>) -> ImportRows {
    ImportRows::alone(import_id(), rows)
}

type RowResult = (RowOutcome, Vec<(String, Code)>);

/// The outcome of each row, with the columns and codes of its problems.
fn outcomes_of(events: &[Event]) -> Vec<RowResult> {
    let one = |event: &Event| {
        let (outcome, _) = event.row()?;
        let problems = match event {
            Event::RowRefused { problems, .. } => problems.as_slice(),
            _ => &[],
        };
        let named = |p: &crate::values::Problem| (p.column.clone().unwrap_or_default(), p.code);
        Some((outcome, problems.iter().map(named).collect()))
    };
    events.iter().filter_map(one).collect()
}

#[track_caller]
fn outcomes_when(company: &Given, lines: &[&str]) -> Vec<RowResult> {
    outcomes_of(&company.when(import(parsed(lines))).events())
}

fn invalid(column: &str, code: Code) -> RowResult {
    (RowOutcome::Invalid, vec![(column.to_owned(), code)])
}

fn created() -> RowResult {
    (RowOutcome::Created, vec![])
}

fn duplicate(code: Code) -> RowResult {
    (RowOutcome::Duplicate, vec![(String::new(), code)])
}

fn set(setting: &str, value: serde_json::Value) -> Event {
    Event::CompanyConfigChanged { setting: setting.to_owned(), value }
}

/// The row of a supervisor.
const BOSS: &str = "boss,Bo,Ss,,1,supervisor,,Desk,Agent,";

/// OCM-08, A23: a supervisor must be in an earlier row; a later row, the same person and an unknown one are invalid.
#[test]
fn supervisor_must_exist_before_the_row() {
    let outcomes = outcomes_when(
        &given(company(4)),
        &[
            "early,E,E,,2,agent,boss,Team A,Agent,",
            BOSS,
            "late,L,L,,3,agent,BOSS,Team A,Agent,",
            "own,O,O,,4,agent,own,Team A,Agent,",
        ],
    );
    let not_found = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
    assert_eq!(outcomes, [not_found(), created(), created(), not_found()]);
}

/// OCM-08: neither an agent nor an archived person is a supervisor, whether known before or from this file.
#[test]
fn agent_or_archived_person_is_no_supervisor() {
    let before = given(company(9)).after(import(parsed(&[
        BOSS,
        "ann,A,A,,2,agent,boss,Team A,Agent,",
        "gone,G,G,,3,supervisor,,Desk,Agent,",
    ])));
    let before = before.after(ArchiveUser { user: "gone".to_owned() });
    let outcomes = outcomes_when(
        &before,
        &[
            BOSS,
            "ann,A,A,,2,agent,boss,Team A,Agent,",
            "gone,G,G,,3,supervisor,,Desk,Agent,",
            "bob,B,B,,4,agent,boss,Team A,Agent,",
            "cid,C,C,,5,agent,ann,Team A,Agent,",
            "dan,D,D,,6,agent,bob,Team A,Agent,",
            "eve,E,E,,7,agent,gone,Team A,Agent,",
        ],
    );
    let not_found = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
    assert_eq!(outcomes, [created(), not_found(), not_found(), not_found()]);
}

/// A23: with strict references, people that the same file created do not count, in any commit. People who existed
/// before count, even if a row names them again.
#[test]
fn strict_reference_finds_only_users_from_before_the_file() {
    let mut events = company(5);
    events.insert(0, set("reference_resolution", json!("strict")));
    events.insert(0, crate::decide::testing::user_created("old"));
    let first = [BOSS, "ann,A,A,,2,agent,boss,Team A,Agent,", "OLD,,,,,,,,,"];
    let not_found = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
    let before = given(events);
    let outcomes = outcomes_when(&before, &first);
    assert_eq!(outcomes, [created(), not_found(), duplicate(Code::RowUserExists)]);
    let all = [
        &first[..],
        &["bob,B,B,,3,agent,boss,Team A,Agent,", "cid,C,C,,4,agent,old,Team A,Agent,"],
    ]
    .concat();
    let outcomes = outcomes_when(&before.after(import(parsed(&first))), &all);
    assert_eq!(outcomes, [not_found(), created()]);
}

/// A23: with two passes a supervisor may be in a later row, also of a later commit. An invalid row, the same person
/// and an unknown person do not count.
#[test]
fn two_passes_find_a_supervisor_in_any_row() {
    let mut events = company(6);
    events.insert(0, set("reference_resolution", json!("two_pass")));
    let lines = [
        "early,E,E,,2,agent,BOSS,Team A,Agent,",
        "own,O,O,,4,agent,own,Team A,Agent,",
        "bad,B,B,,5,agent,broken,Team A,Agent,",
        "none,N,N,,6,agent,unknown,Team A,Agent,",
        BOSS,
        "broken,B,B,,x7,supervisor,,Desk,Agent,",
    ];
    let not_found = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
    let last = invalid("PBX ID", Code::FieldNotNumber);
    let all = [created(), not_found(), not_found(), not_found(), created(), last];
    assert_eq!(outcomes_when(&given(events.clone()), &lines), all);
    assert_eq!(outcomes_in_parts(given(events), &lines, 2), all);
}

/// Imports the lines in commits of so many rows, each with the whole file known, as the engine does.
fn outcomes_in_parts(mut company: Given, lines: &[&str], per_commit: usize) -> Vec<RowResult> {
    let rows = parsed(lines);
    let mut outcomes = Vec::new();
    for part in rows.chunks(per_commit) {
        let mut builder = AllotmentBuilder::default();
        builder.add(&company.0, import_id(), &rows);
        let allotment = Some(Arc::new(builder.allot()));
        let command = ImportRows { import: import_id(), rows: Arc::new(part.to_vec()), allotment };
        outcomes.extend(outcomes_of(&company.when(command.clone()).events()));
        company = company.after(command);
    }
    outcomes
}

/// OCM-08: with two passes no person is created under a supervisor whose own row fails, for any reason.
#[test]
fn person_fails_when_the_row_of_the_supervisor_fails() {
    let mut events = company(12);
    events.insert(0, set("reference_resolution", json!("two_pass")));
    let lines = [
        "ann,A,A,,2,agent,king,Team A,Agent,",
        "bob,B,B,,3,agent,twin,Team A,Agent,",
        "cid,C,C,,4,agent,late,Team A,Agent,",
        "dan,D,D,,5,agent,BOSS,Team A,Agent,",
        "king,K,K,,6,supervisor,,Desk,King,",
        "twin,T,T,,7,supervisor,,Desk,Agent,",
        "other,O,O,,7,supervisor,,Desk,Agent,",
        "late,L,L,,8,agent,boss,Team A,Agent,",
        BOSS,
        // A value that only a failed row takes is free.
        "eve,E,E,,2,agent,boss,Team A,Agent,",
    ];
    let not_found = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
    let unique = || invalid("PBX ID", Code::FieldNotUnique);
    let (outcome, mut both) = not_found();
    both.extend(unique().1);
    let expected = [
        (outcome, both),
        not_found(),
        not_found(),
        created(),
        invalid("Role", Code::ReferenceRoleNotFound),
        unique(),
        unique(),
        created(),
        created(),
        created(),
    ];
    for per_commit in [10, 3, 1] {
        let outcomes = outcomes_in_parts(given(events.clone()), &lines, per_commit);
        assert_eq!(outcomes, expected, "{per_commit} rows a commit");
    }
}

/// OCM-13, OCM-15, A25: the LAN ID is checked first, then whether the user exists, then the other values.
/// A duplicate changes nothing.
#[test]
fn key_is_checked_before_duplicate_and_other_values() {
    let mut events = company(9);
    events.insert(0, crate::decide::testing::user_created("ann"));
    let lines = [
        "ANN,,,,x,king,unknown,No Team,No Role,",
        "an n,,,,1,agent,,Team A,Agent,",
        BOSS,
        "Boss,,,,,,,,,",
    ];
    let then = given(events).when(import(parsed(&lines)));
    assert_eq!(then.names(), ["RowRefused", "RowRefused", "UserCreated", "RowRefused"]);
    let outcomes = outcomes_of(&then.events());
    assert_eq!(outcomes[0], duplicate(Code::RowUserExists));
    assert_eq!(
        (outcomes[1].0, outcomes[1].1[0].1),
        (RowOutcome::Invalid, Code::FieldSpecialCharacters)
    );
    assert_eq!(outcomes[3], duplicate(Code::RowDuplicateInFile));
}

/// OCM-04: punctuation in a LAN ID or Agent ID makes the row invalid until the company allows it.
#[test]
fn punctuation_in_an_id_is_invalid_until_allowed() {
    let lines =
        ["jo.hn,J,D,,2,supervisor,,Desk,Agent,", "jane,J,D,ja-ne,3,supervisor,,Desk,Agent,"];
    let special = |column| invalid(column, Code::FieldSpecialCharacters);
    assert_eq!(outcomes_when(&given(company(2)), &lines), [special("LAN ID"), special("Agent ID")]);
    let mut events = company(2);
    events.insert(0, set("id_extra_characters", json!(".-")));
    assert_eq!(outcomes_when(&given(events), &lines), [created(), created()]);
}

/// OCM-05, OCM-06, P17, A32: Agent ID and PBX ID are unique. Of two rows with one value both are refused, and a value
/// that a user has stays with that user.
#[test]
fn agent_id_and_pbx_id_are_unique() {
    let first =
        [BOSS, "ann,A,A,BOSS,2,supervisor,,Desk,Agent,", "bob,B,B,,1,supervisor,,Desk,Agent,"];
    let taken = |column| invalid(column, Code::FieldNotUnique);
    let before = given(company(9));
    let mut both = taken("Agent ID");
    both.1.extend(taken("PBX ID").1);
    assert_eq!(outcomes_when(&before, &first), [both, taken("Agent ID"), taken("PBX ID")]);
    let rest = [
        "cid,C,C,Boss,3,supervisor,,Desk,Agent,",
        "dan,D,D,,１,supervisor,,Desk,Agent,",
        "eve,E,E,,01,supervisor,,Desk,Agent,",
    ];
    let all = [&first[..1], &rest[..]].concat();
    let outcomes = outcomes_when(&before.after(import(parsed(&first[..1]))), &all);
    assert_eq!(outcomes, [taken("Agent ID"), taken("PBX ID"), created()]);
}

/// OCM-09, OCM-10, OCM-11, N75: the org unit must have exactly this name. An agent's unit must be a team. The roles
/// must exist.
#[test]
fn agent_needs_a_team_and_roles_that_exist() {
    let outcomes = outcomes_when(
        &given(company(9)),
        &[
            BOSS,
            "ann,A,A,,2,agent,boss,Desk,Agent,",
            "bob,B,B,,3,agent,boss,team a,Agent,",
            "cid,C,C,,4,agent,boss,Team A,King,",
            "dan,D,D,,5,agent,boss,Team A,Agent,King",
            "eve,E,E,,6,agent,boss,  Team A ,Agent,Agent",
        ],
    );
    let expected = [
        created(),
        invalid("Org Unit", Code::ReferenceOrgUnitNotTeamLevel),
        invalid("Org Unit", Code::ReferenceOrgUnitNotFound),
        invalid("Role", Code::ReferenceRoleNotFound),
        invalid("Access Role", Code::ReferenceRoleNotFound),
        created(),
    ];
    assert_eq!(outcomes, expected);
}

/// OCM-11: CRM names and greeting templates are checked once the company has listed some.
#[test]
fn crm_name_and_greeting_template_must_be_listed() {
    let text = format!(
        "{HEADER},CRM Name,Text Chat Greeting Template Name\nboss,Bo,Ss,,1,supervisor,,Desk,Agent,,Sales,Hello\n"
    );
    let ocm = crate::dialect::find("ocm").unwrap();
    let (options, limits) = (ReadOptions::default(), Limits::default());
    let read = || {
        let rows = rows(text.as_bytes(), ocm, &options, &limits).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let outcomes = |crm: &[&str], greetings: &[&str]| {
        let mut events = company(1);
        events.insert(0, set("crm_names", json!(crm)));
        events.insert(0, set("greeting_templates", json!(greetings)));
        outcomes_of(&given(events).when(import(read())).events())
    };
    assert_eq!(outcomes(&[], &[]), [created()]);
    assert_eq!(outcomes(&["Sales"], &["Hello", "Bye"]), [created()]);
    let unknown = invalid("CRM Name", Code::ReferenceCrmNameNotFound);
    assert_eq!(outcomes(&["sales"], &[]), [unknown]);
    let unknown =
        invalid("Text Chat Greeting Template Name", Code::ReferenceGreetingTemplateNotFound);
    assert_eq!(outcomes(&[], &["Bye"]), [unknown]);
}

/// OCM-03: the columns that only this product has are stored as attributes of the user.
#[test]
fn columns_of_the_dialect_become_attributes() {
    let company = given(company(1)).after(import(parsed(&[BOSS])));
    let person = company.0.users.find("boss").unwrap().1.person();
    let kept: Vec<_> = person.attributes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(kept, [("agent_id", "boss"), ("pbx_id", "1"), ("profile", "supervisor")]);
}

/// What the only row of a file is refused with because of its role.
fn refusal_of_role(role: &str) -> String {
    let define = |role: &str| Event::RoleDefined { role: role.to_owned(), permissions: vec![] };
    let mut row = crate::decide::imports::import_file::testing::row(1, "ann");
    row.values.roles = boarding_csv::CellValue::Value(vec![role.to_owned()]);
    let company = given([define("Agent"), define("Lead"), accepted(1, false, Existing::Skip)]);
    let events = company.when(import(vec![row])).events();
    let Some(Event::RowRefused { problems, .. }) = events.first() else { panic!("{events:?}") };
    problems[0].message.clone()
}

#[test]
fn roles_with_another_separator_get_a_hint() {
    for (text, shown) in [("Agent/Lead", "/"), ("Agent and Lead", "and"), ("Agent,", "a comma")] {
        let message = refusal_of_role(text);
        let hint = format!("separate several roles with ; instead of {shown}");
        assert!(message.contains(&hint), "{text}: {message}");
    }
}

#[test]
fn role_in_another_spelling_gets_the_known_role() {
    let message = refusal_of_role("AGENT");
    assert!(message.contains("did you mean Agent?"), "{message}");
}

#[test]
fn unknown_roles_with_a_separator_get_no_hint() {
    let message = refusal_of_role("Desk/Agent");
    assert!(!message.contains("separate"), "{message}");
}
