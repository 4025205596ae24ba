//! Expired invitations as the topic of a mail: how many, and the first of the people.

use super::facts::TopicFacts;
use crate::event::Topic;
use crate::template::TopicVariables;
use crate::values::Time;

pub(super) fn facts(about: &Topic) -> Option<TopicFacts> {
    Some(TopicFacts { variables: variables(about)?, ..TopicFacts::default() })
}

fn variables(about: &Topic) -> Option<TopicVariables> {
    let Topic::Expired { since, until, whatsapp, imessage, people } = about else { return None };
    let count = whatsapp + imessage;
    let variables = TopicVariables::default()
        .time("since", *since)
        .time("until", *until)
        .number("count", count)
        .number("whatsapp", *whatsapp)
        .number("imessage", *imessage)
        .number("more", count.saturating_sub(people.len() as u64))
        .texts("people", people.iter().map(|user| user.as_str()));
    Some(variables)
}

pub(crate) fn sample() -> TopicVariables {
    let (since, until, whatsapp, imessage) = (Time(0), Time(0), 40_134, 30_777);
    let about = Topic::Expired { since, until, whatsapp, imessage, people: vec![] };
    variables(&about).unwrap_or_default()
}
