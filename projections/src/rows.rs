//! Rows: bytes by table, company and key. Projections write them, queries read them.

mod memory;

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;

use boarding_commands::values::CompanyId;

pub use memory::MemoryRows;

macro_rules! tables {
    ($($variant:ident $id:literal $name:literal)*) => {
        /// A table of rows. Stored keys contain the number of the table. Never reuse the number of
        /// a removed table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table { $($variant = $id),* }

        impl Table {
            /// Every table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The number at the start of stored keys.
            pub fn id(self) -> u8 {
                match self { $(Self::$variant => $id),* }
            }

            /// The name in messages and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

tables! {
    Lock 1 "lock"
    Runs 2 "runs"
    RunOrder 3 "run_order"
    IntegrationLog 4 "integration_log"
    Imports 5 "imports"
    ImportOrder 6 "import_order"
    ImportRows 7 "import_rows"
    PhoneList 8 "phone_list"
    Users 9 "users"
    Invitations 10 "invitations"
    OrgUnits 11 "org_units"
    Roles 12 "roles"
    Config 13 "config"
    Templates 14 "templates"
    HistoryCommits 15 "history_commits"
    HistoryPeople 16 "history_people"
    Numbers 17 "numbers"
    NumberOwners 18 "number_owners"
    Accounts 19 "accounts"
    Milestones 20 "milestones"
    UndoneRows 24 "undone_rows"
    Pictures 30 "pictures"
    PictureOrder 31 "picture_order"
    UserPictures 32 "user_pictures"
    Notifications 40 "notifications"
    NotificationOrder 41 "notification_order"
    PermissionGroups 42 "permission_groups"
    Permissions 50 "permissions"
    NatsUsers 51 "nats_users"
    Tokens 52 "tokens"
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A visitor of rows. Gets the key and the bytes of each row, and may end the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Takes the changed rows of a batch: table, company, key, and the new bytes; none removes the row.
pub type TakeRow<'a> = dyn FnMut(Table, &CompanyId, &[u8], Option<Vec<u8>>) + 'a;

/// Rows to read: a snapshot, or live rows that may change between two reads.
pub trait Rows {
    /// The bytes of one row.
    ///
    /// # Errors
    /// [`RowsError::Store`] when the store cannot be read.
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError>;

    /// Visits the company's rows in key order: each key begins with `prefix` and is not below
    /// `from`.
    ///
    /// The scan ends when the visitor breaks. `from` may be empty.
    ///
    /// # Errors
    /// [`RowsError::Store`] when the store cannot be read.
    fn scan(
        &self,
        table: Table,
        company: &CompanyId,
        prefix: &[u8],
        from: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), RowsError>;
}

/// Rows to write. `get` also returns rows that an earlier `put` wrote.
pub trait RowsMut {
    /// The bytes of one row.
    ///
    /// # Errors
    /// [`RowsError::Store`] when the store cannot be read.
    fn get(
        &self,
        table: Table,
        company: &CompanyId,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, RowsError>;

    /// Writes a row and replaces the row of the same key.
    fn put(&mut self, table: Table, company: &CompanyId, key: Vec<u8>, row: Vec<u8>);

    /// Deletes a row. Does nothing if there is no such row.
    fn delete(&mut self, table: Table, company: &CompanyId, key: Vec<u8>);
}

/// The cause of a [`RowsError`].
pub type Cause = Box<dyn Error + Send + Sync>;

/// Rows could not be read or written.
#[derive(Debug)]
pub enum RowsError {
    /// The store cannot be read.
    Store { table: Table, cause: Cause },
    /// The stored bytes are damaged or from another version. A rebuild of the table repairs them.
    Undecodable { table: Table, cause: Cause },
    /// A row cannot be encoded.
    Unencodable { table: Table, cause: Cause },
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { table, .. } => write!(f, "read rows of {table}"),
            Self::Undecodable { table, .. } => write!(f, "decode a row of {table}"),
            Self::Unencodable { table, .. } => write!(f, "encode a row of {table}"),
        }
    }
}

impl Error for RowsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store { cause, .. }
            | Self::Undecodable { cause, .. }
            | Self::Unencodable { cause, .. } => Some(cause.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_own_number_and_name() {
        let mut ids: Vec<_> = Table::ALL.iter().map(|table| table.id()).collect();
        let mut names: Vec<_> = Table::ALL.iter().map(|table| table.name()).collect();
        ids.sort_unstable();
        ids.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((ids.len(), names.len()), (Table::ALL.len(), Table::ALL.len()));
    }

    #[test]
    fn error_names_its_table_and_not_its_cause() {
        let error = RowsError::Undecodable { table: Table::Users, cause: "odd bytes".into() };
        assert_eq!(error.to_string(), "decode a row of users");
        assert_eq!(error.source().unwrap().to_string(), "odd bytes");
    }
}
