//! `UndoRows`: the engine continues the undo of an import, some rows at a time.

use serde_json::json;

use crate::company::{Company, RowEffect, Undo};
use crate::decide::imports::undo_row::Reversals;
use crate::decide::imports::unsupervised::unsupervised;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission, UndoCounts};
use crate::values::{Code, ImportId, Refusal};

/// What the next rows of an import did. Rows that have an outcome are left out, so that it may be asked twice.
#[derive(Debug, Clone)]
pub struct UndoRows {
    pub import: ImportId,
    /// At most as many as one commit of the import holds.
    pub rows: Vec<RowEffect>,
    /// Whether no rows follow.
    pub last: bool,
}

impl Decide for UndoRows {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let import = company.imports.get(&self.import).ok_or(Code::ImportNotFound)?;
        let Undo::Going { rows_done, counts } = import.undo else {
            return Ok(Decision::Answer { result: json!({}) });
        };
        let mut reversals = Reversals::new(company, self.import, import, context.at);
        let rows: Vec<_> = self.rows.iter().filter(|row| row.row > rows_done).collect();
        reversals.foresee(&rows);
        for row in rows {
            reversals.undo(row);
        }
        let mut events = reversals.events;
        if self.last {
            let (import, counts) = (self.import, counted(counts, &events));
            // An import whose rows all stand is still there: it is no undone import.
            let stands = counts.reversed == 0 && counts.kept + counts.errored > 0;
            let end = if stands {
                Event::ImportUndoKept { import, counts }
            } else {
                let after =
                    (!events.is_empty()).then(|| company.after(context.at, context.actor, &events));
                let unsupervised = unsupervised(after.as_ref().unwrap_or(company), import);
                Event::ImportUndone { import, counts, unsupervised }
            };
            events.push(end);
        }
        Ok(Decision::append_if_any(events))
    }
}

/// The counts after these events.
fn counted(mut counts: UndoCounts, events: &[Event]) -> UndoCounts {
    for event in events {
        if let Event::RowUndone { outcome, .. } = event {
            counts.add(*outcome);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use boarding_csv::CellValue as Cell;
    use ulid::Ulid;

    use crate::company::{Effects, UserState};
    use crate::decide::imports::import_file::ImportMode;
    use crate::decide::imports::import_file::testing::{accepted, accepted_as, import_id, row};
    use crate::decide::numbers::pool::testing::{account, number, number_added, unit};
    use crate::decide::testing::{Given, given, phone, phone_added, user_created, who};
    use crate::decide::{ImportRows, UndoImport};
    use crate::event::{Channel, Existing, UndoOutcome};
    use crate::user_file::ParsedRow;
    use crate::values::{Personal, Problem};

    /// A company with all its events, to compute the effects of imports.
    struct Story(Vec<Event>);

    impl Story {
        fn company(&self) -> Given {
            given(self.0.clone())
        }

        fn then(mut self, events: impl IntoIterator<Item = Event>) -> Self {
            self.0.extend(events);
            self
        }

        fn imported(self, import: ImportId, rows: Vec<ParsedRow>) -> Self {
            let file = accepted_as(import, rows.len() as u64, Existing::Update);
            let story = self.then([file]);
            story.with_rows(import, rows)
        }

        /// An import into the organization EMEA.
        fn accounts(self, rows: Vec<ParsedRow>) -> Self {
            let mut file = accepted(rows.len() as u64, false, Existing::Skip);
            if let Event::ImportAccepted { options, .. } = &mut file {
                options.dialect = "multiline".to_owned();
            }
            let [organization, permission_group] = ["EMEA", "Traders"].map(str::to_owned);
            let placed =
                Event::ImportPlaced { import: import_id(), organization, permission_group };
            self.then([file, placed]).with_rows(import_id(), rows)
        }

        fn with_rows(self, import: ImportId, rows: Vec<ParsedRow>) -> Self {
            let story = self;
            let events = story.company().when(ImportRows::alone(import, rows)).events();
            story.then(events)
        }

        fn effects(&self, import: ImportId) -> Vec<RowEffect> {
            let mut effects = Effects::new("acme".parse().unwrap(), import);
            effects.take(&crate::company::effects::testing::commit(self.0.clone()))
        }

        /// The company after the undo of the import, and the outcomes of its rows.
        fn undone(self, import: ImportId) -> (Self, Vec<(u64, UndoOutcome, Option<Code>)>) {
            let asked = UndoImport { import, mode: ImportMode::Commit };
            let started = self.company().when(asked).events();
            let rows = self.effects(import);
            let story = self.then(started);
            let undo = UndoRows { import, rows, last: true };
            let events = story.company().when(undo).events();
            let outcome = |event: &Event| match event {
                Event::RowUndone { row, outcome, code, .. } => Some((*row, *outcome, *code)),
                _ => None,
            };
            let outcomes = events.iter().filter_map(outcome).collect();
            (story.then(events), outcomes)
        }
    }

    fn with_phone(mut parsed: ParsedRow, n: u64) -> ParsedRow {
        parsed.values.phone = Cell::Value(Ok(phone(n)));
        parsed
    }

    fn named(mut parsed: ParsedRow, name: &str) -> ParsedRow {
        parsed.values.first_name = Cell::Value(name.to_owned());
        parsed
    }

    fn reversed(row: u64) -> (u64, UndoOutcome, Option<Code>) {
        (row, UndoOutcome::Reversed, None)
    }

    fn kept(row: u64, code: Code) -> (u64, UndoOutcome, Option<Code>) {
        (row, UndoOutcome::Kept, Some(code))
    }

    fn before() -> Story {
        let off = Event::UserDeactivated { user: who("cid"), row: None };
        Story(vec![user_created("bob"), user_created("cid"), off, user_created("dee")])
    }

    /// Created, updated and activated people, one with a number only, and two rows that change nothing.
    fn rows() -> Vec<ParsedRow> {
        let mut activated = named(row(3, "cid"), "Cid");
        activated.values.enabled = Some(true);
        let created = with_phone(row(1, "ann"), 1);
        let updated = named(with_phone(row(2, "bob"), 2), "Bob");
        let mut bad = row(6, "eve");
        bad.problems = vec![Problem::new(Code::CsvStrayQuote)];
        vec![created, updated, activated, with_phone(row(4, "dee"), 4), row(5, "ann"), bad]
    }

    fn snapshots(company: &Given) -> Vec<crate::company::UserSnapshot> {
        ["ann", "bob", "cid", "dee"]
            .map(|key| {
                crate::company::UserSnapshot::of(&company.0, &crate::values::UserKey::new(key))
            })
            .into()
    }

    /// P23: after an undo everyone is as before the import. Rows that changed nothing have no outcome.
    #[test]
    fn undo_restores_the_state_before_the_import() {
        let was = snapshots(&before().company());
        let story = before().imported(import_id(), rows());
        assert_ne!(snapshots(&story.company()), was);
        let (story, outcomes) = story.undone(import_id());
        assert_eq!(outcomes, [1, 2, 3, 4].map(reversed));
        let company = story.company();
        assert_eq!(snapshots(&company), was);
        assert!(company.0.phones.is_empty() && company.0.undoing.is_empty());
        assert_eq!(company.0.imports[&import_id()].undo, Undo::Done);
        let Some(Event::ImportUndone { counts, .. }) = story.0.last() else { panic!() };
        assert_eq!(*counts, UndoCounts { reversed: 4, ..UndoCounts::default() });
    }

    /// P15, P23: after an undo the file gives the same counts as the first time.
    #[test]
    fn undone_file_can_be_imported_again() {
        let first = before().imported(import_id(), rows());
        let (story, _) = first.undone(import_id());
        let again = story.imported(ImportId(Ulid(45)), rows());
        let counts = |story: &Story, import| story.company().0.imports[&import].counts;
        let (then, now) = (counts(&again, import_id()), counts(&again, ImportId(Ulid(45))));
        assert_eq!(
            (then.created, then.updated, then.phones_added),
            (now.created, now.updated, now.phones_added)
        );
        let (story, outcomes) = again.undone(ImportId(Ulid(45)));
        assert_eq!(outcomes, [1, 2, 3, 4].map(reversed));
        assert_eq!(snapshots(&story.company()), snapshots(&before().company()));
    }

    /// P23: a person that a row archived is restored to the former state. A person who was archived before is not
    /// changed, and no one is created.
    #[test]
    fn undo_restores_people_that_the_import_archived() {
        let leaving = |at: u64, key: &str| {
            let mut parsed = named(row(at, key), "Gone");
            parsed.values.archived = true;
            parsed
        };
        let left = Event::UserArchived { user: who("dee") };
        let story = before().then([left]);
        let was = snapshots(&story.company());
        let rows = vec![leaving(1, "bob"), leaving(2, "cid"), leaving(3, "dee"), leaving(4, "ann")];
        let story = story.imported(import_id(), rows);
        let company = story.company();
        let state = |key: &str| company.0.users.created(key).map(|(_, user)| user.state);
        for key in ["bob", "cid", "dee"] {
            assert_eq!(state(key), Some(UserState::Archived), "{key}");
        }
        assert_eq!(state("ann"), None);
        let counts = company.0.imports[&import_id()].counts;
        assert_eq!((counts.deactivated, counts.unchanged, counts.skipped), (2, 1, 1));
        assert_eq!(
            company.0.users.created("bob").unwrap().1.person().first_name,
            None,
            "it changes nothing else"
        );
        let (story, outcomes) = story.undone(import_id());
        assert_eq!(outcomes, [1, 2].map(reversed));
        assert_eq!(snapshots(&story.company()), was);
    }

    /// A41: a person that a row archived is not restored while another person has the phone.
    #[test]
    fn archived_person_stays_when_another_took_the_phone() {
        let listed = |key: &str, import| Event::CorporatePhoneAdded {
            phone: Personal(phone(1)),
            user: who(key),
            import,
        };
        let mut bob = user_created("bob");
        if let Event::UserCreated { person, .. } = &mut bob {
            person.0.phone = Some(phone(1));
        }
        let mut leaving = row(1, "bob");
        leaving.values.archived = true;
        let story = Story(vec![user_created("cid"), bob, listed("bob", Some(import_id()))]);
        let story = story.imported(import_id(), vec![leaving]);
        let removed = Event::CorporatePhoneRemoved { phone: Personal(phone(1)), user: who("bob") };
        let (story, outcomes) = story.then([removed, listed("cid", None)]).undone(import_id());
        assert_eq!(outcomes, [kept(1, Code::PhoneAlreadyProvisioned)]);
        let bob = story.company().0.users.created("bob").unwrap().1.state;
        assert_eq!(bob, UserState::Archived);
    }

    /// A41, P23: an archived person gets back the phone that a row took.
    #[test]
    fn archived_person_gets_the_phone_back() {
        let left = Event::UserArchived { user: who("bob") };
        let story = Story(vec![user_created("bob"), phone_added("bob", 1), left]);
        let mut taking = row(1, "ann");
        taking.values.phone = boarding_csv::CellValue::Value(Ok(phone(1)));
        let story = story.imported(import_id(), vec![taking]);
        assert!(story.company().0.users.find("bob").unwrap().1.listed().is_empty());
        let (story, outcomes) = story.undone(import_id());
        assert_eq!(outcomes, [reversed(1)]);
        assert_eq!(story.company().0.users.find("bob").unwrap().1.listed(), [phone(1)]);
    }

    /// P23: a person who has changed since is left as is, and the row has the reason.
    #[test]
    fn undo_keeps_people_who_changed_since() {
        let linked =
            Event::UserLinked { user: who("bob"), channel: Channel::Whatsapp, invitation: None };
        let role = Event::RolesAssigned { user: who("ann"), roles: vec!["Agent".to_owned()] };
        let archived = Event::UserArchived { user: who("cid") };
        let number = Event::CorporatePhoneRemoved { phone: Personal(phone(4)), user: who("dee") };
        let pictured = Event::PictureInserted {
            import: ImportId(Ulid(9)),
            number: 1,
            name: Personal("fay.png".to_owned()),
            user: who("fay"),
            sha256: "5e".repeat(32),
            bytes: 9,
            format: crate::event::PictureFormat::Png,
            replaced: None,
        };
        let rows = rows().into_iter().chain([row(7, "fay")]).collect();
        let since = [linked, role, archived, number, pictured];
        let story = before().imported(import_id(), rows).then(since);
        let as_is = snapshots(&story.company());
        let (story, outcomes) = story.undone(import_id());
        let expected = [
            kept(1, Code::RowChangedSince),
            kept(2, Code::RowInvitedSince),
            kept(3, Code::RowChangedSince),
            kept(4, Code::RowChangedSince),
            kept(7, Code::RowChangedSince),
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(snapshots(&story.company()), as_is);
        assert_eq!(story.0.last().map(Event::name), Some("ImportUndoKept"));
        let company = story.company();
        assert_eq!(company.0.latest_import, Some(import_id()), "it is a source of runs as before");
        company.after(UndoImport { import: import_id(), mode: ImportMode::Commit });
    }

    /// P23: a person in a later import is kept until that import is undone.
    #[test]
    fn undo_keeps_people_named_by_a_later_import() {
        let [second, third] = [45, 46].map(|n| ImportId(Ulid(n)));
        let was = snapshots(&before().company());
        let named_again = vec![named(row(1, "bob"), "Robert"), row(2, "ann")];
        let story = before().imported(import_id(), rows()).imported(second, named_again);
        let story = story.imported(third, vec![row(1, "ann")]);
        let (_, outcomes) = Story(story.0.clone()).undone(import_id());
        let named_since = |row| kept(row, Code::RowNamedSince);
        assert_eq!(outcomes, [named_since(1), named_since(2), reversed(3), reversed(4)]);

        let (story, outcomes) = story.undone(third);
        assert_eq!(outcomes, [], "it changed no one");
        let (_, outcomes) = Story(story.0.clone()).undone(import_id());
        assert_eq!(outcomes[0], named_since(1), "the second one still names ann");
        let (story, outcomes) = story.undone(second);
        assert_eq!(outcomes, [reversed(1)]);
        let (story, outcomes) = story.undone(import_id());
        assert_eq!(outcomes, [1, 2, 3, 4].map(reversed));
        assert_eq!(snapshots(&story.company()), was);
    }

    /// P27: a repeated row is undone once; a row that does not fit in a commit is reported and kept.
    #[test]
    fn repeated_rows_are_undone_once() {
        let story = before().imported(import_id(), rows());
        let effects = story.effects(import_id());
        let started = Event::ImportUndoStarted { import: import_id() };
        let company = story.then([started]).company();
        let undo = |from: usize, to: usize, last| UndoRows {
            import: import_id(),
            rows: effects[from..to].to_vec(),
            last,
        };
        let company = company.after(undo(0, 2, false));
        let again = company.when(undo(0, 2, false)).0.unwrap();
        assert!(again.events().is_empty() && !again.is_append());
        let mut rest = undo(1, 4, true);
        rest.rows[2].errored = Some(Code::CsvRecordTooLarge);
        let then = company.when(rest.clone());
        let expected = ["UserUpdated", "UserDeactivated", "RowUndone", "RowUndone", "ImportUndone"];
        assert_eq!(then.names(), expected);
        let events = then.events();
        assert!(matches!(
            events[3],
            Event::RowUndone { row: 4, outcome: UndoOutcome::Errored, .. }
        ));
        let Some(Event::ImportUndone { counts, .. }) = events.last() else { panic!() };
        assert_eq!(*counts, UndoCounts { reversed: 3, kept: 0, errored: 1 });
        assert!(!company.after(rest.clone()).when(rest).0.unwrap().is_append());
    }

    /// P18, P23: the numbers that an import assigned return to their origin, and a removed person has no account.
    #[test]
    fn undo_returns_the_numbers_that_the_import_assigned() {
        let asks = |row: ParsedRow, n: u64| {
            let values =
                crate::user_file::RowValues { number: Cell::Value(number(n)), ..row.values };
            ParsedRow { values, ..row }
        };
        let pool =
            Story(vec![unit("EMEA", None), number_added(1, Some("EMEA")), number_added(2, None)]);
        let was = pool.company().0.numbers;
        let rows = vec![asks(row(1, "ann"), 1), asks(row(2, "bob"), 2), row(3, "cid")];
        let story = pool.accounts(rows);
        let emea = story.company().0.numbers.owner(Some("EMEA"));
        assert_eq!(story.company().0.numbers.get(number(2)).unwrap().owner, emea);

        let number = Personal(number(1));
        let released = Event::NumberReleased { number, user: who("ann"), cooling_until: None };
        let (_, outcomes) = Story(story.0.clone()).then([released]).undone(import_id());
        assert_eq!(outcomes, [kept(1, Code::RowChangedSince), reversed(2), reversed(3)]);

        let (story, outcomes) = story.undone(import_id());
        assert_eq!(outcomes, [1, 2, 3].map(reversed));
        assert_eq!(story.company().0.numbers, was);
    }

    /// P18: a number that an undo returns cools down as any other released number.
    #[test]
    fn number_cools_down_when_an_undo_returns_it() {
        let rest =
            crate::decide::numbers::pool::testing::setting("number_cooling_seconds", json!(60));
        let mut ann = row(1, "ann");
        ann.values.number = Cell::Value(number(1));
        let story = Story(vec![unit("EMEA", None), number_added(1, Some("EMEA")), rest])
            .accounts(vec![ann]);
        let (story, _) = story.undone(import_id());
        let company = story.company().0;
        assert_eq!(company.numbers.get(number(1)).unwrap().state.as_str(), "cooling");
    }

    /// P18, P19: an import moves no one away from an assigned number, and no waiting person to an organization without
    /// numbers. The undo moves no one back to an organization without numbers.
    #[test]
    fn waiting_person_moves_only_where_a_number_is_available() {
        let invited =
            crate::decide::testing::dispatched(crate::decide::testing::run_id(1), "ann", 5, 1);
        let company = |apac: &[u64]| {
            let units = [unit("EMEA", None), unit("APAC", None), number_added(1, Some("EMEA"))];
            let there = apac.iter().map(|n| number_added(*n, Some("APAC")));
            let people = [account("ann", "EMEA"), account("bob", "EMEA")].into_iter().flatten();
            let run =
                crate::decide::testing::run_started(crate::decide::testing::run_id(1), &["ann"]);
            Story(
                units
                    .into_iter()
                    .chain(there)
                    .chain(people)
                    .chain(run)
                    .chain([invited.clone()])
                    .collect(),
            )
        };
        let to_apac = |n: u64, key: &str| {
            let mut parsed = row(n, key);
            parsed.values.org_unit = Cell::Value("APAC".to_owned());
            parsed
        };
        let codes = |story: &Story| {
            let of = |event: &Event| match event {
                Event::RowRefused { problems, .. } => Some(problems[0].code),
                _ => None,
            };
            story.0.iter().filter_map(of).collect::<Vec<_>>()
        };
        let refused = company(&[]).imported(import_id(), vec![to_apac(1, "ann")]);
        assert_eq!(codes(&refused), [Code::NumberInsufficientInDestination]);
        let held = company(&[2]).then([crate::decide::numbers::pool::testing::assigned(1, "ann")]);
        assert_eq!(
            codes(&held.imported(import_id(), vec![to_apac(1, "ann")])),
            [Code::NumberInUse]
        );

        let moved = company(&[2]).imported(import_id(), vec![to_apac(1, "ann"), to_apac(2, "bob")]);
        assert_eq!(codes(&moved), []);
        let (_, outcomes) = Story(moved.0.clone()).undone(import_id());
        assert_eq!(outcomes, [1, 2].map(reversed));
        let withdrawn = Event::NumberWithdrawn { number: Personal(number(1)), org_unit: None };
        let (story, outcomes) = moved.then([withdrawn]).undone(import_id());
        let errored = (1, UndoOutcome::Errored, Some(Code::NumberInsufficientInDestination));
        assert_eq!(outcomes, [errored, reversed(2)]);
        let ann = story.company().0.users.find("ann").unwrap().1.org_unit.clone();
        assert_eq!(ann.as_deref(), Some("APAC"));

        // The invitation ended when its person left, so who comes back with the undo waits for no number (A19, A37).
        let mut leaves = row(1, "ann");
        leaves.values.archived = true;
        let left = company(&[]).imported(import_id(), vec![leaves]);
        assert_eq!(Story(left.0.clone()).undone(import_id()).1, [reversed(1)]);
        let withdrawn = Event::NumberWithdrawn { number: Personal(number(1)), org_unit: None };
        assert_eq!(left.then([withdrawn]).undone(import_id()).1, [reversed(1)]);
    }

    /// LX-14: a removed person gets no log-in mail.
    #[test]
    fn removed_person_gets_no_pending_welcome_mail() {
        let story = before().imported(import_id(), rows());
        let welcome =
            Event::WelcomeEmailRequested { user: who("ann"), import: import_id(), row: 1 };
        let story = story.then([welcome]);
        assert_eq!(story.company().0.notifications.len(), 1);
        let (story, _) = story.undone(import_id());
        assert!(story.company().0.notifications.is_empty());
        assert_eq!(story.company().0.users.find("ann").unwrap().1.state, UserState::NotCreated);
    }
}
