//! The topics of mails: the variables and the link that a mail shows of its topic.

pub(crate) mod expired;
mod facts;
pub(crate) mod import;
pub(crate) mod invitation;
pub(crate) mod numbers;
pub(crate) mod run;

pub use facts::{LinkTarget, TopicFacts};
pub use invitation::variables as invitation_variables;

use crate::company::Company;
use crate::event::Topic;

/// What a mail shows of its topic. `None` if the company has no record of the topic any more.
pub fn topic_facts(company: &Company, about: &Topic) -> Option<TopicFacts> {
    match about {
        Topic::Import(id) => import::facts(company, *id),
        Topic::Run(id) => run::facts(company, *id),
        Topic::Numbers { .. } => numbers::facts(company, about),
        Topic::Invitation { .. } => invitation::facts(company, about),
        Topic::Expired { .. } => expired::facts(about),
    }
}
