//! An import as the topic of a mail: its file, its counts and its link.

use ulid::Ulid;

use super::facts::{LinkTarget, TopicFacts};
use crate::company::Company;
use crate::event::Counts;
use crate::template::TopicVariables;
use crate::values::ImportId;

pub(super) fn facts(company: &Company, id: ImportId) -> Option<TopicFacts> {
    let import = company.imports.get(&id)?;
    let file_name = import.files.first().map(|file| file.name.as_str()).unwrap_or_default();
    Some(TopicFacts {
        variables: variables(id, file_name, import.counts),
        link: Some(LinkTarget::Import(id)),
        expires_at: import.link.map(|link| link.expires_at),
        ..TopicFacts::default()
    })
}

pub(crate) fn variables(import: ImportId, file_name: &str, counts: Counts) -> TopicVariables {
    let failed = counts.skipped + counts.duplicate + counts.invalid;
    TopicVariables::default()
        .id("import", &import)
        .text("file_name", file_name)
        .number("total", counts.total)
        // MultiLine's two words for the outcome of an account.
        .number("success", counts.total.saturating_sub(failed))
        .number("failed", failed)
        .number("created", counts.created)
        .number("updated", counts.updated)
        .number("unchanged", counts.unchanged)
        .number("activated", counts.activated)
        .number("deactivated", counts.deactivated)
        .number("skipped", counts.skipped)
        .number("duplicate", counts.duplicate)
        .number("invalid", counts.invalid)
        .number("warnings", counts.warnings)
        .number("phones_added", counts.phones_added)
        .number("phones_failed", counts.phones_failed)
}

pub(crate) fn sample() -> TopicVariables {
    let (total, created, updated, skipped, invalid) = (70_911, 20_645, 10_132, 11_003, 29_131);
    let counts = Counts { total, created, updated, skipped, invalid, ..Counts::default() };
    variables(ImportId(Ulid(1)), "people.csv", counts)
}
