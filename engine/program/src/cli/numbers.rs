//! `boarding numbers`: the pool of numbers for accounts.

mod shortage;

use std::path::PathBuf;

use boarding_commands::decide::numbers::pool::MAX_NUMBERS;
use boarding_commands::values::Phone;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::columns::{NUMBERS, SUGGESTIONS, UTILISATION};
use super::failure::{CliResult, Done, Failure};
use super::fields::{number, set};
use super::input;
use super::known::Known;
use super::list::{self, Limit};
use super::session::Session;
use super::words::counted;
use shortage::{kept_back, why_none};

/// The most numbers of a range, so that a mistyped end does not fill the pool.
const RANGE_MAX: u64 = 100_000;

/// The number pool: lists, adds, allocates, reserves and assigns numbers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding numbers --company acme
  boarding numbers list --org-unit EMEA --state available --company acme
  boarding numbers add '+1 212 555 0001' '+1 212 555 0002' --company acme
  boarding numbers add --from '+1 212 555 0001' --to '+1 212 555 0020' --company acme
  boarding numbers add --file numbers.txt --org-unit EMEA --company acme
  boarding numbers allocate EMEA --quantity 20 --company acme
  boarding numbers reserve '+1 212 555 0010' --tag Board --company acme
  boarding numbers suggest --user jane@acme.example --company acme
  boarding numbers assign '+1 212 555 0002' jane@acme.example --company acme
  boarding numbers utilisation --company acme

A number belongs to the company's stock or to an organization. It is available, reserved under a tag, assigned to
an invited account, or registered by an account that accepted its invitation. A released number may be cooling for
a time before it is available again. To find the number of an account:
boarding numbers list --search jane@acme.example")]
pub(super) struct Numbers {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the numbers of the pool, in numerical order
    List(List),
    /// Adds numbers to the pool; numbers that are in it already do not change
    Add(Add),
    /// Reserves a number: only an assignment with the same tag can use it
    Reserve {
        /// The number, with its country code
        number: String,
        /// The tag of the reservation
        #[arg(long, value_name = "TEXT")]
        tag: String,
    },
    /// Makes a reserved number available again
    Unreserve {
        /// The number, with its country code
        number: String,
    },
    /// Allocates numbers of a parent organization to an organization: all of them or none
    Allocate(Allocate),
    /// Returns unused numbers to the parent organization: all of them or none
    Withdraw {
        /// The numbers, with their country codes
        #[arg(required = true, value_name = "NUMBER")]
        numbers: Vec<String>,
    },
    /// Assigns a number to an account
    Assign {
        /// The number, with its country code
        number: String,
        /// The account: its email address or its device
        user: String,
        /// The tag of the number's reservation
        #[arg(long, value_name = "TEXT")]
        tag: Option<String>,
    },
    /// Releases a number from its account
    Release {
        /// The number, with its country code
        number: String,
    },
    /// Suggests available numbers, from which a person chooses one during activation
    Suggest {
        /// Numbers of this organization, by its exact name [default: of the company's stock]
        #[arg(long, value_name = "NAME")]
        org_unit: Option<String>,
        /// Numbers of this account's organization: those that the person may choose
        #[arg(long, value_name = "USER", conflicts_with = "org_unit")]
        user: Option<String>,
        /// The most suggestions to show
        #[arg(long, value_name = "NUMBERS", default_value_t = 5)]
        limit: usize,
    },
    /// Shows how many numbers each organization has, uses and needs
    Utilisation {
        /// Only this organization, by its exact name
        #[arg(long, value_name = "NAME")]
        org_unit: Option<String>,
    },
}

#[derive(Debug, Default, PartialEq, Args)]
struct List {
    /// Only numbers with this text in the number, its account or its tag
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only numbers of this organization, by its exact name
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
    /// Only numbers in this state: available, reserved, assigned, registered, cooling
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "boarding numbers add [OPTIONS] <NUMBER>...|--file <FILE>|--from <NUMBER> --to <NUMBER>"
)]
struct Add {
    /// The numbers, with their country codes
    #[arg(required_unless_present_any = ["file", "from"], value_name = "NUMBER")]
    numbers: Vec<String>,
    /// Reads the numbers from this file, one per line; - reads the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "numbers")]
    file: Option<PathBuf>,
    /// Adds all numbers of a range: the first of them
    #[arg(long, value_name = "NUMBER", requires = "to", conflicts_with_all = ["numbers", "file"])]
    from: Option<String>,
    /// The last number of the range
    #[arg(long, value_name = "NUMBER", requires = "from")]
    to: Option<String>,
    /// The organization that gets the numbers, by its exact name [default: the company's stock]
    #[arg(long, value_name = "NAME")]
    org_unit: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "boarding numbers allocate [OPTIONS] <ORG_UNIT> <NUMBER>...|--quantity <NUMBERS>"
)]
struct Allocate {
    /// The organization, by its exact name
    org_unit: String,
    /// The numbers
    #[arg(required_unless_present = "quantity", value_name = "NUMBER")]
    numbers: Vec<String>,
    /// Allocates this many numbers; those of the nearest parent organization come first
    #[arg(long, value_name = "NUMBERS", conflicts_with = "numbers")]
    quantity: Option<u64>,
}

impl Numbers {
    /// Checks the arguments before an engine is opened.
    pub(super) fn check(&self) -> Result<(), Failure> {
        list::check_place(self.verb.is_some(), &self.list)?;
        match &self.verb {
            Some(Verb::Add(Add { file: Some(file), .. })) => input::open(file).map(drop),
            _ => Ok(()),
        }
    }

    pub(super) async fn run(self, session: &Session<'_>) -> CliResult {
        match self.verb.unwrap_or(Verb::List(self.list)) {
            Verb::List(List { search, org_unit, state, limit }) => {
                Known::OrgUnit.remark(session, org_unit.as_deref()).await?;
                let params = json!({"search": search, "org_unit": org_unit, "state": state});
                list::show(session, "numbers", params, limit, NUMBERS).await
            }
            Verb::Suggest { org_unit, user, limit } => {
                Known::OrgUnit.remark(session, org_unit.as_deref()).await?;
                let org_unit = match user {
                    Some(user) => {
                        let account = session.row("account", json!({"user": user})).await?;
                        account.get("organization").cloned().unwrap_or_default()
                    }
                    None => json!(org_unit),
                };
                let params = json!({"org_unit": org_unit});
                let limit = Limit { limit: Some(limit) };
                let none = session.rows("number_suggestions", params.clone(), Some(1)).await?;
                if none.is_empty() && !session.out.is_json() {
                    session.out.note(&why_none(session, &org_unit).await?);
                    return Ok(Done::Completely);
                }
                list::show(session, "number_suggestions", params, limit, SUGGESTIONS).await
            }
            Verb::Utilisation { org_unit } => {
                Known::OrgUnit.remark(session, org_unit.as_deref()).await?;
                let params = json!({"org_unit": org_unit});
                list::show(session, "number_utilisation", params, Limit::default(), UTILISATION)
                    .await
            }
            verb => change(session, verb).await,
        }
    }
}

/// Runs a verb that changes the pool.
async fn change(session: &Session<'_>, verb: Verb) -> CliResult {
    let (command, body, done) = match verb {
        Verb::Add(add) => return add.run(session).await,
        Verb::Allocate(allocate) => return allocate.run(session).await,
        Verb::Withdraw { numbers } => {
            let text =
                |result: &Value| format!("{} withdrawn", numbers_of(number(result, "withdrawn")));
            let body = json!({"numbers": numbers});
            let done = submit_and_print(session, "WithdrawNumbers", body, text).await;
            return done.map_err(|failure| naming(failure, &numbers));
        }
        Verb::Reserve { number, tag } => {
            let done = format!("{number} is reserved for {tag}");
            let body = json!({"number": number, "tag": tag});
            return kept_back(session, "ReserveNumber", body, &done).await;
        }
        Verb::Unreserve { number } => {
            ("UnreserveNumber", json!({"number": number}), format!("{number} is available"))
        }
        Verb::Assign { number, user, tag } => {
            let done = format!("{number} is assigned to {user}");
            let body = json!({"number": number, "user": user, "tag": tag});
            return kept_back(session, "AssignNumber", body, &done).await;
        }
        Verb::Release { number } => {
            ("ReleaseNumber", json!({"number": number}), format!("{number} is released"))
        }
        // `run` has handled these verbs, which change nothing.
        Verb::List(_) | Verb::Suggest { .. } | Verb::Utilisation { .. } => {
            return Ok(Done::Completely);
        }
    };
    list::submit_and_print(session, command, body, &done).await
}

impl Add {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let numbers = match &self.file {
            None => self.numbers,
            Some(file) => {
                let text = std::io::read_to_string(input::open(file)?).map_err(|error| {
                    Failure::Usage(format!("cannot read {}: {error}", file.display()))
                })?;
                // Programs on Windows may begin a text with a byte order mark.
                let lines =
                    text.lines().map(|line| line.trim_matches(['\u{feff}', ' ', '\t', '\r']));
                lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
            }
        };
        let parts: Vec<(Value, &[String])> = match (&self.from, &self.to) {
            (Some(from), Some(to)) => ranges(from, to)
                .into_iter()
                .map(|(from, to)| (json!({"from": from, "to": to}), &[][..]))
                .collect(),
            _ => numbers.chunks(MAX_NUMBERS).map(|part| (json!({"numbers": part}), part)).collect(),
        };
        let (mut added, mut present, mut last) = (0, 0, None);
        for (mut body, given) in parts {
            set(&mut body, "org_unit", self.org_unit.clone());
            // The id of --id is that of the first part. Numbers of the parts before are in the pool already.
            let accepted = match last {
                None => session.submit("AddNumbers", body).await,
                Some(_) => session.submit_new("AddNumbers", body).await,
            };
            let accepted = accepted.map_err(|failure| naming(failure, given))?;
            added += number(&accepted.result, "added");
            present += number(&accepted.result, "already_there");
            last = Some(accepted);
        }
        let Some(mut accepted) = last else {
            return Err(Failure::Usage("the file has no numbers".to_owned()));
        };
        session.settle().await?;
        if let Some(result) = accepted.document.get_mut("result") {
            set(result, "added", added);
            set(result, "already_there", present);
        }
        let done = format!("{} added, {present} already in the pool", numbers_of(added));
        list::print_accepted(session.out, &accepted, &done);
        Ok(Done::Completely)
    }
}

/// A range in parts that one command each can add. A range that is not valid or too long stays whole: its refusal says
/// why.
fn ranges(from: &str, to: &str) -> Vec<(String, String)> {
    let whole = || vec![(from.to_owned(), to.to_owned())];
    let (Ok(first), Ok(last)) = (Phone::parse(from), Phone::parse(to)) else { return whole() };
    let (first, last) = (first.number(), last.number());
    let same_length = first.ilog10() == last.ilog10();
    if first > last || last - first >= RANGE_MAX || !same_length {
        return whole();
    }
    let text = |number: u64| Phone::of_number(number).map(|phone| phone.to_string());
    let starts = (first..=last).step_by(MAX_NUMBERS);
    let parts = starts.map(|start| {
        let end = last.min(start + MAX_NUMBERS as u64 - 1);
        Some((text(start)?, text(end)?))
    });
    parts.collect::<Option<_>>().unwrap_or_else(whole)
}

impl Allocate {
    async fn run(self, session: &Session<'_>) -> CliResult {
        let mut body = json!({"org_unit": self.org_unit});
        match self.quantity {
            Some(quantity) => set(&mut body, "quantity", quantity),
            None => set(&mut body, "numbers", self.numbers.as_slice()),
        }
        let org_unit = self.org_unit;
        let done = submit_and_print(session, "AllocateNumbers", body, |result| {
            format!("{} allocated to {org_unit}", numbers_of(number(result, "allocated")))
        });
        done.await.map_err(|failure| naming(failure, &self.numbers))
    }
}

/// Names the argument that a refusal is about: the engine says only its place in the list.
fn naming(failure: Failure, given: &[String]) -> Failure {
    let Failure::Refused { document, code, message } = failure else { return failure };
    let place = document.pointer("/details/place").and_then(Value::as_u64);
    let place = place.and_then(|place| usize::try_from(place).ok()?.checked_sub(1));
    let message = match place.and_then(|place| given.get(place)) {
        Some(argument) if message.contains("range") => {
            format!("{argument}: {message} To add a range: --from NUMBER --to NUMBER")
        }
        Some(argument) => format!("{argument}: {message}"),
        None => message,
    };
    Failure::Refused { document, code, message }
}

/// A count with its unit, such as `1 number`.
fn numbers_of(count: u64) -> String {
    counted(count, "number", "numbers")
}

/// Submits a command, waits until the engine has no more work from it, and prints a text about its result.
async fn submit_and_print(
    session: &Session<'_>,
    command: &str,
    body: Value,
    text: impl Fn(&Value) -> String,
) -> CliResult {
    let accepted = session.submit(command, body).await?;
    session.settle().await?;
    list::print_accepted(session.out, &accepted, &text(&accepted.result));
    Ok(Done::Completely)
}
