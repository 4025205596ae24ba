//! The small commands of the benches that send many of them.

use serde_json::{Value, json};

/// A small command on one person or on the company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SmallCommand {
    AddUser { user: String },
    AddPhone { user: String, phone: String },
    SetName { company_name: String },
}

impl SmallCommand {
    /// The command with this number of a client. It is about people from `first` on: each gets three commands.
    pub(super) fn numbered(first: usize, number: usize) -> Self {
        let person = first + number / 3;
        let user = format!("user{person}");
        match number % 3 {
            0 => Self::AddUser { user },
            1 => Self::AddPhone { user, phone: format!("+8491{person:07}") },
            _ => Self::SetName { company_name: format!("Bench {person}") },
        }
    }

    /// The name and the body of the command in the contract.
    pub(super) fn in_contract(&self) -> (&'static str, Value) {
        match self {
            Self::AddUser { user } => {
                let email = format!("{user}@bench.example");
                let body =
                    json!({"user": user, "first_name": "Ann", "last_name": "Lee", "email": email});
                ("AddUser", body)
            }
            Self::AddPhone { user, phone } => {
                ("AddCorporatePhone", json!({"user": user, "phone": phone}))
            }
            Self::SetName { company_name } => {
                ("SetCompanyConfig", json!({"company_name": company_name}))
            }
        }
    }
}
