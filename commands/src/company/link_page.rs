//! What the page of a mailed link shows.

use super::state::Company;
use crate::event::Channel;
use crate::template::PersonNames;
use crate::values::{Code, InvitationId, Phone, Time, UserKey};

/// What the page of a working link shows to the invited person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPage {
    pub user: UserKey,
    pub first_name: String,
    pub company_name: String,
    pub channel: Channel,
    /// The phone that is linked, with its last three digits only; empty if there is none.
    pub masked_phone: String,
    pub expires_at: Option<Time>,
    /// The address that the QR code opens, before the activation code is appended. None: the code holds only that.
    pub activation_url: Option<String>,
    /// The language of the mail with the link, a BCP 47 tag.
    pub language: String,
    /// Whether the link activates an account, as opposed to linking a channel.
    pub activates: bool,
    /// Whether the page was opened before.
    pub clicked: bool,
    /// Whether the person has an account without a number, and may choose one.
    pub chooses_number: bool,
    /// The numbers that the person may choose, in order. Empty unless `chooses_number`.
    pub numbers: Vec<Phone>,
}

impl Company {
    /// What the page of a generation of an invitation shows, with at most so many numbers to choose from.
    ///
    /// # Errors
    /// The `invitation.*` code that says why the link does not work.
    pub fn link_page(
        &self,
        invitation: InvitationId,
        generation: u32,
        now: Time,
        numbers_max: usize,
    ) -> Result<LinkPage, Code> {
        let live = self.live_link(invitation, generation, now)?;
        let (id, user) = (live.id, live.user);
        let person = user.person();
        let (first, last) = (person.first_name.unwrap_or_default(), person.last_name);
        // As in the mail: a name that holds a link is not shown.
        let names = PersonNames::of(&first, &last.unwrap_or_default());
        let own = self.numbers.of(id);
        let chooses_number = self.numbers.is_account(id) && own.is_none();
        let phone = self.corporate_phone(id).or(own);
        let kind = self.mailed_invitation_kind(id, user);
        let wording = self.wording(kind, user.attribute("language"));
        let available = self.numbers.available(user.org_unit.as_deref());
        let shown = if chooses_number { numbers_max } else { 0 };
        Ok(LinkPage {
            user: user.key(),
            first_name: names.first,
            company_name: self.settings.company_name.clone().unwrap_or_default(),
            channel: live.channel,
            masked_phone: phone.map(|phone| phone.masked()).unwrap_or_default(),
            expires_at: live.invitation.expires_at,
            activation_url: self.settings.activation_url.clone(),
            language: wording.map(|wording| wording.language).unwrap_or_default(),
            activates: self.is_to_activate(id, user),
            clicked: live.invitation.clicked,
            chooses_number,
            numbers: available.take(shown).collect(),
        })
    }
}
