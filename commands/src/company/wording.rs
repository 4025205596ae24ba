//! The wording of mails: the current one per language, and those of mails in flight.

use super::own_template::{OwnTemplate, TemplateText};
use super::run::RunState;
use super::state::Company;
use super::user_id::UserId;
use super::users::User;
use crate::event::{Channel, MailKind, Wording};
use crate::template::{self, MailTemplate};

impl Company {
    /// The wording in force for a person: in their language, else the company's, else English.
    ///
    /// Each language is tried as it stands and then shortened tag by tag (`de-AT`, `de`); at each step the
    /// company's own wording comes before ours.
    pub fn wording(&self, kind: MailKind, person: Option<&str>) -> Option<Wording> {
        template::candidates(person, &self.settings.language).find_map(|language| {
            if let Some((language, own)) = self.own_template(kind, language) {
                return Some(Wording { language: language.to_owned(), version: own.version });
            }
            let language = language.to_lowercase();
            let ours = template::LANGUAGES.contains(&language.as_str());
            ours.then_some(Wording { language, version: 0 })
        })
    }

    /// The company's own wording in a language, with its tag as it was set. Tags compare without case.
    pub(crate) fn own_template(
        &self,
        kind: MailKind,
        language: &str,
    ) -> Option<(&str, &OwnTemplate)> {
        let exact = (kind, language.to_owned());
        let same = |tag: &str| tag.eq_ignore_ascii_case(language);
        let found = self.templates.get_key_value(&exact).filter(|(_, own)| !own.removed);
        let found = found.or_else(|| {
            // An old log may have one language in two spellings. Which was set last is not recorded, so the spelling that sorts last is used.
            self.own_templates().rev().find(|((of, tag), _)| *of == kind && same(tag))
        });
        found.map(|((_, tag), own)| (tag.as_str(), own))
    }

    /// The company's own wordings in force, by kind and language.
    pub(super) fn own_templates(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&(MailKind, String), &OwnTemplate)> {
        self.templates.iter().filter(|(_, own)| !own.removed)
    }

    /// Whether a mail is written in this language: it is the company's, a person's, or English.
    pub(crate) fn uses_language(&self, language: &str) -> bool {
        let has = |person: Option<&str>| {
            template::candidates(person, &self.settings.language)
                .any(|tag| tag.eq_ignore_ascii_case(language))
        };
        let of_person = |user: &User| user.attribute("language").is_some_and(|tag| has(Some(tag)));
        has(None) || self.users.iter().any(|(_, user)| of_person(user))
    }

    /// Whether the person has an account that is not activated yet.
    pub(crate) fn is_to_activate(&self, id: UserId, user: &User) -> bool {
        let is_on_board = Channel::ALL.iter().any(|channel| user.link(*channel).linked);
        self.numbers.is_account(id) && !is_on_board
    }

    /// The kind of a person's next invitation: it activates an account, or links a channel. A device gets a text.
    pub fn invitation_kind(&self, id: UserId, user: &User) -> MailKind {
        match self.device(id, user) {
            Some(_) => MailKind::TextInvitation,
            None => self.mailed_invitation_kind(id, user),
        }
    }

    /// The kind of a person's next invitation by mail.
    ///
    /// If a company has its own wording only for the invitation to channels, its accounts get that one too: it was
    /// written when they had no invitation of their own.
    pub fn mailed_invitation_kind(&self, id: UserId, user: &User) -> MailKind {
        if !self.is_to_activate(id, user) {
            return MailKind::ChannelInvitation;
        }
        let language = user.attribute("language");
        let is_own = |kind| self.wording(kind, language).is_some_and(|wording| wording.version > 0);
        if is_own(MailKind::ChannelInvitation) && !is_own(MailKind::AccountInvitation) {
            MailKind::ChannelInvitation
        } else {
            MailKind::AccountInvitation
        }
    }

    /// The mail of this wording. None if the version was replaced, and no mail under way uses it.
    pub fn worded(&self, kind: MailKind, wording: &Wording) -> Option<MailTemplate> {
        let Wording { language, version } = wording;
        if *version == 0 {
            return template::builtin(kind, language);
        }
        let own = self.templates.get(&(kind, language.clone()))?.of(*version)?;
        Some(MailTemplate {
            language: language.clone(),
            subject: own.subject.clone(),
            text: own.text.clone(),
            html: own.html.clone(),
        })
    }

    pub(crate) fn set_template(&mut self, kind: MailKind, language: &str, template: TemplateText) {
        let under_way = self.runs.values().any(|run| !run.in_flight.is_empty());
        let key = (kind, language.to_owned());
        let Some(own) = self.templates.get_mut(&key) else {
            self.templates.insert(key, OwnTemplate::first(template));
            return;
        };
        own.replace(template, under_way);
    }

    pub(crate) fn unset_template(&mut self, kind: MailKind, language: &str) {
        if let Some(own) = self.templates.get_mut(&(kind, language.to_owned())) {
            own.removed = true;
        }
    }

    /// A run is over: nothing that it claimed is under way any more.
    pub(crate) fn forget_former_templates(&mut self) {
        if self.runs.values().all(|run| run.state != RunState::Running) {
            self.templates.values_mut().for_each(|own| own.forget_former());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::decide::testing::given;
    use crate::event::Event;

    fn set(language: &str, subject: &str) -> Event {
        Event::TemplateSet {
            kind: MailKind::Welcome,
            language: language.to_owned(),
            subject: subject.to_owned(),
            text: String::new(),
            html: String::new(),
        }
    }

    fn company(language: &str, events: Vec<Event>) -> Company {
        let (setting, value) = ("language".to_owned(), json!(language));
        given([Event::CompanyConfigChanged { setting, value }].into_iter().chain(events)).0
    }

    #[track_caller]
    fn chosen(company: &Company, person: Option<&str>) -> (String, u64) {
        let wording = company.wording(MailKind::Welcome, person).unwrap();
        assert!(company.worded(MailKind::Welcome, &wording).is_some());
        (wording.language, wording.version)
    }

    #[test]
    fn a_language_falls_back_from_region_to_company_to_english() {
        let chosen = |person, language| chosen(&company(language, vec![]), person).0;
        assert_eq!(chosen(Some("de-AT"), "fr"), "de");
        assert_eq!(chosen(Some("DE"), "fr"), "de");
        assert_eq!(chosen(Some("xx-YY"), "fr-CA"), "fr");
        assert_eq!(chosen(Some("xx"), "yy"), "en");
        assert_eq!(chosen(None, "ja"), "ja");
        assert_eq!(chosen(Some("Spanish"), "fr"), "es");
    }

    /// ML-03: the company's template comes before the built-in one of the same language. Its versions count
    /// up.
    #[test]
    fn newest_template_of_the_company_is_used() {
        let company = company("en", vec![set("de", "eins"), set("de", "zwei")]);
        assert_eq!(chosen(&company, Some("de-CH")), ("de".to_owned(), 2));
        assert_eq!(chosen(&company, Some("fr")), ("fr".to_owned(), 0));
        let of = |version| {
            let wording = Wording { language: "de".to_owned(), version };
            company.worded(MailKind::Welcome, &wording).map(|mail| mail.subject)
        };
        assert_eq!((of(2).as_deref(), of(1), of(3)), (Some("zwei"), None, None));
    }

    /// ML-03: the claim records the template. A template set later is for the next claim, and the earlier one
    /// is kept until the run is over.
    #[test]
    fn claimed_mail_keeps_its_template_after_a_change() {
        use crate::decide::outcome::MailOutcome;
        use crate::decide::runs::recipients::{Transports, open_claims};
        use crate::decide::testing::{NOW, a_running_run, run_id, who};
        use crate::decide::{ClaimRecipients, ReportRecipients};
        let kind = MailKind::ChannelInvitation;
        let set = |subject: &str| Event::TemplateSet {
            kind,
            language: "en".to_owned(),
            subject: subject.to_owned(),
            text: String::new(),
            html: String::new(),
        };
        let wording = |event: &Event| match event {
            Event::InviteDispatched { template, .. } => template.clone(),
            other => panic!("{other:?}"),
        };
        let en = |version| Wording { language: "en".to_owned(), version };
        let fence = a_running_run().len() as u64;
        let claim = ClaimRecipients { run: run_id(1), fence, most: 1, via: "outbox" };
        let ours = given(a_running_run()).when(claim).events();
        assert_eq!(wording(&ours[0]), Some(en(0)));

        let mut company = given(a_running_run().into_iter().chain([set("one")])).after(claim);
        company.append(NOW, "jane", &[set("two")]);
        let transports = Transports { mails: "outbox", texts: None };
        let open = open_claims(&company.0, run_id(1), transports, NOW);
        assert_eq!(wording(&open[0].claim), Some(en(1)));
        assert_eq!(company.0.worded(kind, &en(1)).unwrap().subject, "one");
        let next = company.when(claim).events();
        assert_eq!(wording(&next[0]), Some(en(2)));
        let company = company.after(claim);
        let sent = |key: &str| (who(key), 1, MailOutcome::SENT);
        let reports = vec![sent("ann"), sent("bob")];
        let company = company.after(ReportRecipients { run: run_id(1), fence, reports });
        assert!(
            company.0.worded(kind, &en(1)).is_none() && company.0.worded(kind, &en(2)).is_some()
        );
    }

    /// ML-03: each person gets the template of his or her language.
    #[test]
    fn invitation_uses_the_language_of_the_person() {
        use crate::decide::ClaimRecipients;
        use crate::decide::testing::{channel_enabled, phone_added, run_id, run_started, who};
        use crate::event::Person;
        let mut events = vec![channel_enabled(), phone_added("ann", 1)];
        let attributes = BTreeMap::from([("language".to_owned(), "German".to_owned())]);
        let email = Some("ann@acme.example".to_owned());
        let person = crate::values::Personal(Person { email, attributes, ..Person::default() });
        let (org_unit, roles, active, row) = (None, vec![], true, None);
        events.push(Event::UserCreated { user: who("ann"), person, org_unit, roles, active, row });
        events.extend(run_started(run_id(1), &["ann"]));
        let fence = events.len() as u64;
        let claim = ClaimRecipients { run: run_id(1), fence, most: 1, via: "outbox" };
        let events = given(events).when(claim).events();
        let Event::InviteDispatched { template: Some(template), .. } = &events[0] else { panic!() };
        assert_eq!((template.language.as_str(), template.version), ("de", 0));
    }

    #[test]
    fn language_is_used_by_the_company_or_a_person() {
        use crate::decide::testing::who;
        use crate::event::Person;
        let attributes = BTreeMap::from([("language".to_owned(), "German".to_owned())]);
        let person = crate::values::Personal(Person { attributes, ..Person::default() });
        let (org_unit, roles, active, row) = (None, vec![], true, None);
        let user = who("ann");
        let created = Event::UserCreated { user, person, org_unit, roles, active, row };
        let uses = |events: Vec<Event>, language| company("fr", events).uses_language(language);
        assert!(uses(vec![], "FR") && uses(vec![], "en") && !uses(vec![], "de"));
        assert!(uses(vec![created.clone()], "de") && !uses(vec![created], "es"));
    }

    /// An account gets its own invitation, unless only the invitation to channels has the company's wording.
    #[test]
    fn account_gets_the_invitation_that_the_company_has_worded() {
        use crate::decide::numbers::pool::testing::{account, unit};
        use crate::decide::testing::{user_created, who};
        let (channel, own) = (MailKind::ChannelInvitation, MailKind::AccountInvitation);
        let worded = |kind| {
            let Event::TemplateSet { language, subject, text, html, .. } = set("en", "x") else {
                panic!()
            };
            Event::TemplateSet { kind, language, subject, text, html }
        };
        let kind = |key: &str, more: Vec<Event>| {
            let people = account("ann", "EMEA").into_iter().chain([user_created("bob")]);
            let events = [unit("EMEA", None)].into_iter().chain(people).chain(more);
            let company = given(events).0;
            let (id, user) = company.users.find(key).unwrap();
            company.mailed_invitation_kind(id, user)
        };
        assert_eq!((kind("ann", vec![]), kind("bob", vec![])), (own, channel));
        assert_eq!(kind("ann", vec![worded(channel)]), channel);
        assert_eq!(kind("ann", vec![worded(own)]), own);
        assert_eq!(kind("ann", vec![worded(channel), worded(own)]), own);
        let (user, invitation) = (who("ann"), None);
        let linked = Event::UserLinked { user, channel: Channel::Whatsapp, invitation };
        assert_eq!(kind("ann", vec![linked]), channel);
    }
}
