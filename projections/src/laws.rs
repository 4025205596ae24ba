//! Laws of the read side, as properties of generated histories.

mod generator;

use boarding_commands::commit::RecordedCommit;
use boarding_commands::event::Event;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::csv_export::CsvFormat;
use crate::history::{self, Entity};
use crate::projector::apply_batch;
use crate::query::{AnswerRow, Query, RowsAnswer};
use crate::rows::{MemoryRows, RowsMut as _};
use crate::testing::{TestCompany, csv_export, import, run};
use generator::{PHONES, USERS, generate};

/// Enough steps for several queued runs to start and to complete.
const STEPS: std::ops::Range<usize> = 1..120;

fn steps() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), STEPS)
}

/// All rows of a query, read in pages of `limit` rows.
fn all(
    rows: &MemoryRows,
    company: &TestCompany,
    name: &str,
    mut params: Value,
    limit: u64,
) -> Vec<Value> {
    let mut found = Vec::new();
    params["limit"] = json!(limit);
    loop {
        match crate::answer(name, company.id(), &params, rows).unwrap() {
            RowsAnswer::Row(row) => return vec![row.value()],
            RowsAnswer::Rows { rows, next } => {
                found.extend(rows.iter().map(AnswerRow::value));
                assert!(
                    next.is_none() || params["cursor"] != json!(next),
                    "{name} repeats a cursor"
                );
                params["cursor"] = json!(next);
                if next.is_none() {
                    return found;
                }
            }
        }
    }
}

/// Asserts that each run's counts equal its integration log and never fall. Returns the runs.
fn assert_counts(company: &TestCompany, rows: &MemoryRows, before: &[Value]) -> Vec<Value> {
    let runs = all(rows, company, "runs", json!({}), 500);
    for shown in &runs {
        let log = all(rows, company, "integration_log", json!({"run": shown["run"]}), 500);
        let count = |statuses: &[&str]| {
            let has_status = |row: &&Value| statuses.iter().any(|status| row["status"] == *status);
            json!(log.iter().filter(has_status).count())
        };
        assert_eq!(shown["total"], json!(log.len()));
        assert_eq!(shown["passed"], count(&["success"]));
        assert_eq!(shown["skipped"], count(&["skipped"]));
        assert_eq!(shown["failed"], count(&["failed"]));
        assert_eq!(shown["remaining"], count(&["queued", "dispatching", "withdrawn"]));
        assert_eq!(shown["remaining"] == 0, shown["state"] == "completed", "{shown}");
        assert_eq!(shown["state"] == "completed", !shown["ended_at"].is_null());
        let earlier = before.iter().find(|earlier| earlier["run"] == shown["run"]);
        for counter in ["passed", "skipped", "failed"] {
            let was = earlier.map_or(0, |earlier| earlier[counter].as_u64().unwrap());
            assert!(shown[counter].as_u64().unwrap() >= was, "{counter} fell: {shown}");
        }
    }
    runs
}

/// Parameters for a query's required ids: the first run and the first import.
fn required_params(query: &Query) -> Value {
    let required = query.params.iter().filter(|param| param.required);
    let id = |name: &str| match name {
        "run" => json!(run(1)),
        "import" => json!(import(1)),
        other => panic!("{} requires {other}", query.name),
    };
    required.map(|param| (param.name.to_owned(), id(param.name))).collect()
}

/// The versions of the events about an entity, among the versions that `includes` accepts.
fn concerned(company: &TestCompany, entity: &Entity, includes: impl Fn(u64) -> bool) -> Vec<u64> {
    let events = company.commits().iter().flat_map(RecordedCommit::events);
    events
        .filter(|recorded| includes(recorded.version) && entity.concerns(recorded.event))
        .map(|recorded| recorded.version)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// P5, P22.
    #[test]
    fn run_counts_equal_its_log_after_every_commit(steps in steps()) {
        let company = generate("acme", &steps);
        let mut rows = MemoryRows::default();
        let mut runs = Vec::new();
        for commit in company.commits() {
            commit.events().try_for_each(|recorded| crate::apply(&recorded, &mut rows)).unwrap();
            runs = assert_counts(&company, &rows, &runs);
        }
    }

    /// P12: batches of any size give the rows of one long replay.
    #[test]
    fn batches_of_any_size_give_the_same_rows(
        steps in steps(),
        chunks in proptest::collection::vec(1usize..40, 1..10),
    ) {
        let company = generate("acme", &steps);
        let events: Vec<_> = company.commits().iter().flat_map(RecordedCommit::events).collect();
        let mut rows = MemoryRows::default();
        let mut rest = events.as_slice();
        for size in chunks.into_iter().cycle() {
            let (chunk, later) = rest.split_at(size.min(rest.len()));
            let mut changes = Vec::new();
            apply_batch(crate::projectors(), chunk.iter().copied(), &rows, &mut |table, company, key, row| {
                changes.push((table, company.clone(), key.to_vec(), row));
            })
            .unwrap();
            for (table, company, key, row) in changes {
                match row {
                    Some(row) => rows.put(table, &company, key, row),
                    None => rows.delete(table, &company, key),
                }
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(rows, company.rows());
    }

    /// P12: each projection alone, in any order, gives the same rows.
    #[test]
    fn order_of_projections_does_not_matter(steps in steps(), turn in 0usize..16) {
        let company = generate("acme", &steps);
        let mut order: Vec<_> = crate::projectors().collect();
        order.rotate_left(turn);
        order.reverse();
        let mut rows = MemoryRows::default();
        for projector in order {
            company.each_event(|recorded| projector.apply(recorded, &mut rows)).unwrap();
        }
        prop_assert_eq!(rows, company.rows());
    }

    /// P13: events of another company in between change no row of this company.
    #[test]
    fn companies_do_not_share_rows(mine in steps(), theirs in steps()) {
        let (mine, theirs) = (generate("acme", &mine), generate("globex", &theirs));
        let mut rows = MemoryRows::default();
        let mut others = theirs.commits().iter();
        for commit in mine.commits() {
            for commit in others.next().into_iter().chain([commit]) {
                commit.events().try_for_each(|recorded| crate::apply(&recorded, &mut rows)).unwrap();
            }
        }
        let alone = mine.rows();
        let seen = rows.iter().filter(|(_, company, ..)| *company == mine.id());
        prop_assert!(seen.eq(alone.iter()));
    }

    #[test]
    fn pages_of_any_size_give_the_same_rows(steps in steps(), limit in 1u64..7) {
        let company = generate("acme", &steps);
        let rows = company.rows();
        for query in crate::queries().filter(|query| query.paged) {
            let params = required_params(query);
            if crate::answer(query.name, company.id(), &params, &rows).is_ok() {
                let whole = all(&rows, &company, query.name, params.clone(), 500);
                prop_assert_eq!(all(&rows, &company, query.name, params, limit), whole);
            }
        }
    }

    #[test]
    fn history_has_every_event_about_the_entity(steps in steps()) {
        let company = generate("acme", &steps);
        let rows = company.rows();
        let ids = (1..9).flat_map(|n| [format!("run:{}", run(n)), format!("import:{}", import(n))]);
        let users = USERS.iter().map(|user| format!("user:{}", user.to_uppercase()));
        let phones = PHONES.iter().map(|phone| format!("phone:{phone}"));
        for name in ids.chain(users).chain(phones) {
            let entity: Entity = name.parse().unwrap();
            let ranges = history::versions(&rows, company.id(), &entity).unwrap();
            let in_ranges = |version| ranges.iter().any(|range| range.contains(&version));
            let found = concerned(&company, &entity, in_ranges);
            prop_assert_eq!(found, concerned(&company, &entity, |_| true), "{}", name);
        }
    }

    /// N65, and RFC 4180: no cell is a formula, and a program reads every name unchanged.
    #[test]
    fn any_name_is_safe_in_a_csv_export(name in "[ \t=+@a-z,\"\r\n＝-]{0,12}") {
        let row = [json!({"phone": "x", "user": "y", "full_name": name})];
        let cell = |format| {
            let bytes = csv_export("phone_list", format).lines(&row);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            reader.records().next().unwrap().unwrap()[2].to_owned()
        };
        prop_assert_eq!(&cell(CsvFormat::Csv), &name);
        let shown = cell(CsvFormat::Spreadsheet);
        prop_assert!(shown == "-" || !shown.trim_start().starts_with(['=', '+', '-', '@', '＝']));
        prop_assert_eq!(shown.strip_prefix('\'').unwrap_or(&shown), &name);
    }
}

/// Without these events in its histories, the generator would prove little.
#[test]
fn generated_histories_contain_the_interesting_events() {
    let steps: Vec<u8> = (0..=255).cycle().take(2000).map(|n: u8| n.wrapping_mul(89)).collect();
    let company = generate("acme", &steps);
    let contains = |wanted: fn(&Event) -> bool| {
        company.commits().iter().any(|commit| commit.commit.events.iter().any(wanted))
    };
    assert!(contains(|event| matches!(event, Event::RunCompleted { .. })));
    assert!(contains(|event| matches!(event, Event::RunWithdrawn { .. })));
    assert!(contains(|event| matches!(event, Event::InviteDeferred { .. })));
    assert!(contains(|event| matches!(event, Event::InviteFailed { .. })));
    assert!(contains(|event| matches!(event, Event::DeliveryRecorded { .. })));
    assert!(contains(|event| matches!(event, Event::UserLinked { .. })));
    assert!(contains(|event| matches!(event, Event::RowRefused { .. })));
    assert!(contains(|event| matches!(event, Event::CorporatePhoneRemoved { .. })));
    assert!(contains(|event| matches!(event, Event::UserRemoved { .. })));
}
