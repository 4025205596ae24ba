//! Examples for the help of verbs below a verb, such as `phones add`.

use clap::Command;

/// The words of a verb below a verb, and its example.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("phones list", "phones list --search hudson --company acme"),
    ("phones add", "phones add +84923448071 janeuser115 --company acme"),
    ("phones remove", "phones remove +84923448071 --company acme"),
    ("users list", "users list --org-unit 'Fixed Income Desk' --company acme"),
    ("users show", "users show janeuser115 --company acme"),
    ("users add", "users add janeuser115 --email jane@acme.example --company acme"),
    ("users archive", "users archive janeuser115 --company acme"),
    ("users restore", "users restore janeuser115 --company acme"),
    ("users deactivate", "users deactivate janeuser115 --company acme"),
    ("users reactivate", "users reactivate janeuser115 --company acme"),
    ("roles list", "roles list --company acme"),
    ("roles define", "roles define 'Account Manager' --permission bulk_integration --company acme"),
    ("roles assign", "roles assign 'Team Lead' --user jane --user ann --company acme"),
    ("roles remove", "roles remove 'Team Lead' --org-unit Sales --company acme"),
    ("org-units list", "org-units list --company acme"),
    ("org-units define", "org-units define Sales --role 'Account Manager' --company acme"),
    ("permission-groups list", "permission-groups list --company acme"),
    ("permission-groups define", "permission-groups define Traders --company acme"),
    ("numbers list", "numbers list --search 212 --company acme"),
    ("numbers add", "numbers add '+1 212 555 0001' --org-unit EMEA --company acme"),
    ("numbers reserve", "numbers reserve '+1 212 555 0001' --tag VIP --company acme"),
    ("numbers unreserve", "numbers unreserve '+1 212 555 0001' --company acme"),
    ("numbers allocate", "numbers allocate EMEA --quantity 20 --company acme"),
    ("numbers withdraw", "numbers withdraw '+1 212 555 0001' --company acme"),
    ("numbers assign", "numbers assign '+1 212 555 0001' ann@acme.example --company acme"),
    ("numbers release", "numbers release '+1 212 555 0001' --company acme"),
    ("numbers suggest", "numbers suggest --company acme"),
    ("numbers utilisation", "numbers utilisation --company acme"),
    ("imports list", "imports list --company acme"),
    ("imports show", "imports show latest --company acme"),
    ("imports progress", "imports progress latest --company acme"),
    ("imports rows", "imports rows latest --outcome invalid --company acme"),
    ("imports link", "imports link latest --company acme"),
    ("imports failed-rows", "imports failed-rows latest -o failed.csv --company acme"),
    ("reports list", "reports list --company acme"),
    ("reports show", "reports show latest --company acme"),
    ("runs list", "runs list --state completed --company acme"),
    ("runs show", "runs show latest --company acme"),
    ("runs queue", "runs queue --company acme"),
    ("runs withdraw", "runs withdraw latest --company acme"),
    ("runs resume", "runs resume --company acme"),
    ("invitations list", "invitations list --state expired --company acme"),
    ("invitations resend", "invitations resend --channel whatsapp --filter expired --company acme"),
    ("invitations revoke", "invitations revoke jane --channel whatsapp --company acme"),
    ("invitations move", "invitations move jane@acme.example --to APAC --company acme"),
    ("config get", "config get bulk_integration_max_records --company acme"),
    ("config set", "config set bulk_integration_max_records 500 --company acme"),
    ("config add", "config add crm_names Salesforce Dynamics --company acme"),
    ("config remove", "config remove crm_names Dynamics --company acme"),
    ("config unset", "config unset bulk_integration_max_records --company acme"),
    ("notifications list", "notifications list --state failed --company acme"),
    ("bench log", "bench log"),
    ("bench run", "bench run"),
    ("bench import", "bench import"),
    ("bench open", "bench open --people 1000000 --add-phones"),
    ("bench companies", "bench companies --companies 1000 --people 100"),
    ("bench replay", "bench replay --people 200000"),
    ("bench query", "bench query --people 1000000"),
    ("bench serve", "bench serve --nats nats://localhost:4222"),
    ("bench smtp", "bench smtp --connections 32"),
    ("bench nats", "bench nats --nats nats://localhost:4222"),
];

/// Adds an example to the help of each verb that has none.
pub(super) fn with_examples(mut program: Command) -> Command {
    for (words, example) in EXAMPLES {
        let Some((verb, below)) = words.split_once(' ') else { continue };
        let is_below = |command: &Command| {
            let mut known = command.get_subcommands();
            known.any(|one| one.get_name() == below && !has_example(one, words))
        };
        if program.find_subcommand(verb).is_some_and(is_below) {
            let add = |one: Command| {
                let own = one.get_after_help().map(|own| format!("\n\n{own}")).unwrap_or_default();
                one.after_help(format!("Example:\n  boarding {example}{own}"))
            };
            program = program.mut_subcommand(verb, |verb| verb.mut_subcommand(below, add));
        }
    }
    folded(program)
}

/// The width of the narrowest usual terminal. A longer example would be cut into two commands when it is copied.
const WIDTH: usize = 80;

/// The program with examples that fit a terminal: long ones go on behind a backslash.
fn folded(program: Command) -> Command {
    let help = program.get_after_help().map(ToString::to_string);
    let program = match help {
        None => program,
        Some(help) => {
            let lines: Vec<String> = help.lines().map(folded_line).collect();
            program.after_help(lines.join("\n"))
        }
    };
    program.mut_subcommands(folded)
}

/// An example in lines of at most `WIDTH` characters, each but the last one with a backslash.
fn folded_line(line: &str) -> String {
    let (mut done, mut rest) = (String::new(), line.to_owned());
    let is_example = line.starts_with("  boarding ") || line.starts_with("      --");
    while is_example && rest.chars().count() > WIDTH {
        let head: String = rest.chars().take(WIDTH - 2).collect();
        let end = head
            .rfind(" --")
            .filter(|end| head.get(..*end).is_some_and(|text| !text.trim().is_empty()));
        let Some((first, option)) = end.and_then(|end| rest.split_at_checked(end)) else { break };
        done.push_str(&format!("{} \\\n", first.trim_end()));
        rest = format!("      {}", option.trim_start());
    }
    done + &rest
}

fn has_example(verb: &Command, words: &str) -> bool {
    verb.get_after_help()
        .is_some_and(|help| help.to_string().contains(&format!("boarding {words}")))
}
