//! Tables: which columns fit on a terminal, and how wide each may become.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::Value;

use super::plain::plain;
use crate::cli::columns::Column;

/// The blanks around a cell, in characters.
const PADDING_CHARS: usize = 2;
/// The blank between two columns, in characters.
const GAP_CHARS: usize = 1;
/// The longest word that is kept whole, in characters: ids, phones, times and most addresses are shorter.
const WHOLE_WORD_CHARS_MAX: usize = 40;

/// The table as text, and the number of columns that do not fit. A width is given for a terminal.
pub(super) fn layout(
    columns: &[Column],
    rows: &[Value],
    lines: bool,
    width: Option<usize>,
) -> (String, usize) {
    let cell = |row: &Value, column: &Column| plain(&column.cell(row));
    let narrowest = |column: &Column| {
        let cells = rows.iter().map(|row| longest_word(&cell(row, column)));
        cells.fold(longest_word(column.title), usize::max)
    };
    let narrowest: Vec<usize> =
        width.map_or_else(Vec::new, |_| columns.iter().map(narrowest).collect());
    let shown = width
        .map_or_else(|| (0..columns.len()).collect(), |width| fitting(columns, &narrowest, width));
    let shown_columns = || shown.iter().filter_map(|&at| columns.get(at));
    let mut table = Table::new();
    table.load_style(if lines { presets::UTF8_HORIZONTAL_ONLY } else { presets::NOTHING });
    table.set_header(shown_columns().map(|column| column.title));
    for row in rows {
        table.add_row(shown_columns().map(|column| cell(row, column)));
    }
    let Some(width) = width else {
        table.set_content_arrangement(ContentArrangement::Disabled);
        return (table.trim_fmt(), 0);
    };
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    let constraints = shown.iter().filter_map(|&at| narrowest.get(at)).map(|&word| {
        let whole = u16::try_from(word + PADDING_CHARS).unwrap_or(u16::MAX);
        ColumnConstraint::LowerBoundary(Width::Fixed(whole))
    });
    table.set_constraints(constraints);
    (table.trim_fmt(), columns.len() - shown.len())
}

/// The columns that fit without broken words. The first always stays; minor columns go first, from the end.
fn fitting(columns: &[Column], narrowest: &[usize], width: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let needed = |shown: &[usize]| -> usize {
        shown
            .iter()
            .filter_map(|&at| narrowest.get(at))
            .map(|word| word + PADDING_CHARS + GAP_CHARS)
            .sum()
    };
    while needed(&shown) > width && shown.len() > 1 {
        let is_minor = |&at: &usize| columns.get(at).is_some_and(|column| column.minor);
        let last = shown.len() - 1;
        let place = shown.iter().rposition(is_minor).filter(|&place| place > 0).unwrap_or(last);
        shown.remove(place);
    }
    shown
}

fn longest_word(text: &str) -> usize {
    let words = text.split_whitespace();
    words.map(|word| word.chars().count()).max().unwrap_or(0).min(WHOLE_WORD_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::columns::{INVITATIONS, LOG, NOTIFICATIONS, PHONES, RUNS};

    const TERMINAL_CHARS: usize = 80;

    fn shown(columns: &[Column], row: Value) -> String {
        let (table, _) = layout(columns, &[row], true, Some(TERMINAL_CHARS));
        let too_long = table.lines().find(|line| line.chars().count() > TERMINAL_CHARS);
        assert_eq!(too_long, None, "{table}");
        table
    }

    #[test]
    fn ids_phones_and_titles_stay_whole_at_80_columns() {
        let run = "01JD0000000000000000000000";
        let row = json!({"run": run, "channel": "whatsapp", "state": "completed", "queue_place": null,
            "total": 1000, "passed": 990, "skipped": 7, "failed": 3, "remaining": 0,
            "source": {"import": run}, "requested_by": "jane.hudson@acme.example",
            "requested_at": "2026-11-21T08:00:00.000Z"});
        let table = shown(RUNS, row);
        for whole in [run, "completed", "SKIPPED", "FAILED"] {
            assert!(table.contains(whole), "{whole}: {table}");
        }
        let row = json!({"phone": "+84923448071", "user": "jane.hudson@acme.example",
            "full_name": "Jane Elisabeth Hudson von Hohenstein", "updated_at": "2026-11-21T08:00:00.000Z",
            "channels": {"whatsapp": "not_linked", "imessage": "not_linked"}});
        let table = shown(PHONES, row);
        assert!(table.contains("+84923448071") && table.contains("jane.hudson@acme"), "{table}");
    }

    #[test]
    fn reason_of_failure_is_shown_at_80_columns() {
        let row = json!({"username": "jane.hudson@acme.example", "email": "jane.hudson@acme.example",
            "org_unit": "Fixed Income Desk", "channel": "whatsapp", "status": "failed", "delivery": null,
            "code": "recipient.corporate_phone_missing",
            "reason": "The person has no phone on the corporate phone list; add one."});
        let table = shown(LOG, row);
        for whole in ["jane.hudson@acme.example", "failed", "REASON", "corporate"] {
            assert!(table.contains(whole), "{whole}: {table}");
        }
    }

    /// Why a mail waits, and why a link has ended.
    #[test]
    fn reasons_of_mails_and_links_are_shown_at_80_columns() {
        let row = json!({"key": "batch_report.01JD0000000000000000000000.0", "kind": "batch_report",
            "to": "una@acme.example", "user": null, "state": "waiting", "reason": "451 try again later"});
        let table = shown(NOTIFICATIONS, row);
        assert!(table.contains("waiting") && table.contains("451"), "{table}");
        let row = json!({"user": "jane.hudson@acme.example", "channel": "whatsapp", "state": "revoked",
            "sent_at": "2026-11-21T08:00:00.000Z", "expires_at": "2026-11-22T08:00:00.000Z",
            "code": "invitation.address_changed"});
        let table = shown(INVITATIONS, row);
        assert!(table.contains("invitation.address_changed"), "{table}");
    }

    #[test]
    fn all_columns_are_shown_without_a_width() {
        let (table, hidden) = layout(RUNS, &[json!({})], true, None);
        assert!(hidden == 0 && table.contains("WITHDRAWN AT"), "{table}");
    }
}
