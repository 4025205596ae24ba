//! How events change users and their corporate phones.

use crate::company::{Company, UserId, UserState};
use crate::event::{Person, RowRef, UserEvent};
use crate::settings::ReferenceResolution;
use crate::values::{Phone, UserKey};

impl Company {
    pub(super) fn evolve_user(&mut self, event: UserEvent<'_>) {
        match event {
            UserEvent::UserCreated { user, person, org_unit, roles, active, row } => {
                let id = self.name(user, row.as_ref());
                if let Some(user) = self.users.get_mut(id) {
                    user.state = if *active { UserState::Active } else { UserState::Deactivated };
                }
                self.set_person(id, person);
                self.note_created(id, row.as_ref());
                self.place(id, org_unit.as_deref(), roles);
            }
            UserEvent::UserUpdated { user, person, org_unit, roles, row, .. } => {
                let id = self.name(user, row.as_ref());
                self.set_person(id, person);
                self.place(id, org_unit.as_deref(), roles);
            }
            UserEvent::UserActivated { user, row } => {
                self.move_user(user, row.as_ref(), UserState::Active);
            }
            UserEvent::UserDeactivated { user, row } => {
                let id = self.move_user(user, row.as_ref(), UserState::Deactivated);
                self.note_leaver(id, row.as_ref());
            }
            UserEvent::UserArchived { user } => {
                self.move_user(user, None, UserState::Archived);
            }
            UserEvent::UserRestored { user } => {
                self.move_user(user, None, UserState::Active);
                // Another person may have held the values meanwhile.
                let restored = self.users.find(user.as_str()).map(|(id, user)| (id, user.person()));
                if let Some((id, person)) = restored {
                    self.index_values(id, &person);
                }
            }
            UserEvent::RolesAssigned { user, roles } => self.change_roles(user, |held| {
                held.extend(roles.iter().map(|role| Box::from(role.as_str())));
            }),
            UserEvent::RolesRemoved { user, roles } => self.change_roles(user, |held| {
                held.retain(|role| !roles.iter().any(|removed| removed.as_str() == &**role));
            }),
            UserEvent::UserRemoved { user } => {
                let id = self.users.enter(user.as_str());
                self.set_person(id, &Person::default());
                self.numbers.close_account(id);
                self.pictures.remove(&id);
                self.portraits.remove(&id);
                if let Some(user) = self.users.get_mut(id) {
                    user.state = UserState::NotCreated;
                }
                self.place(id, None, &[]);
            }
            UserEvent::CorporatePhoneAdded { phone, user, import } => {
                self.list_phone(**phone, user);
                if import.is_none() {
                    self.by_hand.insert(**phone);
                }
            }
            UserEvent::CorporatePhoneRemoved { phone, .. } => {
                self.by_hand.remove(&**phone);
                let owner = self.phones.remove(&**phone).and_then(|id| self.users.get_mut(id));
                if let Some(user) = owner {
                    user.unlist(**phone);
                }
            }
        }
    }

    /// The person of this key; notes that the row named it, if a row did.
    pub(super) fn name(&mut self, key: &UserKey, row: Option<&RowRef>) -> UserId {
        let id = self.users.enter(key.as_str());
        let Some(row) = row else { return id };
        let Some(user) = self.users.get_mut(id) else { return id };
        let Some(import) = self.imports.get_mut(&row.import) else { return id };
        if import.row_of(id, user).is_some() {
            return id;
        }
        import.members.push(id);
        let before = std::mem::replace(
            &mut user.seen,
            (import.ordinal, u32::try_from(row.row).unwrap_or(u32::MAX)),
        );
        // An import in progress must still know that its file named the person before this import did.
        for open in &self.open_imports {
            if let Some(open) = self.imports.get_mut(open)
                && open.ordinal == before.0
            {
                open.named_since.insert(id, before.1);
            }
        }
        id
    }

    /// Notes a person that a row of an open import deactivated, and may archive in the same commit.
    fn note_leaver(&mut self, id: UserId, row: Option<&RowRef>) {
        let Some(import) = row.and_then(|row| self.imports.get_mut(&row.import)) else { return };
        if !import.completed {
            import.left.insert(id);
        }
    }

    /// Notes a person that a row created: the import may invite the person, and with strict references later rows must
    /// not refer to the person.
    fn note_created(&mut self, id: UserId, row: Option<&RowRef>) {
        let Some(import) = row.and_then(|row| self.imports.get_mut(&row.import)) else { return };
        if self.settings.reference_resolution == ReferenceResolution::Strict {
            import.created.insert(id);
        }
        // An earlier invalid row may have named the person, so this need not be the last member.
        if import.invites_created() {
            import.invitees.push(id);
        }
    }

    pub(super) fn move_user(
        &mut self,
        key: &UserKey,
        row: Option<&RowRef>,
        state: UserState,
    ) -> UserId {
        let id = self.name(key, row);
        if let Some(user) = self.users.get_mut(id) {
            user.state = state;
        }
        id
    }

    pub(super) fn place(&mut self, id: UserId, org_unit: Option<&str>, roles: &[String]) {
        let roles: Vec<Box<str>> = roles.iter().map(|role| role.as_str().into()).collect();
        self.users.set_org_unit(id, org_unit);
        self.users.set_roles(id, &roles);
    }

    pub(super) fn change_roles(&mut self, key: &UserKey, change: impl FnOnce(&mut Vec<Box<str>>)) {
        let id = self.users.enter(key.as_str());
        let mut roles = self.users.get(id).map(|user| user.roles.to_vec()).unwrap_or_default();
        change(&mut roles);
        self.users.set_roles(id, &roles);
    }

    pub(super) fn list_phone(&mut self, phone: Phone, key: &UserKey) {
        let id = self.users.enter(key.as_str());
        self.phones.insert(phone, id);
        if let Some(user) = self.users.get_mut(id) {
            user.list(phone);
        }
    }
}
