//! One step: decide a command, fold its events into the company, return the outcome.

use serde_json::Value;
use ulid::Ulid;

use crate::commit::{Commit, SCHEMA};
use crate::company::Company;
use crate::decide::{Authority, Command, Context, Decision, Facts, MailSetup};
use crate::event::Event;
use crate::values::{CommandId, Digest, Personal, Refusal, Time, TokenId};

/// A command with its envelope, and the facts that its rule needs.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    pub command: Command,
    pub facts: Facts,
    pub id: CommandId,
    /// The digest of name and body. None for a command of the engine itself: its id is never repeated.
    pub body: Option<Digest>,
    pub actor: String,
    /// The user that the NATS server has authenticated. None where the set-up cannot tell.
    pub authenticated: Option<String>,
    /// The access token of a command over HTTP.
    pub token: Option<TokenId>,
    pub authority: Authority,
    pub at: Time,
    pub correlation: Option<Ulid>,
    pub traceparent: Option<String>,
    pub mail_setup: MailSetup,
    /// The version that the client expects. The owner of the state checks it before the step.
    pub expected_version: Option<u64>,
    /// The version at which an import was planned. The owner of the state checks it before the step.
    pub planned_at: Option<u64>,
}

/// Whether the events of a preview are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepMode {
    /// The commit will be appended. A preview changes nothing.
    Append,
    /// The company is a copy. A preview changes the copy, so that later steps can build on it.
    DryRun,
}

/// The outcome of a step. `E` is an encoded commit, `F` the error of the encoder.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome<E, F> {
    /// The commit to append. The company already contains its events.
    Commit(E),
    /// An answer without a commit.
    Answer(Value),
    /// A command with another id did the same before; this is its answer. A repeated id is found before the step.
    Repeat(Value),
    Refused(Refusal),
    /// The commit cannot be encoded. The company is unchanged.
    NotEncoded(F),
}

/// Decides the request, encodes its commit and folds the events into the company.
///
/// `previous` is the hash of the company's last commit. `encode` runs before the fold: a commit that is too large
/// leaves the company unchanged.
pub fn step<E: AsRef<Commit>, F>(
    company: &mut Company,
    previous: Digest,
    request: &CommandRequest,
    mode: StepMode,
    encode: impl FnOnce(Commit) -> Result<E, F>,
) -> StepOutcome<E, F> {
    let CommandRequest { id, actor, authority, at, facts, mail_setup, .. } = request;
    let authenticated = request.authenticated.as_deref();
    let (id, authority, at) = (*id, *authority, *at);
    let token = request.token.map(|token| company.access_tokens.check(token, actor, at));
    if let Some(Err(refusal)) = token {
        return StepOutcome::Refused(refusal);
    }
    let context = Context { id, actor, authenticated, authority, at, facts, mail_setup };
    let (events, result) = match request.command.decide(company, &context) {
        Ok(Decision::Append { events, result }) => (events, result),
        Ok(Decision::Preview { events, result }) if mode == StepMode::DryRun => (events, result),
        Ok(Decision::Preview { result, .. } | Decision::Answer { result }) => {
            return StepOutcome::Answer(result);
        }
        Ok(Decision::Repeat { result }) => return StepOutcome::Repeat(result),
        Err(refusal) => return StepOutcome::Refused(refusal),
    };
    match encode(commit(company, previous, request, events, result)) {
        Ok(encoded) => {
            company.apply(encoded.as_ref());
            StepOutcome::Commit(encoded)
        }
        Err(error) => StepOutcome::NotEncoded(error),
    }
}

fn commit(
    company: &Company,
    previous: Digest,
    request: &CommandRequest,
    events: Vec<Event>,
    result: Value,
) -> Commit {
    Commit {
        company: company.id.clone(),
        first_version: company.version + 1,
        command: request.id,
        body: request.body.unwrap_or_else(|| Digest::of(request.command.name().as_bytes())),
        actor: Personal(request.actor.clone()),
        at: request.at,
        correlation: request.correlation,
        causation: None,
        traceparent: request.traceparent.clone(),
        schema: SCHEMA,
        result,
        previous,
        events,
        authenticated: authenticated(request).map(Personal),
    }
}

/// What the history shows as authenticated: the NATS user, or the access token as `token:<id>`.
fn authenticated(request: &CommandRequest) -> Option<String> {
    match request.token {
        Some(token) => Some(format!("token:{token}")),
        None => request.authenticated.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::testing::{NOW, given, user_created};

    fn request(name: &str, body: Value) -> CommandRequest {
        CommandRequest {
            command: Command::read(name, body).unwrap(),
            facts: Facts::None,
            id: CommandId(Ulid(1)),
            body: None,
            actor: "jane@acme.example".to_owned(),
            authenticated: None,
            token: None,
            authority: Authority::All,
            at: NOW,
            correlation: None,
            traceparent: None,
            mail_setup: MailSetup::default(),
            expected_version: None,
            planned_at: None,
        }
    }

    fn taken(
        company: &mut Company,
        request: &CommandRequest,
        mode: StepMode,
    ) -> StepOutcome<Commit, ()> {
        step(company, Digest::default(), request, mode, Ok)
    }

    #[test]
    fn commit_follows_the_version_of_its_company() {
        let mut company = given([user_created("ann"), user_created("bob")]).0;
        let archive = |user: &str| request("ArchiveUser", json!({"user": user}));
        let StepOutcome::Commit(commit) = taken(&mut company, &archive("ann"), StepMode::Append)
        else {
            panic!()
        };
        assert_eq!((commit.first_version, commit.last_version(), company.version), (3, 3, 3));
        let encode = |_: Commit| Err::<Commit, ()>(());
        let (previous, mode) = (Digest::default(), StepMode::Append);
        let not_encoded = step(&mut company, previous, &archive("bob"), mode, encode);
        assert_eq!((not_encoded, company.version), (StepOutcome::NotEncoded(()), 3));
    }

    #[test]
    fn preview_changes_the_copy_of_a_dry_run_only() {
        use crate::decide::imports::import_file::testing::{accepted, import_id};
        use crate::event::{Counts, Existing};
        let (import, counts) = (import_id(), Counts::default());
        let over = Event::ImportCompleted { import, counts };
        let mut company = given([accepted(1, false, Existing::Skip), over]).0;
        let preview = request("UndoImport", json!({"import": import, "mode": "preview"}));
        let answer = taken(&mut company, &preview, StepMode::Append);
        assert!(matches!(answer, StepOutcome::Answer(_)) && company.version == 2);
        let dry = taken(&mut company, &preview, StepMode::DryRun);
        assert!(matches!(dry, StepOutcome::Commit(_)) && company.version == 3);
    }
}
