//! Verbs that read: on a running engine and then on its folder.

use super::same::{Marks, Printed};
use crate::support::paths::fixture;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

/// The actor of all commands on the folder, who also owns the token.
const OLGA: &str = "olga@local";

const VERBS: &[&str] = &[
    "users",
    "users list --search ann",
    "users list --count",
    "users list --org-unit Nowhere",
    "users show ann",
    "users show ann --json",
    "users show nobody",
    "users show nobody --json",
    "phones",
    "phones list --search +84 --json",
    "phones list --csv",
    "phones list --spreadsheet --limit 1",
    "pictures",
    "pictures list",
    "roles",
    "org-units",
    "permission-groups",
    "accounts",
    "permissions",
    "nats-users",
    "tokens",
    "templates",
    "templates show welcome",
    "templates show welcome --language de --json",
    "templates preview welcome",
    "templates show nothing",
    "numbers",
    "numbers utilisation",
    "imports",
    "imports show latest",
    "imports progress latest",
    "imports rows latest",
    "imports rows latest --outcome invalid --json",
    "imports rows latest --csv",
    "imports failed-rows latest",
    "imports show 01JD0000000000000000000000",
    "reports",
    "runs",
    "runs --json",
    "runs show latest",
    "runs queue",
    "log latest",
    "log latest --status failed --json",
    "log latest --csv",
    "log 01JD0000000000000000000000",
    "notifications",
    "invitations",
    "invitations list --state failed",
    "config",
    "config get link_base_url",
    "config get chanels",
    "history",
    "history --json",
    "history user:ann --wide",
    "history run:latest",
    "why --import latest --row 1",
    "why --run latest --user ann --json",
    "query users limit=2",
    "query users limit=0",
    "query usrs",
    "query phone_list format=csv",
    "query company_status",
    "template multiline --own",
    "users --as-of 20",
    "runs --as-of 2020-01-01T00:00:00Z",
    "config get channels --as-of 3 --json",
    "users add eve --as-of 3",
    "runs start --channel whatsapp --import latest --preview",
    "runs retry latest --preview --json",
    "import three.csv --dialect leapxpert --preview",
    "import three.csv --dialect leapxpert --preview --json",
    "import three.csv --dialect leapxpert --existing update --invite --channel whatsapp --preview",
    "import many.csv --dialect leapxpert --add-phones --preview",
    "import many.csv --dialect nothing --preview",
    "import missing.csv --dialect leapxpert --preview",
];

/// A company with people, an import with invalid rows, and a run.
fn history() -> Cli {
    let cli = Cli::with_three_people();
    std::fs::copy(fixture("leapxpert/people-1000-30-bad.csv"), cli.path().join("many.csv"))
        .unwrap();
    let bad = "username,first_name,last_name,email,phone_number\nann,Ann,Lee,ann@x.example,\ndan,,,nonsense,12\n";
    let bad = cli.file("bad.csv", bad);
    cli.run(&["import", &bad, "--dialect", "leapxpert", "--add-phones", "--existing", "update"]);
    cli.start(&["--user", "ann", "--user", "bob", "--user", "nobody"]);
    cli
}

/// Every verb that reads prints the same, byte for byte, apart from the place in suggested commands.
#[test]
fn reading_verbs_print_the_same_with_url() {
    let cli = history();
    let token = issue(&cli, OLGA);
    let engine = Engine::start(&cli, &[]);
    let words = |verb: &'static str| verb.split(' ').collect::<Vec<_>>();
    // The answer to a preview has a new id each time.
    let masked = |printed: Printed| printed.masked(&mut Marks::default());
    let remote: Vec<_> = VERBS
        .iter()
        .map(|verb| masked(Printed::of(&engine.run(&token, &words(verb)), &cli, &engine.url)))
        .collect();
    let url = engine.url.clone();
    engine.stop();
    for (verb, remote) in VERBS.iter().zip(remote) {
        let local = masked(Printed::of(&cli.run(&words(verb)), &cli, &url));
        assert_eq!(remote, local, "{verb}");
    }
}
