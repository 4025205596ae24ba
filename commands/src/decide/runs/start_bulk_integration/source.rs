//! The source of a run in a command: whose people it invites.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use crate::company::Company;
use crate::company::selection::SelectionVersion;
use crate::decide::rule::Context;
use crate::event::{RetryOutcome, Source};
use crate::schema::exactly_one_of;
use crate::values::{Code, Personal, Refusal, RunId, UserKey};

/// The most people that one command may name, in people: their keys travel in one commit.
pub const MAX_NAMED_USERS: usize = 5_000;

/// Exactly one of `import`, `org_units`, `users`, `failed_of` and `token`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_source)]
pub struct SourceBody {
    /// `latest`, or an import's id.
    #[serde(alias = "import_id")]
    #[schemars(extend("x-aliases" = ["import_id"]))]
    pub import: Option<String>,
    pub org_units: Option<Vec<String>>,
    pub include_descendants: Option<bool>,
    pub users: Option<Vec<String>>,
    /// A run that has ended: the people of it whose last mail failed or is uncertain.
    pub failed_of: Option<RunId>,
    /// Which people of `failed_of`; by default both.
    #[schemars(length(min = 1))]
    pub outcomes: Option<Vec<RetryOutcome>>,
    /// The token of the link in an administrator's mail: it selects the people of its import who have no working
    /// invitation on the channel, once.
    pub token: Option<Personal<String>>,
}

fn one_source(schema: &mut Schema) {
    exactly_one_of(schema, &[&["import"], &["org_units"], &["users"], &["failed_of"], &["token"]]);
}

impl SourceBody {
    pub(super) fn read(&self, company: &Company, context: &Context<'_>) -> Result<Source, Refusal> {
        if self.include_descendants.is_some() && self.org_units.is_none() {
            return Err(Refusal::new(Code::EnvelopeMalformed)
                .saying("include_descendants belongs to org_units"));
        }
        if self.outcomes.is_some() && self.failed_of.is_none() {
            return Err(
                Refusal::new(Code::EnvelopeMalformed).saying("outcomes belongs to failed_of")
            );
        }
        let others = self.import.is_some() || self.org_units.is_some() || self.users.is_some();
        if (self.token.is_some() || self.failed_of.is_some()) && others {
            return Err(one_of_them());
        }
        match (&self.token, self.failed_of) {
            (Some(_), None) => return linked(company, context),
            (None, Some(run)) => return self.failed_of(run),
            (Some(_), Some(_)) => return Err(one_of_them()),
            (None, None) => {}
        }
        match (&self.import, &self.org_units, &self.users) {
            (Some(import), None, None) => Ok(Source::Import(company.import_named(import)?)),
            (None, Some(org_units), None) if !org_units.is_empty() => Ok(Source::OrgUnits {
                org_units: org_units.clone(),
                include_descendants: self.include_descendants.unwrap_or(false),
            }),
            (None, None, Some(users)) if users.len() > MAX_NAMED_USERS => {
                let details = json!({"limit": MAX_NAMED_USERS, "actual": users.len()});
                Err(Refusal::new(Code::EnvelopeMalformed)
                    .saying("too many users are named")
                    .with(details))
            }
            (None, None, Some(users)) => {
                let meant: Vec<String> = users.iter().map(|user| company.key_meant(user)).collect();
                Ok(Source::Users(keys(&meant)))
            }
            (None, Some(_), None) => Err(Code::RunEmptySelection.into()),
            _ => Err(one_of_them()),
        }
    }
}

impl SourceBody {
    /// How the people of the source are listed.
    pub(super) fn list(&self) -> SelectionVersion {
        match self.token {
            Some(_) => SelectionVersion::OF_LINK,
            None => SelectionVersion::CURRENT,
        }
    }

    fn failed_of(&self, run: RunId) -> Result<Source, Refusal> {
        let both = vec![RetryOutcome::Failed, RetryOutcome::Uncertain];
        let mut outcomes = self.outcomes.clone().unwrap_or(both);
        if outcomes.is_empty() {
            return Err(Refusal::new(Code::EnvelopeMalformed)
                .saying("outcomes: name failed, uncertain or both"));
        }
        outcomes.sort_unstable();
        outcomes.dedup();
        Ok(Source::FailedOf { run, outcomes })
    }
}

/// The people that the link invites, as long as the link is valid.
fn linked(company: &Company, context: &Context<'_>) -> Result<Source, Refusal> {
    let Some((import, generation)) = context.facts.import() else {
        context.require_link_secret(company)?;
        return Err(Code::InvitationNotFound.into());
    };
    let link = company.imports.get(&import).and_then(|import| import.link);
    match link.ok_or(Code::InvitationNotFound)? {
        link if link.generation != generation => Err(Code::InvitationSuperseded.into()),
        link if link.used => Err(Code::InvitationAlreadyUsed.into()),
        link if link.expires_at <= context.at => Err(Code::InvitationExpired.into()),
        _ => Ok(Source::Import(import)),
    }
}

fn one_of_them() -> Refusal {
    Refusal::new(Code::EnvelopeMalformed)
        .saying("source takes exactly one of import, org_units, users, failed_of and token")
}

/// The keys of a body's list, blank ones left out.
pub(crate) fn keys(users: &[String]) -> Vec<Personal<UserKey>> {
    let named = users.iter().map(|key| key.trim()).filter(|key| !key.is_empty());
    named.map(|key| Personal(UserKey::new(key))).collect()
}
