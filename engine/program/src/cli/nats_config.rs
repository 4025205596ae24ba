//! `boarding nats-config`: prints the configuration of a NATS server that keeps companies apart.

use boarding_commands::values::CompanyId;
use boarding_nats::server_config::{nats_conf, passwords};
use clap::Args;
use serde_json::json;

use super::common::Common;
use super::failure::{CliResult, Done, Failure};
use super::output::Out;

/// Prints the configuration of a NATS server: an account for each user, so that companies cannot reach each other
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding nats-config acme globex > nats.conf
  nats-server -c nats.conf                      the passwords come from the environment, see the file

With --json: the configuration, and the names of the environment variables with the passwords")]
pub(super) struct NatsConfig {
    /// The companies; each gets the users COMPANY-publisher, COMPANY-auditor and COMPANY-worker
    #[arg(value_name = "COMPANY")]
    companies: Vec<CompanyId>,
}

impl NatsConfig {
    pub(super) fn run(self, common: &Common, out: &Out) -> CliResult {
        let mut companies = self.companies;
        companies.extend(common.company.iter().filter_map(|company| company.0.clone()));
        let mut known = std::collections::BTreeSet::new();
        companies.retain(|company| known.insert(company.clone()));
        if companies.is_empty() {
            let text = "name at least one company: boarding nats-config acme globex > nats.conf";
            return Err(Failure::Usage(text.to_owned()));
        }
        let config = nats_conf(&companies);
        if out.is_json() {
            out.document(&json!({"config": config, "passwords": passwords(&config)}));
        } else {
            out.line(config.trim_end());
        }
        Ok(Done::Completely)
    }
}
