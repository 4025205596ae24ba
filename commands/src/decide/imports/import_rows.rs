//! `ImportRows`: applies the next rows of an accepted file.

use std::sync::Arc;

use serde_json::json;

use crate::company::Company;
use crate::decide::imports::allotment_builder::AllotmentBuilder;
use crate::decide::imports::import_run::{Ending, refused};
use crate::decide::imports::rows::{Allotment, Rows};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Counts, Event, Permission};
use crate::user_file::ParsedRow;
use crate::values::{Code, ImportId, Refusal};

/// Applies the next rows of an accepted file. It skips rows that were applied before, so it can be repeated.
#[derive(Debug, Clone)]
pub struct ImportRows {
    pub import: ImportId,
    /// Shared, so that an engine may submit them again.
    pub rows: Arc<Vec<ParsedRow>>,
    /// Which row of the whole file gets which unique value. If none, these rows are all that count.
    pub allotment: Option<Arc<Allotment>>,
}

impl ImportRows {
    /// Applies these rows as if the file had no others.
    pub fn alone(import: ImportId, rows: Vec<ParsedRow>) -> Self {
        Self { import, rows: Arc::new(rows), allotment: None }
    }
}

/// The most rows that one commit applies. The engine applies fewer if their events would not fit in a commit.
pub const ROWS_PER_COMMIT: usize = 500;

impl Decide for ImportRows {
    const NEEDS: Option<Permission> = None;
    const TAKES_NUMBERS: bool = true;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let import = company.imports.get(&self.import).ok_or(Code::ImportNotFound)?;
        if import.completed {
            return Ok(Decision::Answer { result: json!({}) });
        }
        let allotment = self.allotment.clone().unwrap_or_else(|| {
            let Self { import: id, rows, .. } = self;
            let (options, placing) = (&import.options, import.placing.as_ref());
            Arc::new(AllotmentBuilder::allot_all(company, *id, options, placing, rows))
        });
        let mut rows = Rows::new(company, self.import, &import.options, Some(import))
            .with_allotment(&allotment);
        for row in self.rows.iter().filter(|row| row.row > import.rows_done) {
            rows.apply(row);
        }
        let mut events = rows.events;
        let counts = counted(import.counts, &events);
        if counts.done() >= counts.total {
            let (id, invites) = (self.import, import.invites);
            let completion = Ending {
                company,
                import: id,
                known: Some(import),
                invites,
                dialect: &import.options.dialect,
                counts,
            };
            // The rows are applied even if the run is refused.
            if let Err(refusal) = completion.add_events(&mut events) {
                events.push(refused(id, refusal));
            }
        }
        Ok(Decision::append_if_any(events))
    }
}

/// The counts after these events.
pub(crate) fn counted(mut counts: Counts, events: &[Event]) -> Counts {
    for (outcome, row) in events.iter().filter_map(Event::row) {
        counts.add(outcome, row);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use boarding_csv::CellValue;
    use ulid::Ulid;

    use crate::decide::imports::import_file::testing::{accepted, accepted_as, import_id, row};
    use crate::decide::testing::{given, phone, phone_added, user_created, who};
    use crate::event::{Existing, PhoneOutcome, RowOutcome};
    use crate::user_file::{RowValues, SameKey};
    use crate::values::Problem;

    fn rows(rows: Vec<ParsedRow>) -> ImportRows {
        ImportRows::alone(import_id(), rows)
    }

    fn with_phone(mut parsed: ParsedRow, n: u64) -> ParsedRow {
        parsed.values.phone = CellValue::Value(Ok(phone(n)));
        parsed
    }

    fn outcomes(events: &[Event]) -> Vec<(RowOutcome, Option<PhoneOutcome>)> {
        events.iter().filter_map(Event::row).map(|(outcome, row)| (outcome, row.phone)).collect()
    }

    /// P14: every row has one outcome, and the last row's commit completes the import.
    #[test]
    fn last_row_completes_the_import() {
        let company = given([accepted(3, true, Existing::Skip)]);
        let company = company.after(rows(vec![row(1, "ann"), row(2, "bob")]));
        let then = company.when(rows(vec![row(2, "bob"), row(3, "carl")]));
        assert_eq!(then.names(), ["UserCreated", "ImportCompleted"], "row 2 is not applied again");
    }

    /// N46: the first row of a key counts, in the same commit or an earlier one.
    #[test]
    fn repeated_key_is_a_duplicate() {
        let company = given([accepted(3, true, Existing::Update)]).after(rows(vec![row(1, "Ann")]));
        let events = company.when(rows(vec![row(2, "ann"), row(3, " ANN ")])).events();
        assert_eq!(outcomes(&events), [(RowOutcome::Duplicate, None); 2]);
        let Event::RowRefused { problems, .. } = &events[1] else { panic!() };
        assert!(problems[0].message.contains("row 1"));
    }

    /// A42: an invalid row takes no key, in one commit or several. Later rows of a taken key are lost.
    #[test]
    fn first_valid_row_takes_the_key() {
        let mut bad = row(1, "ann");
        bad.problems = vec![Problem::in_column("email", Code::FieldInvalidEmail)];
        let same = |row| SameKey { row, line: row + 1, differing: vec!["role"] };
        let again = ParsedRow { same_key: vec![same(1), same(2)], ..row(3, "ann") };
        let all = [bad, row(2, "Ann"), again, row(4, "bob")];
        for commits in [vec![&all[..]], all.chunks(1).collect(), all.chunks(2).collect()] {
            let mut company = given([accepted(4, true, Existing::Skip)]);
            let mut events = Vec::new();
            for commit in commits {
                let one = rows(commit.to_vec());
                events.extend(company.when(one.clone()).events());
                company = company.after(one);
            }
            let found: Vec<_> = outcomes(&events).into_iter().map(|(outcome, _)| outcome).collect();
            use RowOutcome::{Created, Duplicate, Invalid};
            assert_eq!(found, [Invalid, Created, Duplicate, Created]);
            let duplicate = events.iter().find_map(|event| match event {
                Event::RowRefused { row, outcome: Duplicate, problems, .. } => {
                    Some((row, problems))
                }
                _ => None,
            });
            let (row, problems) = duplicate.unwrap();
            let message = &problems[0].message;
            assert!(message.contains("line 3: it has other values in role"), "{message}");
            assert_eq!(row.lost, 1);
            let Some(Event::ImportCompleted { counts, .. }) = events.last() else { panic!() };
            // Two rows also have no phone.
            assert_eq!((counts.invalid, counts.duplicate, counts.lost), (1, 1, 3));
        }
    }

    /// N46, P4: two imports that run side by side and name one user: neither counts the user twice.
    #[test]
    fn key_is_a_duplicate_after_another_import_named_it() {
        let other = Ulid(77);
        let short = accepted_as(ImportId(other), 1, Existing::Skip);
        let company =
            given([accepted(3, true, Existing::Update), short]).after(rows(vec![row(1, "ann")]));
        let company = company.after(ImportRows::alone(ImportId(other), vec![row(1, "ann")]));
        let last = rows(vec![row(2, "ANN"), row(3, "bob")]);
        let events = company.when(last.clone()).events();
        assert_eq!(outcomes(&events)[0], (RowOutcome::Duplicate, None));
        let import = &company.after(last).0.imports[&import_id()];
        assert_eq!(import.members.len(), 2);
    }

    /// LX-09, LX-11, N63: a user is created although the phone belongs to another user. The phone is not added.
    #[test]
    fn two_rows_with_one_phone_create_two_users() {
        let company = given([accepted(2, true, Existing::Skip)]);
        let then =
            company.when(rows(vec![with_phone(row(1, "ann"), 1), with_phone(row(2, "bob"), 1)]));
        assert_eq!(
            then.names(),
            ["UserCreated", "CorporatePhoneAdded", "UserCreated", "ImportCompleted"]
        );
        let events = then.events();
        let taken = PhoneOutcome::Rejected(Code::PhoneAlreadyProvisioned);
        let expected =
            [(RowOutcome::Created, Some(PhoneOutcome::Added)), (RowOutcome::Created, Some(taken))];
        assert_eq!(outcomes(&events), expected);
        let Some(Event::ImportCompleted { counts, .. }) = events.last() else { panic!() };
        assert_eq!((counts.created, counts.phones_added, counts.phones_failed), (2, 1, 1));
    }

    /// LX-09: no phone is added unless the command asks for it.
    #[test]
    fn phones_are_added_only_if_the_command_says_so() {
        let company = given([accepted(1, false, Existing::Skip)]);
        let then = company.when(rows(vec![with_phone(row(1, "ann"), 1)]));
        assert_eq!(then.names(), ["UserCreated", "ImportCompleted"]);
    }

    /// LX-12: a user with an invalid phone is created. The outcome gives the reason why the phone was not added.
    #[test]
    fn user_with_an_invalid_phone_is_created() {
        let mut bad = row(1, "ann");
        bad.values.phone = CellValue::Value(Err(Code::PhoneInvalid));
        let events = given([accepted(1, true, Existing::Skip)]).when(rows(vec![bad])).events();
        assert_eq!(
            outcomes(&events),
            [(RowOutcome::Created, Some(PhoneOutcome::Rejected(Code::PhoneInvalid)))]
        );
    }

    /// P15: a repeated row creates no user again, and changes nothing when users are updated.
    #[test]
    fn repeated_row_changes_nothing() {
        let outcomes_with = |existing| {
            let company =
                given([user_created("ann"), phone_added("ann", 1), accepted(1, true, existing)]);
            let mut same = with_phone(row(1, "ANN"), 1);
            same.values.phone = CellValue::Absent;
            outcomes(&company.when(rows(vec![same])).events())
        };
        assert_eq!(outcomes_with(Existing::Skip), [(RowOutcome::Skipped, None)]);
        assert_eq!(outcomes_with(Existing::Update), [(RowOutcome::Unchanged, None)]);
    }

    /// A14: a blank cell keeps the old value.
    #[test]
    fn update_sets_values_and_keeps_those_of_blank_cells() {
        let mut changed = row(1, "ann");
        changed.values = RowValues {
            user: changed.values.user,
            first_name: CellValue::Value("Anna".to_owned()),
            email: CellValue::Blank,
            ..RowValues::default()
        };
        let company = given([user_created("ann"), accepted(1, true, Existing::Update)])
            .after(rows(vec![changed]));
        let person = company.0.users.find("ann").unwrap().1.person();
        assert_eq!(person.first_name.as_deref(), Some("Anna"));
        assert_eq!(person.email.as_deref(), Some("ann@acme.example"));
    }

    /// A row with an unknown org unit or role is invalid. The message suggests an org unit with a similar name.
    #[test]
    fn row_with_unknown_references_is_invalid() {
        let unit = Event::OrgUnitDefined {
            org_unit: "Team A".to_owned(),
            parent: None,
            level: None,
            roles: vec![],
            default_permission_group: None,
        };
        let mut unknown = row(1, "ann");
        unknown.values.org_unit = CellValue::Value("team\u{a0}–a".to_owned());
        unknown.values.roles = CellValue::Value(vec!["King".to_owned()]);
        let events =
            given([unit, accepted(1, true, Existing::Skip)]).when(rows(vec![unknown])).events();
        let Event::RowRefused { user, outcome, problems, .. } = &events[0] else { panic!() };
        assert_eq!((user, outcome), (&Some(who("ann")), &RowOutcome::Invalid));
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [Code::ReferenceOrgUnitNotFound, Code::ReferenceRoleNotFound]);
        assert!(problems[0].message.contains("did you mean Team A?"));
    }
}
