//! An import as the topic of a mail: its file, its counts and its link.

use ulid::Ulid;

use super::facts::{LinkTarget, TopicFacts};
use crate::company::{Company, ImportInvites, User, UserId};
use crate::dialect;
use crate::event::{Counts, Topic};
use crate::template::TopicVariables;
use crate::values::{Code, ImportId, RunId};

/// The most people that a mail names as invited, and as not invited: a reader sees them at a glance, and a larger batch
/// has its own list.
const NAMED_PEOPLE: usize = 50;

pub(super) fn facts(company: &Company, id: ImportId) -> Option<TopicFacts> {
    let import = company.imports.get(&id)?;
    let file_name = import.files.first().map(|file| file.name.as_str()).unwrap_or_default();
    let invites = company.import_invites(id, NAMED_PEOPLE)?;
    let key = |user: UserId| company.users.get(user).map(|user| user.key().as_str().to_owned());
    let has_run = company.runs.contains_key(&RunId(id.0));
    let asked = has_run || import.invites_refused.is_some();
    let variables = variables(id, file_name, import.counts)
        .flag("invites", asked)
        .id("show_all", &show_all(id, &import.options.dialect, has_run))
        .id("show_rows", &show_all(id, &import.options.dialect, false));
    let variables = run_variables(variables, company, id, &import.members);
    Some(TopicFacts {
        variables: invite_variables(variables, &invites, key),
        link: import.link.map(|link| LinkTarget::Import(id, link.generation)),
        expires_at: import.link.map(|link| link.expires_at),
        ..TopicFacts::default()
    })
}

/// The command that shows the result for each person of an import.
fn show_all(id: ImportId, dialect: &str, has_run: bool) -> String {
    let opens_accounts = dialect::find(dialect).is_some_and(|dialect| dialect.opens_accounts());
    match has_run {
        _ if opens_accounts => format!("boarding reports show {id}"),
        true => format!("boarding log {id}"),
        false => format!("boarding imports rows {id}"),
    }
}

/// What the run of the import did, as the report of the import has it. Later runs do not count.
fn run_variables(
    variables: TopicVariables,
    company: &Company,
    id: ImportId,
    members: &[UserId],
) -> TopicVariables {
    let run = company.runs.get(&RunId(id.0));
    let (invited, failed) = run.map_or((0, 0), |run| (run.passed, run.failed));
    let is_user = |id: &&UserId| company.users.get(**id).is_some_and(User::is_created);
    let users = members.iter().filter(is_user).count() as u64;
    by_import(variables, invited, failed, users.saturating_sub(invited + failed))
}

fn by_import(
    variables: TopicVariables,
    invited: u64,
    failed: u64,
    not_invited: u64,
) -> TopicVariables {
    variables
        .number("invited_by_import", invited)
        .number("failed_by_import", failed)
        .number("not_invited_by_import", not_invited)
}

/// Who was invited, and why the others were not.
fn invite_variables(
    variables: TopicVariables,
    invites: &ImportInvites,
    key: impl Fn(UserId) -> Option<String>,
) -> TopicVariables {
    let first: Vec<String> = invites.first_invited.iter().filter_map(|id| key(*id)).collect();
    let why = |code: Code| format!("{} ({code})", code.text());
    let others = invites.first_others.iter().filter_map(|(id, code)| Some((key(*id)?, why(*code))));
    let more = |count: u64, named: usize| count.saturating_sub(named as u64);
    variables
        .number("invited", invites.invited)
        .number("invitation_failed", invites.failed)
        .number("not_invited", invites.not_invited)
        .texts("first_invited", first.iter().map(String::as_str))
        .number("more_invited", more(invites.invited, invites.first_invited.len()))
        .people("not_reached", others)
        .flag("can_invite", invites.can_invite)
        .number("more_not_reached", more(invites.with_reason, invites.first_others.len()))
}

/// Whether a mail about the import waits: it says who was invited, and the run of the import has not ended.
pub(crate) fn waits(company: &Company, about: &Topic) -> bool {
    matches!(about, Topic::Import(id) if company.import_run_is_open(*id))
}

fn variables(import: ImportId, file_name: &str, counts: Counts) -> TopicVariables {
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
    sample_of(ImportId(Ulid(1)), "people.csv", counts)
}

/// An import with these counts, and invitations that are the same in every sample.
pub(crate) fn sample_of(import: ImportId, file_name: &str, counts: Counts) -> TopicVariables {
    let (invited, failed, not_invited) = (30_412, 50_228, 60_337);
    let invites = ImportInvites {
        invited,
        failed,
        not_invited,
        can_invite: true,
        ..ImportInvites::default()
    };
    let variables = variables(import, file_name, counts).flag("invites", true);
    let variables = variables
        .id("show_all", &"boarding log")
        .id("show_rows", &show_all(import, "multiline", false));
    let variables = by_import(variables, invited, failed, not_invited);
    invite_variables(variables, &invites, |_| None)
}
