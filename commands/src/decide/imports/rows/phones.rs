//! What becomes of the phone of a row: listed for its person, or rejected with the reason.

use boarding_csv::CellValue;

use super::Rows;
use crate::event::{Event, PhoneOutcome, RowRef};
use crate::user_file::RowValues;
use crate::values::{Code, Personal, Phone, Problem, UserKey};

impl Rows<'_> {
    /// Sets the outcome of the row's phone. Returns the phone if it must be added to the corporate phones.
    pub(super) fn phone_to_add(
        &self,
        values: &RowValues,
        folded: &str,
        row: &mut RowRef,
    ) -> Option<Phone> {
        if !self.options.add_to_corporate_phones {
            return None;
        }
        let phone = match values.phone {
            CellValue::Value(Ok(phone)) => phone,
            CellValue::Value(Err(code)) => {
                let column = self.in_column("mobile", code).column;
                let own = |warning: &Problem| warning.code == code && warning.column == column;
                let own = row.warnings.iter().position(own);
                let problem = own.map(|own| row.warnings.remove(own));
                row.reject_phone(problem.unwrap_or_else(|| Problem::new(code)));
                return None;
            }
            CellValue::Absent | CellValue::Blank => return None,
        };
        let listed =
            self.company.phones.get(&phone).and_then(|owner| self.company.users.get(*owner));
        let owner =
            self.phones.get(&phone).cloned().or_else(|| listed.map(|owner| owner.key().folded()));
        let (outcome, to_add) = match owner {
            Some(owner) if owner == folded => (PhoneOutcome::AlreadyPresent, None),
            Some(_) => (PhoneOutcome::Rejected(Code::PhoneAlreadyProvisioned), None),
            None => (PhoneOutcome::Added, Some(phone)),
        };
        row.phone = Some(outcome);
        to_add
    }

    pub(super) fn add_phone(
        &mut self,
        phone: Option<Phone>,
        user: &Personal<UserKey>,
        folded: &str,
    ) {
        let Some(phone) = phone else { return };
        self.phones.insert(phone, folded.to_owned());
        let (user, import) = (user.clone(), Some(self.id));
        self.events.push(Event::CorporatePhoneAdded { phone: Personal(phone), user, import });
    }
}
