//! The phone of a row: it is listed or rejected, and the user's former phones leave the list.

use std::borrow::Cow;

use boarding_csv::CellValue;

use super::Rows;
use super::allotment::{former_phones, phone_mark};
use crate::company::{User, UserId};
use crate::event::{BlankMeans, Event, PhoneOutcome, RowRef};
use crate::user_file::RowValues;
use crate::values::{Code, Personal, Phone, Problem, UserKey};

/// How a row changes the list of corporate phones.
#[derive(Debug, Default)]
pub(super) struct PhoneChange {
    /// The phone to add, and the user who loses it.
    add: Option<(Phone, Option<UserKey>)>,
    /// The phones of the row's user that leave the list.
    former: Vec<Phone>,
    is_rejected: bool,
}

impl PhoneChange {
    /// The values of the row that are recorded. A rejected phone is not, so that record and list agree.
    pub(super) fn recorded<'v>(&self, values: &'v RowValues) -> Cow<'v, RowValues> {
        if self.is_rejected {
            Cow::Owned(RowValues { phone: CellValue::Absent, ..values.clone() })
        } else {
            Cow::Borrowed(values)
        }
    }
}

impl Rows<'_> {
    /// Sets the outcome of the row's phone. Returns what changes on the list of corporate phones.
    pub(super) fn phone_change(
        &self,
        values: &RowValues,
        user: Option<(UserId, &User)>,
        row: &mut RowRef,
    ) -> PhoneChange {
        if !self.options.add_to_corporate_phones || self.allotment.is_none() {
            return PhoneChange::default();
        }
        let listed = user.map(|(_, user)| user.listed()).unwrap_or_default();
        let former = |new| former_phones(self.company, listed, new).collect::<Vec<_>>();
        match values.phone {
            CellValue::Value(Ok(phone)) if listed.contains(&phone) => {
                row.phone = Some(PhoneOutcome::AlreadyPresent);
                PhoneChange { former: former(Some(phone)), ..PhoneChange::default() }
            }
            CellValue::Value(Ok(phone)) => match self.source_of(phone, row) {
                Ok(source) => {
                    row.phone = Some(PhoneOutcome::Added);
                    self.warn_of_phones_by_hand(listed, row);
                    let former = former(Some(phone));
                    PhoneChange { add: Some((phone, source)), former, is_rejected: false }
                }
                Err(problem) => {
                    row.reject_phone(problem);
                    PhoneChange { is_rejected: true, ..PhoneChange::default() }
                }
            },
            CellValue::Value(Err(code)) => {
                let column = self.in_column("mobile", code).column;
                let own = |warning: &Problem| warning.code == code && warning.column == column;
                let own = row.warnings.iter().position(own);
                let problem = own.map(|own| row.warnings.remove(own));
                row.reject_phone(problem.unwrap_or_else(|| Problem::new(code)));
                PhoneChange::default()
            }
            CellValue::Blank if self.options.blank_means == BlankMeans::Clear => {
                PhoneChange { former: former(None), ..PhoneChange::default() }
            }
            CellValue::Absent | CellValue::Blank => PhoneChange::default(),
        }
    }

    /// The user who loses the phone to the row; none if no user has it.
    ///
    /// # Errors
    /// The problem if another row or another user keeps the phone.
    fn source_of(&self, phone: Phone, row: &RowRef) -> Result<Option<UserKey>, Problem> {
        let taken = |by: &str| {
            Err(self.in_column("mobile", Code::PhoneAlreadyProvisioned).saying(&format!("by {by}")))
        };
        let Some(allotment) = self.allotment else { return Ok(None) };
        let mark = phone_mark(phone);
        if let Some(other) = allotment.contested_by(row.row, mark) {
            let problem = self.in_column("mobile", Code::PhoneAlreadyProvisioned);
            return Err(problem.worded(other.words("phone number")));
        }
        let holder = match self.phones.get(&phone) {
            Some(Some(key)) => return taken(key.as_str()),
            Some(None) => None,
            None => self.company.phones.get(&phone).copied(),
        };
        let Some((id, holder)) = holder.and_then(|id| Some((id, self.company.users.get(id)?)))
        else {
            return Ok(None);
        };
        let is_free = allotment.has_released(id, holder) || allotment.is_move(row.row, mark, id);
        if is_free { Ok(Some(holder.key())) } else { taken(holder.key().as_str()) }
    }

    /// Adds a warning if the user keeps phones that were added by hand.
    fn warn_of_phones_by_hand(&self, listed: &[Phone], row: &mut RowRef) {
        if listed.iter().any(|phone| self.company.by_hand.contains(phone)) {
            row.warnings.push(self.in_column("mobile", Code::PhoneKept));
        }
    }

    /// Changes the list: the former phones leave it, and the new phone is added.
    pub(super) fn change_phones(&mut self, change: PhoneChange, user: &Personal<UserKey>) {
        for phone in change.former {
            // An earlier row of the commit may have taken it.
            if !self.phones.contains_key(&phone) {
                self.remove_phone(phone, user.clone());
            }
        }
        if let Some((phone, source)) = change.add {
            if let Some(source) = source {
                self.remove_phone(phone, Personal(source));
            }
            self.phones.insert(phone, Some(user.0.clone()));
            let (user, import) = (user.clone(), Some(self.id));
            self.events.push(Event::CorporatePhoneAdded { phone: Personal(phone), user, import });
        }
    }

    fn remove_phone(&mut self, phone: Phone, user: Personal<UserKey>) {
        self.phones.insert(phone, None);
        self.events.push(Event::CorporatePhoneRemoved { phone: Personal(phone), user });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::ImportRows;
    use crate::decide::imports::import_file::testing::{accepted, import_id, row};
    use crate::decide::testing::{given, phone, user_created, who};
    use crate::event::Existing;

    /// The events of a row with this phone and these warnings, of Ann, who has two phones of an earlier import.
    fn events_of(
        phone_cell: CellValue<Result<Phone, Code>>,
        warnings: Vec<Problem>,
        blank: BlankMeans,
    ) -> Vec<Event> {
        let import = Some(import_id());
        let listed =
            |n| Event::CorporatePhoneAdded { phone: Personal(phone(n)), user: who("ann"), import };
        let mut file = accepted(1, true, Existing::Update);
        if let Event::ImportAccepted { options, .. } = &mut file {
            options.blank_means = blank;
        }
        let mut parsed = row(1, "ann");
        (parsed.values.phone, parsed.warnings) = (phone_cell, warnings);
        let company = given([user_created("ann"), listed(1), listed(2), file]);
        company.when(ImportRows::alone(import_id(), vec![parsed])).events()
    }

    fn removed(events: &[Event]) -> Vec<Phone> {
        let of = |event: &Event| match event {
            Event::CorporatePhoneRemoved { phone, .. } => Some(**phone),
            _ => None,
        };
        events.iter().filter_map(of).collect()
    }

    #[test]
    fn listed_phone_of_a_row_replaces_the_others() {
        let events = events_of(CellValue::Value(Ok(phone(1))), vec![], BlankMeans::Keep);
        assert_eq!(removed(&events), [phone(2)]);
    }

    #[test]
    fn blank_phone_removes_the_phones_if_blank_clears() {
        let events = events_of(CellValue::Blank, vec![], BlankMeans::Clear);
        assert_eq!(removed(&events), [phone(1), phone(2)]);
    }

    #[test]
    fn blank_phone_keeps_the_phones_if_blank_keeps() {
        assert_eq!(removed(&events_of(CellValue::Blank, vec![], BlankMeans::Keep)), []);
    }

    /// Its warning is that of the same code and column.
    #[test]
    fn reason_of_a_rejected_phone_is_the_last_warning() {
        let column = crate::dialect::find("leapxpert").unwrap().spelling("mobile");
        let code = Code::PhoneInvalid;
        let [own, other] = [column, "Email"].map(|column| Problem::in_column(column, code));
        let warnings = vec![other.clone(), own.clone(), Problem::new(Code::CsvStrayQuote)];
        let events = events_of(CellValue::Value(Err(code)), warnings, BlankMeans::Keep);
        let row = events.iter().find_map(Event::row).unwrap().1;
        assert_eq!(row.warnings, [other, Problem::new(Code::CsvStrayQuote), own]);
    }
}
