//! The text of `nats.conf`.
//!
//! The three texts beside this file are the parts of it. The part of a company is written for the company `acme`.

use boarding_commands::values::CompanyId;

use crate::names;

pub(super) const SERVER: &str = include_str!("server.conf");

/// The first setting of the server, below the comments about the file.
pub(super) const SERVER_BEGIN: &str = "server_name: boarding\n";

const ACCOUNTS: &str = include_str!("accounts.conf");
const COMPANY: &str = include_str!("company.conf");

/// The configuration for a server with users for these companies.
#[must_use]
pub fn nats_conf(companies: &[CompanyId]) -> String {
    let purge = |company: &CompanyId| {
        let bucket = names::files_bucket(company);
        format!("                    \"$JS.API.STREAM.PURGE.OBJ_{bucket}\"\n")
    };
    let purges: String = companies.iter().map(purge).collect();
    let mut text = [SERVER, &ACCOUNTS.replace("{purges}", &purges)].concat();
    for company in companies {
        // The environment has no names with a hyphen.
        let variable = company.as_str().to_uppercase().replace('-', "_");
        let variable = format!("BOARDING_NATS_{variable}_");
        let part = COMPANY.replace("acme", company.as_str());
        text.push_str(&part.replace("BOARDING_NATS_ACME_", &variable));
    }
    text.push_str("}\n");
    text
}

/// The environment variables with the passwords that the configuration needs, in its order.
#[must_use]
pub fn passwords(config: &str) -> Vec<&str> {
    config.lines().filter_map(|line| line.trim().strip_prefix("password: $")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_company_has_users_and_passwords_of_its_own() {
        let companies = ["acme", "acme-two"].map(|name| name.parse().unwrap());
        let config = nats_conf(&companies);
        let passwords = passwords(&config);
        assert_eq!(passwords.len(), 3 + 2 * 3);
        assert!(passwords.contains(&"BOARDING_NATS_ACME_TWO_AUDITOR_PASSWORD"));
        assert!(config.contains("user: \"acme-two-publisher\"\n"));
        assert!(config.contains("$O.BOARDING_FILES_acme-two.C.*"));
    }
}
