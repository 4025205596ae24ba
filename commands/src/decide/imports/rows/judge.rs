//! What makes a row invalid or a duplicate by its dialect's own rules: its key, its references, its unique values.

use boarding_csv::CellValue;

use super::Rows;
use crate::company::ValueMark;
use crate::dialect::Known;
use crate::settings::ReferenceResolution;
use crate::user_file::{RowValues, UserRef};
use crate::values::{Code, Problem, UserKey};

impl Rows<'_> {
    /// The row's key, if the company's settings let it be one.
    pub(super) fn usable_key(
        &self,
        values: &RowValues,
        problems: &mut Vec<Problem>,
    ) -> Option<UserKey> {
        let known_as = self.dialect.and_then(|one| one.known_as(values, self));
        let key = known_as.or_else(|| values.user.clone())?;
        let problem = self.dialect.and_then(|one| one.check_key(&key, &self.company.settings));
        let usable = problem.is_none();
        problems.extend(problem);
        usable.then_some(key)
    }

    /// Why a row with this key is a duplicate, if it is.
    pub(super) fn duplicate(&self, folded: &str) -> Option<Problem> {
        if let Some(first_row) = self.first_row(folded) {
            let words = format!("row {first_row}");
            return Some(Problem::new(Code::RowDuplicateInFile).saying(&words));
        }
        let counts = self.dialect.is_some_and(|one| one.existing_is_duplicate());
        let exists = counts && self.company.users.created(folded).is_some();
        exists.then(|| Problem::new(Code::RowUserExists))
    }

    /// A problem of one of the model's columns, as the dialect spells it.
    pub(super) fn in_column(&self, name: &'static str, code: Code) -> Problem {
        Problem::in_column(self.dialect.map_or(name, |one| one.spelling(name)), code)
    }

    /// Unique values that another person has, in the company or by an earlier row.
    pub(super) fn check_unique(&self, values: &RowValues, folded: &str) -> Vec<Problem> {
        let names = self.dialect.map_or(&[][..], |one| one.unique());
        let taken = |name: &&&'static str| match values.attributes.get(**name) {
            Some(CellValue::Value(value)) => {
                self.holder(name, value).is_some_and(|key| key.folded() != folded)
            }
            _ => false,
        };
        let names = names.iter().filter(taken);
        names.map(|name| self.in_column(name, Code::FieldNotUnique)).collect()
    }
}

impl Known for Rows<'_> {
    fn holder(&self, attribute: &str, value: &str) -> Option<UserKey> {
        let earlier = self.values.get(&ValueMark::of(attribute, value)).cloned();
        earlier.or_else(|| Some(self.company.holder(attribute, value)?.1.key()))
    }

    fn may_refer_to(&self, other: &UserRef) -> bool {
        let of_this_file = |id| self.accepted.is_some_and(|import| import.created.contains(&id));
        let exists = self.company.users.created(other.key.as_str());
        let earlier = || self.created.contains(&other.key.folded());
        match self.company.settings.reference_resolution {
            ReferenceResolution::Strict => exists.is_some_and(|(id, _)| !of_this_file(id)),
            ReferenceResolution::FileOrder => exists.is_some() || earlier(),
            ReferenceResolution::TwoPass => exists.is_some() || earlier() || other.in_file,
        }
    }

    fn takes_id(&self, id: &str) -> bool {
        self.company.settings.takes_id(id)
    }

    fn has_role(&self, role: &str) -> bool {
        self.company.roles.contains_key(role)
    }

    fn org_unit_level(&self, org_unit: &str) -> Option<Option<&str>> {
        self.company.org_units.get(org_unit).map(|unit| unit.level.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use boarding_csv::Limits;
    use serde_json::json;

    use crate::decide::ImportRows;
    use crate::decide::imports::import_file::testing::{accepted, import_id};
    use crate::decide::testing::{Given, given};
    use crate::event::{Event, Existing, RowOutcome};
    use crate::user_file::{ParsedRow, ReadOptions, created_keys, rows};
    use crate::values::Code;

    const HEADER: &str =
        "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role,Access Role";

    /// A company with a desk above a team, and an accepted file of so many rows.
    fn company(total: u64) -> Vec<Event> {
        let unit = |name: &str, parent: Option<&str>, level: &str| Event::OrgUnitDefined {
            org_unit: name.to_owned(),
            parent: parent.map(str::to_owned),
            level: Some(level.to_owned()),
            roles: vec![],
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
        let created = created_keys(text.as_bytes(), ocm, &options, &limits).unwrap();
        let rows =
            rows(text.as_bytes(), ocm, &options, &limits).unwrap().with_created_keys(created);
        rows.map(Result::unwrap).collect()
    }

    fn import(rows: Vec<ParsedRow>) -> ImportRows {
        ImportRows { import: import_id(), rows }
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
    fn of(company: &Given, lines: &[&str]) -> Vec<RowResult> {
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

    const BOSS: &str = "boss,Bo,Ss,,1,supervisor,,Desk,Agent,";

    /// OCM-08, A23: a supervisor must be in an earlier row; a later row, the same person and an unknown one are invalid.
    #[test]
    fn supervisor_must_be_in_an_earlier_row() {
        let outcomes = of(
            &given(company(4)),
            &[
                "early,E,E,,2,agent,boss,Team A,Agent,",
                BOSS,
                "late,L,L,,3,agent,BOSS,Team A,Agent,",
                "own,O,O,,4,agent,own,Team A,Agent,",
            ],
        );
        let lost = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
        assert_eq!(outcomes, [lost(), created(), created(), lost()]);
    }

    /// A23: with strict references, people that the same file created do not count, in any commit. People who existed
    /// before count, even if a row names them again.
    #[test]
    fn strict_references_reject_people_of_the_same_file() {
        let mut events = company(5);
        events.insert(0, set("reference_resolution", json!("strict")));
        events.insert(0, crate::decide::testing::user_created("old"));
        let first = [BOSS, "ann,A,A,,2,agent,boss,Team A,Agent,", "OLD,,,,,,,,,"];
        let lost = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
        let before = given(events);
        let outcomes = of(&before, &first);
        assert_eq!(outcomes, [created(), lost(), duplicate(Code::RowUserExists)]);
        let all = [
            &first[..],
            &["bob,B,B,,3,agent,boss,Team A,Agent,", "cid,C,C,,4,agent,old,Team A,Agent,"],
        ]
        .concat();
        let outcomes = of(&before.after(import(parsed(&first))), &all);
        assert_eq!(outcomes, [lost(), created()]);
    }

    /// A23: with two passes a supervisor may be in a later row, also of a later commit. An invalid row, the same person
    /// and an unknown person do not count.
    #[test]
    fn two_passes_accept_a_supervisor_of_any_row() {
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
        let lost = || invalid("Supervisor", Code::ReferenceSupervisorNotFound);
        let last = invalid("PBX ID", Code::FieldNotNumber);
        let all = [created(), lost(), lost(), lost(), created(), last];
        assert_eq!(of(&given(events.clone()), &lines), all);
        let rows = parsed(&lines);
        let before = given(events).after(import(rows[..2].to_vec()));
        let rest = outcomes_of(&before.when(import(rows)).events());
        assert_eq!(rest, all[2..]);
    }

    /// OCM-13, OCM-15, A25: first whether the LAN ID can be used, then whether it exists, then the rest. A
    /// duplicate changes nothing.
    #[test]
    fn unusable_key_is_judged_before_duplicates_and_other_problems() {
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

    /// OCM-04: a punctuation mark in a LAN ID or Agent ID makes the row invalid until the settings allow it.
    #[test]
    fn marks_in_ids_are_invalid_until_the_settings_allow_them() {
        let lines =
            ["jo.hn,J,D,,2,supervisor,,Desk,Agent,", "jane,J,D,ja-ne,3,supervisor,,Desk,Agent,"];
        let special = |column| invalid(column, Code::FieldSpecialCharacters);
        assert_eq!(of(&given(company(2)), &lines), [special("LAN ID"), special("Agent ID")]);
        let mut events = company(2);
        events.insert(0, set("id_extra_characters", json!(".-")));
        assert_eq!(of(&given(events), &lines), [created(), created()]);
    }

    /// OCM-05, OCM-06, P17: Agent ID and PBX ID are unique, within a commit and across commits.
    #[test]
    fn agent_id_and_pbx_id_must_be_unique() {
        let first =
            [BOSS, "ann,A,A,BOSS,2,supervisor,,Desk,Agent,", "bob,B,B,,1,supervisor,,Desk,Agent,"];
        let taken = |column| invalid(column, Code::FieldNotUnique);
        let before = given(company(9));
        assert_eq!(of(&before, &first), [created(), taken("Agent ID"), taken("PBX ID")]);
        let rest = [
            "cid,C,C,Boss,3,supervisor,,Desk,Agent,",
            "dan,D,D,,１,supervisor,,Desk,Agent,",
            "eve,E,E,,01,supervisor,,Desk,Agent,",
        ];
        let all = [&first[..], &rest[..]].concat();
        let outcomes = of(&before.after(import(parsed(&first))), &all);
        assert_eq!(outcomes, [taken("Agent ID"), taken("PBX ID"), created()]);
    }

    /// OCM-09, OCM-10, OCM-11, N75: the unit exists with this spelling, is of the lowest level for an agent,
    /// and the roles exist.
    #[test]
    fn agent_must_belong_to_an_existing_team() {
        let outcomes = of(
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

    /// OCM-03: the product's own columns become attributes of the person.
    #[test]
    fn product_columns_are_kept_as_attributes() {
        let company = given(company(1)).after(import(parsed(&[BOSS])));
        let person = company.0.users.find("boss").unwrap().1.person();
        let kept: Vec<_> =
            person.attributes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(kept, [("agent_id", "boss"), ("pbx_id", "1"), ("profile", "supervisor")]);
    }
}
