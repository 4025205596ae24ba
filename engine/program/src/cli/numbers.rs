//! `boarding numbers`: the pool that accounts take their numbers from (ML-06, ML-15 … ML-18).

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::{NUMBERS, SUGGESTIONS, UTILISATION};
use super::failure::{Done, Ending, Failure};
use super::import::open;
use super::list::{self, Limit, number, set};
use super::session::Session;

/// The number pool: whose each number is, where it stands, and how far the numbers are used
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding numbers --company acme
  boarding numbers list --org-unit EMEA --state available --company acme
  boarding numbers add '+1 212 555 0001' '+1 212 555 0002' --company acme
  boarding numbers add --file numbers.txt --org-unit EMEA --company acme
  boarding numbers allocate EMEA --quantity 20 --company acme
  boarding numbers reserve '+1 212 555 0010' --tag Board --company acme
  boarding numbers suggest --org-unit EMEA --company acme
  boarding numbers assign '+1 212 555 0002' jane@acme.example --company acme
  boarding numbers utilisation --company acme

Numbers belong to the company's own stock or to an organization. A number is available, or reserved under a
tag; assigned to an account that is invited; registered once that account is on board; and perhaps it cools
down for a while after that. Which number each account has: boarding numbers list --search jane@acme.example")]
pub(super) struct Numbers {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows the pool, in numerical order
    List(List),
    /// Puts numbers into the pool; those that are in it already stay as they are
    Add(Add),
    /// Keeps a number back for whoever knows the tag
    Reserve {
        /// The number, with its country code
        number: String,
        /// What it is kept back for
        #[arg(long, value_name = "TEXT")]
        tag: String,
    },
    /// Makes a reserved number available again
    Unreserve {
        /// The number, with its country code
        number: String,
    },
    /// Gives numbers of the organization above to an organization: all of them or none
    Allocate(Allocate),
    /// Gives unused numbers back to the organization above: all of them or none
    Withdraw {
        /// The numbers, with their country codes
        #[arg(required = true, value_name = "NUMBER")]
        numbers: Vec<String>,
    },
    /// Gives an account a number
    Assign {
        /// The number, with its country code
        number: String,
        /// The account: its address or its device
        user: String,
        /// What the number is reserved for, if it is
        #[arg(long, value_name = "TEXT")]
        tag: Option<String>,
    },
    /// Takes a number from its account
    Release {
        /// The number, with its country code
        number: String,
    },
    /// Shows a short list of available numbers to pick from
    Suggest {
        /// Of this organization, by its exact name [default: of the company's own stock]
        #[arg(long, value_name = "NAME")]
        org_unit: Option<String>,
        /// How many numbers at most
        #[arg(long, value_name = "NUMBERS", default_value_t = 5)]
        limit: usize,
    },
    /// Shows how many numbers each organization has, uses and has promised
    Utilisation {
        /// Only of this organization, by its exact name
        #[arg(long, value_name = "NAME")]
        org_unit: Option<String>,
    },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Part of a number, of its account or of its tag
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those of this organization, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// Only those in this state: available, reserved, assigned, registered, cooling
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
struct Add {
    /// The numbers, with their country codes
    #[arg(required_unless_present = "file", value_name = "NUMBER")]
    numbers: Vec<String>,
    /// Takes them from this file, one a line; - reads the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "numbers")]
    file: Option<PathBuf>,
    /// Whose they are, by its exact name [default: the company's own stock]
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
}

#[derive(Debug, Args)]
struct Allocate {
    /// The organization, by its exact name
    org_unit: String,
    /// These numbers
    #[arg(required_unless_present = "quantity", value_name = "NUMBER")]
    numbers: Vec<String>,
    /// So many, from the nearest owner first
    #[arg(long, value_name = "NUMBERS", conflicts_with = "numbers")]
    quantity: Option<u64>,
}

impl Numbers {
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)?;
        match &self.verb {
            Some(Verb::Add(Add { file: Some(file), .. })) => open(file).map(drop),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> Ending {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { search, org_unit, state, limit }) => {
                let params = json!({"search": search, "org_unit": org_unit, "state": state});
                list::show(session, "numbers", params, limit, NUMBERS).await
            }
            Verb::Suggest { org_unit, limit } => {
                let params = json!({"org_unit": org_unit});
                let limit = Limit { limit: Some(limit) };
                list::show(session, "number_suggestions", params, limit, SUGGESTIONS).await
            }
            Verb::Utilisation { org_unit } => {
                let params = json!({"org_unit": org_unit});
                list::show(session, "number_utilisation", params, Limit::default(), UTILISATION)
                    .await
            }
            verb => change(session, verb).await,
        }
    }
}

/// The verbs that change the pool.
async fn change(session: &Session<'_>, verb: Verb) -> Ending {
    let (command, body, done) = match verb {
        Verb::Add(add) => return add.run(session).await,
        Verb::Allocate(allocate) => return allocate.run(session).await,
        Verb::Withdraw { numbers } => {
            let told =
                |result: &Value| format!("{} numbers are withdrawn", number(result, "withdrawn"));
            return tell(session, "WithdrawNumbers", json!({"numbers": numbers}), told).await;
        }
        Verb::Reserve { number, tag } => {
            let done = format!("{number} is reserved for {tag}");
            ("ReserveNumber", json!({"number": number, "tag": tag}), done)
        }
        Verb::Unreserve { number } => {
            ("UnreserveNumber", json!({"number": number}), format!("{number} is available"))
        }
        Verb::Assign { number, user, tag } => {
            let done = format!("{number} is assigned to {user}");
            ("AssignNumber", json!({"number": number, "user": user, "tag": tag}), done)
        }
        Verb::Release { number } => {
            ("ReleaseNumber", json!({"number": number}), format!("{number} is nobody's any more"))
        }
        Verb::List(_) | Verb::Suggest { .. } | Verb::Utilisation { .. } => return Ok(Done::Well),
    };
    list::change(session, command, body, &done).await
}

impl Add {
    async fn run(self, session: &Session<'_>) -> Ending {
        let numbers = match &self.file {
            None => self.numbers,
            Some(file) => {
                let text = std::io::read_to_string(open(file)?)
                    .map_err(|error| Failure::Usage(format!("read {}: {error}", file.display())))?;
                let lines =
                    text.lines().map(|line| line.trim_matches(['\u{feff}', ' ', '\t', '\r']));
                lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
            }
        };
        let body = json!({"numbers": numbers, "org_unit": self.org_unit});
        tell(session, "AddNumbers", body, |result| {
            let [added, there] = ["added", "already_there"].map(|name| number(result, name));
            format!("{added} numbers added, {there} were there already")
        })
        .await
    }
}

impl Allocate {
    async fn run(self, session: &Session<'_>) -> Ending {
        let mut body = json!({"org_unit": self.org_unit});
        match self.quantity {
            Some(quantity) => set(&mut body, "quantity", quantity),
            None => set(&mut body, "numbers", self.numbers),
        }
        let org_unit = self.org_unit;
        tell(session, "AllocateNumbers", body, |result| {
            format!("{} numbers are {org_unit}'s now", number(result, "allocated"))
        })
        .await
    }
}

/// Asks a command and says what its result tells.
async fn tell(
    session: &Session<'_>,
    command: &str,
    body: Value,
    told: impl Fn(&Value) -> String,
) -> Ending {
    let accepted = session.submit(command, body).await?;
    session.settle().await?;
    list::show_accepted(session.out, &accepted, &told(&accepted.result));
    Ok(Done::Well)
}
