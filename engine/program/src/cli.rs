//! The command line: one file per verb in `cli/`. Only `output.rs` prints.

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

mod accounts;
mod advice;
mod announcement;
mod audit;
mod backup;
mod bench;
mod columns;
mod command;
mod common;
mod completions;
mod config;
mod consent;
mod definition;
mod demo;
mod doctor;
mod due;
mod engine_url;
mod examples;
mod exit_counts;
mod failure;
mod fields;
mod folder_or_engine;
mod history;
mod http_client;
mod import;
mod imports;
mod input;
mod invitations;
mod known;
mod labels;
mod latest;
mod list;
mod log;
mod logs;
mod manual;
mod migration;
mod nats_config;
mod nats_options;
mod nats_users;
mod near_names;
mod notifications;
mod numbers;
mod opening;
mod org_units;
mod output;
mod permissions;
mod phones;
mod pictures;
mod place;
mod query;
mod repair;
mod reports;
mod restore;
mod retry;
mod roles;
mod run_report;
mod runs;
mod runs_ahead;
mod schema;
mod serve;
mod session;
mod since;
mod start;
mod template;
mod templates;
mod tokens;
mod unreached;
mod users;
mod watch;
mod why;
mod words;

use common::Common;
use failure::{CliResult, Failure};
use folder_or_engine::Typed;
use output::Out;
use session::Session;

/// Bulk user onboarding: import people, invite them to a channel, and see the result for each person.
#[derive(Debug, Parser)]
#[command(name = "boarding", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  boarding demo                                              shows all steps with sample people
  boarding config set channels.whatsapp true --company acme
  boarding import people.csv --company acme --dialect leapxpert --add-phones
  boarding runs start --company acme --channel whatsapp --import latest
  boarding log 01JD0000000000000000000000 --company acme --status failed
  boarding serve --nats nats://localhost:4222                serves other programs until it is stopped
  boarding users --company acme --url http://localhost:8080 --token @FILE

Exit status: 0 done · 1 refused · 2 wrong arguments · 3 the log is damaged · 4 a server or the log is unavailable
5 done, but rows were invalid or people failed · 130 interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Manual(manual::Manual),
    #[command(flatten)]
    OfCompany(Box<OfCompany>),
    Serve(serve::Serve),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Repair(repair::RepairLog),
    Move(Box<migration::Move>),
    Template(template::Template),
    Audit(audit::Audit),
    Doctor(doctor::Doctor),
    Schema(schema::Schema),
    NatsConfig(nats_config::NatsConfig),
    Bench(bench::Bench),
    Completions(completions::Completions),
}

/// The verbs that work on one company, of a data folder or of a running engine.
#[derive(Debug, Subcommand)]
enum OfCompany {
    Import(import::Import),
    Phones(phones::Phones),
    Pictures(pictures::Pictures),
    Users(users::Users),
    Roles(roles::Roles),
    OrgUnits(org_units::OrgUnits),
    PermissionGroups(org_units::PermissionGroups),
    Accounts(accounts::Accounts),
    Permissions(permissions::Permissions),
    NatsUsers(nats_users::NatsUsers),
    Tokens(tokens::Tokens),
    Templates(templates::Templates),
    Numbers(numbers::Numbers),
    Imports(imports::Imports),
    Reports(reports::Reports),
    Runs(runs::Runs),
    Log(log::Log),
    Notifications(notifications::Notifications),
    Invitations(invitations::Invitations),
    Config(config::Config),
    History(history::History),
    Why(why::Why),
    Command(command::Command),
    Query(query::Query),
}

/// Runs the command line of this process and returns its exit status.
pub fn main() -> ExitCode {
    let matches = examples::with_examples(Cli::command()).get_matches();
    let (reads, typed) = (only_reads(&matches), Typed::of(&matches));
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if !cli.verb.takes_url() || (!cli.verb.needs_place() && !typed.has_url()) {
        cli.common.url = None;
    }
    let chosen =
        folder_or_engine::choose(&mut cli.common, &typed).and_then(|()| cli.verb.check(&typed));
    let out =
        Out::new(cli.common.json, cli.common.quiet, cli.common.wide).with_place(cli.common.place());
    logs::to_stderr(matches!(cli.verb, Verb::Serve(_)), cli.common.quiet, cli.common.verbose);
    if let Err(failure) = chosen {
        return out.end(Err(failure));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::Unavailable(format!("cannot start the async runtime: {error}"));
            return out.end(Err(failure));
        }
    };
    let result = runtime.block_on(Box::pin(run(cli, reads, &out)));
    // A thread that still reads the terminal would block a normal shutdown.
    runtime.shutdown_background();
    out.end(result)
}

/// The verbs that only read, by their last word.
const READING: &[&str] = &[
    "list",
    "show",
    "rows",
    "progress",
    "failed-rows",
    "queue",
    "get",
    "preview",
    "suggest",
    "utilisation",
    "phones",
    "users",
    "roles",
    "org-units",
    "permission-groups",
    "numbers",
    "imports",
    "reports",
    "runs",
    "log",
    "notifications",
    "invitations",
    "config",
    "history",
    "why",
    "query",
    "permissions",
    "nats-users",
    "tokens",
    "templates",
    "accounts",
];

/// Whether the verb only reads, so that it creates no data folder.
fn only_reads(matches: &ArgMatches) -> bool {
    let mut last = None;
    let mut at = matches;
    while let Some((name, below)) = at.subcommand() {
        (last, at) = (Some(name), below);
    }
    last.is_some_and(|last| READING.contains(&last))
}

async fn run(cli: Cli, reads: bool, out: &Out) -> CliResult {
    let Cli { common, verb } = cli;
    match verb {
        Verb::Demo(verb) => Box::pin(verb.run(&common, out)).await,
        Verb::Manual(verb) => verb.run(out),
        Verb::Serve(verb) => verb.run(&common, out).await,
        Verb::Backup(verb) => verb.run(&common, out).await,
        Verb::Restore(verb) => verb.run(&common, out).await,
        Verb::Repair(verb) => verb.run(&common, out).await,
        Verb::Move(verb) => verb.run(&common, out).await,
        Verb::Template(verb) => verb.run(&common, out).await,
        Verb::Audit(verb) => verb.run(&common, out).await,
        Verb::Doctor(verb) => verb.run(&common, out).await,
        Verb::Schema(verb) => verb.run(out),
        Verb::NatsConfig(verb) => verb.run(&common, out),
        Verb::Bench(verb) => verb.run(&common, out).await,
        Verb::Completions(verb) => verb.run(out, Cli::command()),
        Verb::OfCompany(verb) => {
            verb.check()?;
            if matches!(&*verb, OfCompany::Query(query) if !query.has_name()) {
                return query::Query::list(out);
            }
            if common.given_url().is_none() {
                if let OfCompany::Config(config) = &*verb {
                    common.company()?;
                    if let Some(shown) = config.print_defaults(&common, out) {
                        return shown;
                    }
                }
                if reads {
                    common.check_data_exists()?;
                }
            }
            let session = match reads {
                true => Session::open_to_read(&common, out).await?,
                false => Session::open(&common, out).await?,
            };
            let result = session.run(verb.work(&session)).await;
            due::print(&session).await;
            session.end(result).await
        }
    }
}

impl Verb {
    /// Whether the verb works on a running engine too.
    fn takes_url(&self) -> bool {
        match self {
            Self::OfCompany(_) | Self::Template(_) => true,
            Self::Audit(verb) => verb.takes_url(),
            _ => false,
        }
    }

    /// Whether the verb works on a company, so that it needs a data folder or an engine.
    fn needs_place(&self) -> bool {
        match self {
            Self::OfCompany(verb) => {
                !matches!(&**verb, OfCompany::Query(query) if !query.has_name())
            }
            Self::Template(verb) => verb.needs_place(),
            _ => true,
        }
    }

    /// Refuses `--url` for a verb that needs a data folder.
    fn check(&self, typed: &Typed) -> Result<(), Failure> {
        match self {
            Self::Demo(_) => typed.check_folder_only("demo"),
            Self::Serve(_) => typed.check_folder_only("serve"),
            Self::Doctor(_) => typed.check_folder_only("doctor"),
            Self::Backup(_) => typed.check_folder_only("backup"),
            Self::Restore(_) => typed.check_folder_only("restore"),
            Self::Repair(_) => typed.check_folder_only("repair"),
            Self::Move(_) => typed.check_folder_only("move"),
            Self::Bench(_) => typed.check_folder_only("bench"),
            Self::NatsConfig(_) => typed.check_folder_only("nats-config"),
            Self::Audit(verb) if !verb.takes_url() => typed.check_folder_only("audit"),
            Self::Manual(_)
            | Self::OfCompany(_)
            | Self::Template(_)
            | Self::Audit(_)
            | Self::Schema(_)
            | Self::Completions(_) => Ok(()),
        }
    }
}

impl OfCompany {
    /// Checks the arguments before the data folder is opened.
    fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Import(verb) => verb.check(),
            Self::Runs(verb) => verb.check(),
            Self::Config(verb) => verb.check(),
            Self::Command(verb) => verb.check(),
            Self::Query(verb) => verb.check(),
            Self::Phones(verb) => verb.check(),
            Self::Pictures(verb) => verb.check(),
            Self::Users(verb) => verb.check(),
            Self::Roles(verb) => verb.check(),
            Self::OrgUnits(verb) => verb.check(),
            Self::PermissionGroups(verb) => verb.check(),
            Self::Accounts(verb) => verb.check(),
            Self::Permissions(verb) => verb.check(),
            Self::NatsUsers(verb) => verb.check(),
            Self::Tokens(verb) => verb.check(),
            Self::Templates(verb) => verb.check(),
            Self::Numbers(verb) => verb.check(),
            Self::Reports(verb) => verb.check(),
            Self::Invitations(verb) => verb.check(),
            Self::Imports(verb) => verb.check(),
            Self::Notifications(verb) => verb.check(),
            Self::Log(_) | Self::History(_) | Self::Why(_) => Ok(()),
        }
    }

    async fn work(self, session: &Session<'_>) -> CliResult {
        match self {
            Self::Import(verb) => verb.run(session).await,
            Self::Phones(verb) => verb.run(session).await,
            Self::Pictures(verb) => verb.run(session).await,
            Self::Users(verb) => verb.run(session).await,
            Self::Roles(verb) => verb.run(session).await,
            Self::OrgUnits(verb) => verb.run(session).await,
            Self::PermissionGroups(verb) => verb.run(session).await,
            Self::Accounts(verb) => verb.run(session).await,
            Self::Permissions(verb) => verb.run(session).await,
            Self::NatsUsers(verb) => verb.run(session).await,
            Self::Tokens(verb) => verb.run(session).await,
            Self::Templates(verb) => verb.run(session).await,
            Self::Numbers(verb) => verb.run(session).await,
            Self::Reports(verb) => verb.run(session).await,
            Self::Invitations(verb) => verb.run(session).await,
            Self::Imports(verb) => verb.run(session).await,
            Self::Runs(verb) => verb.run(session).await,
            Self::Log(verb) => verb.run(session).await,
            Self::Notifications(verb) => verb.run(session).await,
            Self::Config(verb) => verb.run(session).await,
            Self::History(verb) => verb.run(session).await,
            Self::Why(verb) => verb.run(session).await,
            Self::Command(verb) => verb.run(session).await,
            Self::Query(verb) => verb.run(session).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// An option of a verb with the id of a common option would get that option's value.
    #[test]
    fn no_argument_has_the_id_of_a_common_option() {
        fn check(command: &clap::Command, common: &[String]) {
            for verb in command.get_subcommands() {
                let clash =
                    verb.get_arguments().find(|one| common.iter().any(|id| id == one.get_id()));
                assert!(clash.is_none(), "{}: {clash:?}", verb.get_name());
                check(verb, common);
            }
        }
        let program = Cli::command();
        let common: Vec<_> = program
            .get_arguments()
            .filter(|one| one.is_global_set())
            .map(|one| one.get_id().to_string())
            .collect();
        assert!(common.len() > 5);
        check(&program, &common);
    }

    #[test]
    fn every_argument_says_what_it_is() {
        fn silent(command: &clap::Command, words: &str) -> Vec<String> {
            let below = command.get_subcommands();
            let below =
                below.flat_map(|verb| silent(verb, &format!("{words} {}", verb.get_name())));
            let own = command.get_arguments().filter(|one| one.get_help().is_none());
            own.map(|one| format!("{words}: {}", one.get_id())).chain(below).collect()
        }
        assert_eq!(silent(&Cli::command(), "boarding"), Vec::<String>::new());
    }

    #[test]
    fn every_added_example_is_in_its_help() {
        let program = examples::with_examples(Cli::command());
        let is_used = |(words, example): &&(&str, &str)| {
            let verb = words.split(' ').try_fold(&program, |verb, word| verb.find_subcommand(word));
            let help = verb.and_then(|verb| verb.get_after_help()).map(ToString::to_string);
            let help = help.map(|help| help.replace(" \\\n      ", " "));
            help.is_some_and(|help| help.contains(&format!("Example:\n  boarding {example}")))
        };
        let unused: Vec<_> = examples::EXAMPLES.iter().filter(|one| !is_used(one)).collect();
        assert!(unused.is_empty(), "remove these, or the verbs' own examples: {unused:?}");
    }

    #[test]
    fn every_verb_has_help_with_examples() {
        fn check(command: &clap::Command, words: &str) {
            for verb in command.get_subcommands() {
                let words = format!("{words} {}", verb.get_name());
                assert!(verb.get_about().is_some(), "{words} has no about");
                let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains(&words), "the help of {words} has no example of it");
                check(verb, &words);
            }
        }
        check(&examples::with_examples(Cli::command()), "boarding");
    }

    /// A copied example is one command, also from a terminal of 80 columns.
    #[test]
    fn examples_fit_a_terminal_of_80_columns() {
        fn wide(command: &clap::Command) -> Vec<String> {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            // Words behind the command may be wrapped: they are no part of it.
            let width = |line: &str| {
                let text = line.trim_start();
                line.len() - text.len() + text.split("   ").next().map_or(0, str::len)
            };
            let is_wide = |line: &&str| line.starts_with("  ") && width(line) > 80;
            let own = help.lines().filter(is_wide).map(str::to_owned).collect::<Vec<_>>();
            own.into_iter().chain(command.get_subcommands().flat_map(wide)).collect()
        }
        let program = examples::with_examples(Cli::command());
        assert_eq!(wide(&program), Vec::<String>::new());
    }
}
