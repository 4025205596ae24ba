//! The people of a new run, and the reasons to refuse its source.

use std::collections::BTreeSet;

use serde_json::json;

use crate::company::selection::{Selection, SelectionVersion};
use crate::company::{Company, RunState, Undo};
use crate::event::{Channel, Source};
use crate::values::{Code, ImportId, Refusal, RunId, Time};

/// Lists the people of a source, if a run may be requested for it.
///
/// # Errors
/// `import.*` and `org_unit.*`, with the names that the company does not know.
pub(crate) fn select(
    company: &Company,
    version: SelectionVersion,
    source: &Source,
    channel: Channel,
    at: Time,
) -> Result<Selection, Refusal> {
    match source {
        Source::Import(import) => check_import(company, *import)?,
        Source::OrgUnits { org_units, include_descendants } => {
            check_org_units(company, org_units, *include_descendants)?;
        }
        Source::FailedOf { run, .. } => check_run(company, *run, channel)?,
        Source::Users(_) | Source::Resend { .. } => {}
    }
    Ok(company.select(version, source, channel, at))
}

/// Checks that a run has ended and was on this channel.
fn check_run(company: &Company, id: RunId, channel: Channel) -> Result<(), Refusal> {
    let run = company.runs.get(&id).ok_or(Code::RunNotFound)?;
    if run.channel != channel {
        let more =
            format!("failed_of: the run was on {}, use the same channel", run.channel.as_str());
        return Err(Refusal::new(Code::EnvelopeMalformed).saying(&more));
    }
    match run.state {
        RunState::Completed | RunState::Withdrawn => Ok(()),
        RunState::Requested | RunState::Scheduled | RunState::Pending | RunState::Running => {
            Err(Code::RunNotCompleted.into())
        }
    }
}

fn check_import(company: &Company, import: ImportId) -> Result<(), Refusal> {
    let import = company.imports.get(&import).ok_or(Code::ImportNotFound)?;
    if !import.completed {
        return Err(Code::ImportNotCompleted.into());
    }
    if import.undo != Undo::No {
        return Err(Code::ImportAlreadyUndone.into());
    }
    Ok(())
}

/// Refuses unknown org units, and those without a role for bulk integration.
fn check_org_units(
    company: &Company,
    names: &[String],
    include_descendants: bool,
) -> Result<(), Refusal> {
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_unknown = |name: &&&str| !company.org_units.contains_key(**name);
    let unknown: Vec<_> = named.iter().filter(is_unknown).collect();
    if !unknown.is_empty() {
        let first = unknown.first().map_or("", |name| **name);
        let refusal = Refusal::new(Code::OrgUnitNotFound).with(json!({"org_units": unknown}));
        return Err(refusal.hinting(first, company.org_units.keys().map(String::as_str)));
    }
    let mut units: BTreeSet<&str> = named.iter().copied().collect();
    if include_descendants {
        units = with_descendants(company, units);
    }
    let may_not = |name: &&&str| {
        company.org_units.get(**name).is_some_and(|unit| !company.may_integrate(unit))
    };
    let lacking: Vec<_> = units.iter().filter(may_not).collect();
    if !lacking.is_empty() {
        let refusal = Refusal::new(Code::OrgUnitRoleLacksPermission);
        return Err(refusal.with(json!({"org_units": lacking})));
    }
    Ok(())
}

/// The units and all units below them. The frozen list procedure has its own copy: this one may change.
fn with_descendants<'a>(company: &'a Company, mut units: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    loop {
        let before = units.len();
        for (name, unit) in &company.org_units {
            if unit.parent.as_deref().is_some_and(|parent| units.contains(parent)) {
                units.insert(name);
            }
        }
        if units.len() == before {
            return units;
        }
    }
}
