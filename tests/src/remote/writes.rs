//! Verbs that write: each on a data folder, and on a running engine with the same history.

use super::same::{Marks, Printed};
use crate::support::pictures::write_pictures;
use crate::support::program::Cli;
use crate::support::running_engine::{Engine, issue};

const OLGA: &str = "olga@local";

const PEOPLE: &str = "users add dave --first-name Dave --phone +84923448075
users add davee
users archive dave
users archive dave
users restore dave
users deactivate dave
users reactivate dave
users link dave --channel whatsapp
users unlink dave --channel whatsapp
users add dave
phones add +84923448076 dave
phones add 12 dave
phones --search dave
config set channels.imessage true mail_from acme
config set channels.imessage true mail_from onboarding@acme.example
config set channels.imessage true
config set chanels.imessage true
config unset channels.imessage
config add allowed_email_domains acme.example
config remove allowed_email_domains acme.example
config remove allowed_email_domains nothing.example
permissions grant ann administer bulk_import_users
permissions revoke ann administer
permissions revoke eve administer
permissions
nats-users bind portal ann
nats-users bind portal ann bob
nats-users unbind nobody
tokens issue --for portal --note Portal
tokens issue --for portal --json
tokens
roles define Advisor --permission bulk_integration
roles define Adviser2 --permission bulk_integration
org-units define EMEA
org-units define Sale --parent EMEA
org-units define Sales2 --role Advisor --json
org-units
permission-groups define Traders
templates show welcome
templates set welcome --language en --text w.txt --html w.html
templates set welcome --language en --text w.txt --html w.html
templates unset welcome
templates preview welcome
command AddUser {\"user\":\"zoe\"} --id 01JD0000000000000000000001
command AddUser {\"user\":\"zoe\"} --id 01JD0000000000000000000001
command AddUser {\"user\":\"zed\"} --id 01JD0000000000000000000001
command NoSuchCommand
command AddUser {\"usr\":1} --json
command Tick {}
history user:zoe --json --limit 0";

const FILES: &str = "import three.csv --dialect leapxpert --add-phones --existing update --preview
import three.csv --dialect leapxpert --add-phones --existing update
import bad.csv --dialect leapxpert --add-phones --json
import bad.csv --dialect leapxpert --plan-hash 00
import bad.csv --dialect leapxpert --on-error reject_file
import new.csv --dialect leapxpert --add-phones --invite --channel whatsapp --yes --id 01JD0000000000000000000002
import new.csv --dialect leapxpert --add-phones --invite --channel whatsapp --yes --id 01JD0000000000000000000002
imports show latest
imports rows latest
imports undo latest
imports undo latest --yes
imports rows latest --undo kept
runs start --channel whatsapp --user ann --user bob --preview
runs start --channel whatsapp --user ann --user bob
runs start --channel whatsapp --user ann --user bob --yes --id 01JD0000000000000000000003
runs start --channel whatsapp --user ann --user bob --yes --id 01JD0000000000000000000003
runs start --channel whatsapp --user cid --yes --json
runs start --channel whatsapp --user cid --not-before 2990-01-01T00:00:00Z --yes
runs withdraw latest
runs retry 01JD0000000000000000000003 --yes
runs resume
runs
log 01JD0000000000000000000003 --csv
why --run 01JD0000000000000000000003 --user ann
invitations
invitations resend --user ann --preview
invitations resend --user ann --yes
invitations revoke bob --channel whatsapp
notifications
notifications resend --state failed
notifications resend --state waiting --json
org-units define EMEA
permission-groups define Traders
numbers add +12125550001 +12125550002 --org-unit EMEA
numbers
numbers utilisation
numbers reserve +12125550001 --tag Board
numbers unreserve +12125550001
accounts add eve@acme.example --organization EMEA --permission-group Traders --first-name Eve --last-name Lee --channel whatsapp --invite
accounts add eve@acme.example --organization EMEA --permission-group Traders --first-name Eve --last-name Lee
import accounts.csv --dialect multiline --organization EMEA --permission-group Traders --preview
import accounts.csv --dialect multiline --organization EMEA --permission-group Traders
accounts
accounts edit eve@acme.example --permission-group Nobody
accounts edit eve@acme.example --last-name Low
numbers assign +12125550001 eve@acme.example
numbers release +12125550001
pictures Faces.zip
pictures --rows latest
pictures list
pictures show pia
pictures download pia --to pia.png --overwrite
pictures remove pia --yes
pictures remove pia --yes
reports";

/// A company with people and files to import.
fn company() -> Cli {
    let cli = Cli::with_three_people();
    let file = |name: &str, text: &str| drop(cli.file(name, text));
    let head = "username,first_name,last_name,email,phone_number\n";
    file("bad.csv", &format!("{head}ann,Ann,Lee,ann@x.example,\ndan,,,nonsense,12\n"));
    file("new.csv", &format!("{head}fay,Fay,Lee,fay@acme.example,+84923448079\n"));
    let head = "firstname,lastname,email address or device,social_messaging,multiline_number,monitor_calls,monitor_sms,forwarding_number,Language\n";
    file(
        "accounts.csv",
        &format!("{head}X,Y,x@acme.example,No,,auto,on,,English\nA,B,,No,,auto,on,,English\n"),
    );
    file("w.txt", "Subject: Welcome\n\nHello {first_name}\n");
    file("w.html", "<p>Hello {first_name}</p>");
    let pia = r#"{"user": "pia", "attributes": {"agent_id": "pia1"}}"#;
    cli.run(&["command", "AddUser", pia]).expect_status(0);
    write_pictures(&cli.path().join("Faces.zip"), "['pia1.png', 'nobody.png']", 1);
    let all =
        ["administer", "bulk_integrate_users", "bulk_import_users", "view_org_units", "accounts"];
    cli.run(&[&["permissions", "grant", OLGA], &all[..]].concat()).expect_status(0);
    cli
}

/// Runs the verbs one after the other on both, and compares what they print.
#[track_caller]
fn assert_same(verbs: &str) {
    let (local, other) = (company(), company());
    let (_, token) = (issue(&local, OLGA), issue(&other, OLGA));
    let engine = Engine::start(&other, &[]);
    let (mut of_local, mut of_remote) = (Marks::default(), Marks::default());
    for verb in verbs.lines() {
        let words: Vec<_> = verb.split(' ').map(|word| word.trim_matches('\'')).collect();
        let expected = Printed::of(&local.run(&words), &local, &engine.url);
        let found = Printed::of(&engine.run(&token, &words), &other, &engine.url);
        let (expected, found) = (expected.masked(&mut of_local), found.masked(&mut of_remote));
        assert_eq!(found, expected, "{verb}");
    }
}

#[test]
fn verbs_about_people_and_settings_print_the_same() {
    assert_same(PEOPLE);
}

#[test]
fn verbs_with_files_and_runs_print_the_same() {
    assert_same(FILES);
}
