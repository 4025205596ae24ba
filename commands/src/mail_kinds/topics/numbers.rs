//! An organization's numbers as the topic of a mail, as they were at the request.

use super::facts::TopicFacts;
use crate::company::Company;
use crate::company::numbers::NumberOwner;
use crate::event::Topic;
use crate::template::TopicVariables;

/// The numbers of an owner now.
pub(crate) fn topic(company: &Company, owner: &NumberOwner) -> Topic {
    let stock = company.numbers.stock(owner);
    Topic::Numbers {
        org_unit: owner.as_deref().map(str::to_owned),
        total: stock.total,
        used: stock.used,
        available: stock.free(),
        needed: stock.waiting,
    }
}

pub(super) fn facts(company: &Company, about: &Topic) -> Option<TopicFacts> {
    let variables = variables(about, company.settings.number_threshold_percent)?;
    Some(TopicFacts { variables, ..TopicFacts::default() })
}

/// The variables of a topic, and the threshold in percent.
fn variables(about: &Topic, threshold: u64) -> Option<TopicVariables> {
    let Topic::Numbers { org_unit, total, used, available, needed } = about else { return None };
    let variables = TopicVariables::default()
        .text("org_unit", org_unit.as_deref().unwrap_or_default())
        .number("total", *total)
        .number("used", *used)
        .number("percent", (100 * used).checked_div(*total).unwrap_or(0))
        .number("threshold", threshold)
        .number("available", *available)
        .number("needed", *needed);
    Some(variables)
}

pub(crate) fn sample() -> TopicVariables {
    let (total, used, available, needed) = (30_000, 27_900, 40_134, 50_226);
    let org_unit = Some("Sales".to_owned());
    let about = Topic::Numbers { org_unit, total, used, available, needed };
    variables(&about, 85).unwrap_or_default()
}
