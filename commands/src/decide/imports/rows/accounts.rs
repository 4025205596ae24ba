//! Rows of a file of accounts: the organization and the number of each account.

use std::borrow::Cow;

use boarding_csv::CellValue;

use super::changes::merged_value;
use super::{Rows, value};
use crate::company::{User, UserId};
use crate::decide::numbers::pool::{assigned, too_few, why_not};
use crate::dialect::PERMISSION_GROUP;
use crate::event::{Event, Who};
use crate::settings::Settings;
use crate::user_file::{ParsedRow, RowValues};
use crate::values::{Code, Personal, Problem};

/// What is wrong with the e-mail address of a person by the company's settings. `is_account` is for people of MultiLine.
pub(in crate::decide::imports) fn address_problem(
    settings: &Settings,
    email: &CellValue<String>,
    is_account: bool,
) -> Option<Code> {
    match email {
        CellValue::Value(email) => {
            (!settings.allows_domain_of(email)).then_some(Code::EmailDomainNotAllowed)
        }
        CellValue::Absent | CellValue::Blank => {
            (is_account && settings.smtp_offload).then_some(Code::FieldEmailRequiredSmtpOffload)
        }
    }
}

impl Rows<'_> {
    /// The row with the organization and permission group that the command names for all rows.
    pub(super) fn placed<'r>(&self, row: &'r ParsedRow) -> Cow<'r, ParsedRow> {
        let Some(placing) = self.placing else { return Cow::Borrowed(row) };
        let mut row = row.clone();
        row.values.org_unit = CellValue::Value(placing.organization.clone());
        let group = CellValue::Value(placing.permission_group.clone());
        row.values.attributes.insert(PERMISSION_GROUP.to_owned(), group);
        Cow::Owned(row)
    }

    /// Adds a problem for an e-mail address that the company's settings do not allow, or that they require, and for an
    /// address that another account has now.
    pub(super) fn check_address(&mut self, values: &RowValues, problems: &mut Vec<Problem>) {
        let is_account = self.placing.is_some() && values.user.is_some();
        let problem = address_problem(&self.company.settings, &values.email, is_account);
        problems.extend(problem.map(|code| self.in_column("email", code)));
        problems.extend(self.taken_address(values));
    }

    /// The problem if the row's new account has the address of another account, whose key is another one.
    fn taken_address(&self, values: &RowValues) -> Option<Problem> {
        let key = values.user.as_ref().filter(|_| self.placing.is_some())?;
        let company = self.company;
        if company.users.created(key.as_str()).is_some() {
            return None;
        }
        let (_, holder) = company.accounts_at(key.as_str()).next()?;
        let holder = holder.key();
        let problem = self.in_column("email", Code::FieldNotUnique);
        Some(problem.saying(&format!("{} has it", holder.as_str())))
    }

    /// The problem if a new account cannot have the number in its row: it is not in the pool, or not available.
    pub(super) fn number_problem(&self, values: &RowValues) -> Option<Problem> {
        let CellValue::Value(number) = values.number else { return None };
        let Some(owner) = self.company.numbers.get(number).map(|known| &known.owner) else {
            return Some(self.in_column("number", Code::NumberNotInPool));
        };
        if self.numbers.contains_key(&number) {
            let problem = self.in_column("number", Code::NumberNotAvailable);
            return Some(problem.saying("an earlier row of the file has it"));
        }
        let org_unit = value(&values.org_unit);
        let taken = self.numbers.values().filter(|from| *from == owner).count() as u64;
        let refusal = why_not(self.company, number, None, org_unit.as_deref(), None, taken)?;
        let problem = self.in_column("number", refusal.code);
        let state = refusal.details.get("state").and_then(serde_json::Value::as_str);
        Some(match state {
            Some(state) => problem.saying(state),
            None => problem,
        })
    }

    /// The problem if a user cannot move to the org unit of the row. A user with a number cannot move, because the number
    /// stays in its organization. A user who waits for a number needs an available one in the new organization.
    pub(super) fn move_problem(
        &mut self,
        id: UserId,
        user: &User,
        values: &RowValues,
    ) -> Option<Problem> {
        let numbers = &self.company.numbers;
        let unit = values.org_unit.as_ref().map(String::as_str);
        let new_unit = merged_value(user.org_unit.as_deref(), &unit, self.options.blank_means);
        if new_unit == user.org_unit.as_deref() {
            return None;
        }
        if let Some(number) = numbers.of(id) {
            let mut problem = self.in_column("org_unit", Code::NumberInUse);
            let (user, number) = (user.key(), number.masked());
            problem.message = format!(
                "{} has the number {number}, which stays in its organization; release it first.",
                user.as_str()
            );
            return Some(problem);
        }
        if !numbers.is_waiting(id) {
            return None;
        }
        let owner = numbers.owner(new_unit);
        let stock = numbers.stock(&owner);
        let overbooking = self.company.settings.number_overbooking;
        let moved = self.moved.get(&owner).copied().unwrap_or_default();
        if too_few(if overbooking { 1 } else { moved + 1 }, stock, overbooking).is_some() {
            return Some(self.in_column("org_unit", Code::NumberInsufficientInDestination));
        }
        self.moved.insert(owner, moved + 1);
        None
    }

    /// Opens the account of a user that the row created, with the number of the row.
    pub(super) fn open_account(&mut self, user: &Who, values: &RowValues) {
        let Some(placing) = self.placing else { return };
        let import = Some(self.id);
        self.events.push(Event::AccountOpened { user: user.clone(), import });
        if let CellValue::Value(number) = values.number {
            let owner = self.company.numbers.get(number).and_then(|known| known.owner.clone());
            self.numbers.insert(number, owner);
            let event =
                Event::NumberAssigned { number: Personal(number), user: user.clone(), import };
            self.events.extend(assigned(self.company, number, Some(&placing.organization), event));
        }
    }
}
