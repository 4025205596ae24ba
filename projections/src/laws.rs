//! The laws of the read side, as properties of generated histories (P5, P12, P13, P22).

mod tale;

use boarding_commands::commit::Recorded;
use boarding_commands::event::Event;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::history::{self, Entity};
use crate::query::{Answer, query};
use crate::rows::{MemoryRows, RowsMut, Staged};
use crate::sheet::{Format, Sheet};
use crate::testing::{Story, run};
use tale::{PHONES, USERS, story};

/// Enough steps for several runs, one behind the other, to begin and end.
const STEPS: std::ops::Range<usize> = 1..120;

fn steps() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), STEPS)
}

/// Writes what was staged, as the engine does: one batch.
fn write(rows: &mut MemoryRows, changes: Vec<crate::rows::Change>) {
    for change in changes {
        match change.row {
            Some(row) => rows.put(change.table, &change.company, change.key, row),
            None => rows.delete(change.table, &change.company, change.key),
        }
    }
}

/// All rows of a query, page by page.
fn all(rows: &MemoryRows, story: &Story, name: &str, mut params: Value, limit: u64) -> Vec<Value> {
    let mut found = Vec::new();
    params["limit"] = json!(limit);
    loop {
        match query(name, story.company(), &params, rows).unwrap() {
            Answer::Row(row) => return vec![row],
            Answer::Rows { rows, next } => {
                found.extend(rows);
                assert!(next.is_none() || params["cursor"] != json!(next), "{name} stands still");
                params["cursor"] = json!(next);
                if next.is_none() {
                    return found;
                }
            }
        }
    }
}

/// P5 as it can be seen from outside: what a run counts is what its log shows.
fn counters_agree(story: &Story, rows: &MemoryRows, before: &[Value]) -> Vec<Value> {
    let runs = all(rows, story, "runs", json!({}), 500);
    for shown in &runs {
        let log = all(rows, story, "integration_log", json!({"run": shown["run"]}), 500);
        let with = |words: &[&str]| {
            let of = |row: &&Value| words.iter().any(|word| row["status"] == *word);
            json!(log.iter().filter(of).count())
        };
        assert_eq!(shown["total"], json!(log.len()));
        assert_eq!(shown["passed"], with(&["success"]));
        assert_eq!(shown["skipped"], with(&["skipped"]));
        assert_eq!(shown["failed"], with(&["failed"]));
        assert_eq!(shown["remaining"], with(&["queued", "dispatching"]));
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// P5, P22.
    #[test]
    fn p5_a_run_counts_what_its_log_shows_after_every_commit(steps in steps()) {
        let story = story("acme", &steps);
        let mut rows = MemoryRows::default();
        let mut runs = Vec::new();
        for commit in story.commits() {
            commit.facts().try_for_each(|fact| crate::apply(&fact, &mut rows)).unwrap();
            runs = counters_agree(&story, &rows, &runs);
        }
    }

    /// P12: rows caught up in batches of any size are the rows of one long replay.
    #[test]
    fn p12_replay_in_any_chunking_gives_the_same_rows(
        steps in steps(),
        chunks in proptest::collection::vec(1usize..40, 1..10),
    ) {
        let story = story("acme", &steps);
        let facts: Vec<_> = story.commits().iter().flat_map(Recorded::facts).collect();
        let mut rows = MemoryRows::default();
        let mut rest = facts.as_slice();
        for size in chunks.into_iter().cycle() {
            let (chunk, later) = rest.split_at(size.min(rest.len()));
            let mut staged = Staged::over(&rows);
            chunk.iter().try_for_each(|fact| crate::apply(fact, &mut staged)).unwrap();
            let changes = staged.into_changes().collect();
            write(&mut rows, changes);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(rows, story.rows());
    }

    /// P12: each projection alone, in any order, comes to the same rows.
    #[test]
    fn p12_the_order_of_projections_means_nothing(steps in steps(), turn in 0usize..16) {
        let story = story("acme", &steps);
        let mut order: Vec<_> = crate::projectors().collect();
        order.rotate_left(turn);
        order.reverse();
        let mut rows = MemoryRows::default();
        for projector in order {
            story.facts(|fact| projector.apply(fact, &mut rows)).unwrap();
        }
        prop_assert_eq!(rows, story.rows());
    }

    /// P13: what another company does, between my facts, changes none of my rows.
    #[test]
    fn p13_companies_do_not_see_each_other(mine in steps(), theirs in steps()) {
        let (mine, theirs) = (story("acme", &mine), story("globex", &theirs));
        let mut rows = MemoryRows::default();
        let mut others = theirs.commits().iter();
        for commit in mine.commits() {
            for commit in others.next().into_iter().chain([commit]) {
                commit.facts().try_for_each(|fact| crate::apply(&fact, &mut rows)).unwrap();
            }
        }
        let alone = mine.rows();
        let seen = rows.iter().filter(|(_, company, ..)| *company == mine.company());
        prop_assert!(seen.eq(alone.iter()));
    }

    /// Every query gives the same rows whatever the size of its pages.
    #[test]
    fn pages_of_any_size_add_up_to_the_whole(steps in steps(), limit in 1u64..7) {
        let story = story("acme", &steps);
        let rows = story.rows();
        for query in crate::queries().filter(|query| query.paged) {
            let params = match query.name {
                "integration_log" => json!({"run": run(1)}),
                "import_rows" | "batch_operation_report" => {
                    json!({"import": crate::testing::import(1)})
                }
                _ => json!({}),
            };
            if crate::query::query(query.name, story.company(), &params, &rows).is_ok() {
                let whole = all(&rows, &story, query.name, params.clone(), 500);
                prop_assert_eq!(all(&rows, &story, query.name, params, limit), whole);
            }
        }
    }

    /// The history of a thing is every fact about it and no other.
    #[test]
    fn a_history_misses_nothing_and_adds_nothing(steps in steps()) {
        let story = story("acme", &steps);
        let rows = story.rows();
        let ids = (1..9).flat_map(|n| [format!("run:{}", run(n)), format!("import:{}", crate::testing::import(n))]);
        let users = USERS.iter().map(|user| format!("user:{}", user.to_uppercase()));
        let phones = PHONES.iter().map(|phone| format!("phone:{phone}"));
        for name in ids.chain(users).chain(phones) {
            let entity: Entity = name.parse().unwrap();
            let about = |versions: &dyn Fn(u64) -> bool| -> Vec<u64> {
                let facts = story.commits().iter().flat_map(Recorded::facts);
                let mine = facts.filter(|fact| versions(fact.version) && entity.concerns(fact.event));
                mine.map(|fact| fact.version).collect()
            };
            let places = history::places(&rows, story.company(), &entity).unwrap();
            let found = about(&|version| places.iter().any(|place| place.contains(&version)));
            prop_assert_eq!(found, about(&|_| true), "{}", name);
        }
    }

    /// N65, and RFC 4180 for whatever people are called.
    #[test]
    fn n65_no_cell_of_a_spreadsheet_is_a_formula_and_a_machine_reads_what_was_written(name in "[ \t=+@a-z,\"\r\n＝-]{0,12}") {
        let row = [json!({"phone": "x", "user": "y", "full_name": name})];
        let cell = |format| {
            let bytes = Sheet::of("phone_list", format).unwrap().lines(&row);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            reader.records().next().unwrap().unwrap()[2].to_owned()
        };
        prop_assert_eq!(&cell(Format::Csv), &name);
        let shown = cell(Format::Spreadsheet);
        prop_assert!(shown == "-" || !shown.trim_start().starts_with(['=', '+', '-', '@', '＝']));
        prop_assert_eq!(shown.strip_prefix('\'').unwrap_or(&shown), &name);
    }
}

/// The generator would prove nothing if it never came to the interesting places.
#[test]
fn the_tales_hold_runs_that_wait_and_end_and_mails_that_fail_and_bounce() {
    let steps: Vec<u8> = (0..=255).cycle().take(2000).map(|n: u8| n.wrapping_mul(89)).collect();
    let story = story("acme", &steps);
    let holds = |wanted: fn(&Event) -> bool| {
        story.commits().iter().any(|commit| commit.commit.events.iter().any(wanted))
    };
    assert!(holds(|event| matches!(event, Event::RunCompleted { .. })));
    assert!(holds(|event| matches!(event, Event::RunWithdrawn { .. })));
    assert!(holds(|event| matches!(event, Event::InviteDeferred { .. })));
    assert!(holds(|event| matches!(event, Event::InviteFailed { .. })));
    assert!(holds(|event| matches!(event, Event::DeliveryRecorded { .. })));
    assert!(holds(|event| matches!(event, Event::UserLinked { .. })));
    assert!(holds(|event| matches!(event, Event::RowRefused { .. })));
    assert!(holds(|event| matches!(event, Event::CorporatePhoneRemoved { .. })));
    assert!(holds(|event| matches!(event, Event::UserRemoved { .. })));
}
