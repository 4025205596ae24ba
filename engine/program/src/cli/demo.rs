//! `boarding demo`: the whole main job with made-up people, told step by step, and proven at the end.

use std::path::{Path, PathBuf};

use boarding_commands::values::IdError;
use clap::Args;
use serde_json::{Value, json};

use super::common::Common;
use super::failure::{Done, Ending, Failure};
use super::output::Out;
use super::session::Session;

mod invite;
mod link;
mod people;
mod proof;

/// Shows the whole of it with made-up people: import, invitations, links, proof
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding demo
  boarding demo --data /tmp/demo

Nothing leaves this machine: mails are written as files into the demo's own folder. A second demo in
the same place goes into a new folder within it.")]
pub(super) struct Demo {}

/// Where the demo is unless told.
const DEFAULT_FOLDER: &str = "./boarding-demo";
const COMPANY: &str = "acme";

/// The most demos kept within one folder, in demos: more is a script that went wild.
const MAX_DEMOS: u32 = 1_000;

impl Demo {
    pub(super) async fn run(self, common: &Common, out: &Out) -> Ending {
        let asked = common.data.clone().unwrap_or_else(|| DEFAULT_FOLDER.into());
        let folder = fresh(&asked)?;
        if folder != asked {
            out.say(&format!(
                "{} has a demo already: this one goes into {}",
                asked.display(),
                folder.display()
            ));
        }
        let company =
            COMPANY.parse().map_err(|error: IdError| Failure::Usage(error.to_string()))?;
        let common = Common {
            company: Some(company),
            data: Some(folder.clone()),
            as_of: None,
            command_id: None,
            smtp: None,
            ..common.clone()
        };
        let session = Session::open_new(&common, out).await?;
        let outbox = common.outbox.clone().unwrap_or_else(|| folder.join("outbox"));
        let ending = session.run(tell(&session, &folder, &outbox)).await;
        session.close().await;
        ending
    }
}

/// The folder itself if nothing is in it, and else the next free one within it.
fn fresh(folder: &Path) -> Result<PathBuf, Failure> {
    let is_free = |path: &Path| match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !path.exists(),
    };
    let within = (2..=MAX_DEMOS).map(|n| folder.join(format!("demo-{n}")));
    std::iter::once(folder.to_owned()).chain(within).find(|path| is_free(path)).ok_or_else(|| {
        Failure::Unavailable(format!(
            "{} holds {MAX_DEMOS} demos already: remove it, or name another folder with --data",
            folder.display()
        ))
    })
}

async fn tell(session: &Session<'_>, folder: &Path, outbox: &Path) -> Ending {
    let out = session.out;
    let step = |title: &str| out.say(&format!("\n── {title}"));

    step("1. A company: org units, roles, settings");
    people::define_company(session).await?;
    step("2. A file of 400 people, some rows of which are bad");
    let first = people::import(session, &people::FIRST).await?;
    step("3. A second file: 50 people who are there already, and 100 new ones");
    let second = people::import(session, &people::SECOND).await?;
    step("4. Numbers that the import refused, added by hand");
    people::add_phones(session, &first).await?;
    step("5. Some people have linked WhatsApp already, and some have left");
    people::link_and_archive(session, &second).await?;
    step("6. How many would get a mail, before anything is sent");
    let plans = [invite::preview(session, &first).await?, invite::preview(session, &second).await?];
    step("7. Two runs at once: the second waits for the first");
    let runs = invite::start_both(session, plans).await?;
    step("8. The first run, and what became of everybody in it");
    let first_run = invite::see_through(session, &runs[0]).await?;
    step("9. The second run, which began by itself");
    let second_run = invite::see_through(session, &runs[1]).await?;
    step("10. People open their mails and link their accounts");
    link::follow_links(session, outbox, &runs[1]).await?;
    step("11. The corporate phone list, with what is linked now");
    link::show_phones(session).await?;
    step("12. Proof: the log, replayed into empty tables");
    let verified = proof::prove(session)?;
    let result = json!({
        "company": session.company,
        "data": folder,
        "outbox": outbox,
        "imports": [first, second],
        "runs": [first_run, second_run],
        "verified": verified,
    });
    end(out, folder, outbox, &result);
    Ok(Done::Well)
}

/// Says where everything is, and what to try next.
fn end(out: &Out, folder: &Path, outbox: &Path, result: &Value) {
    if out.is_json() {
        out.document(result);
        return;
    }
    let data = folder.display();
    out.say(&format!(
        "\nThe data is in {data}, the mails are in {}.\n\
         Look around:\n\
         \x20 boarding runs --company {COMPANY} --data {data}\n\
         \x20 boarding log latest --status failed --company {COMPANY} --data {data}\n\
         \x20 boarding phones --search +48 --company {COMPANY} --data {data}\n\
         \x20 boarding imports failed-rows latest --company {COMPANY} --data {data}\n\
         \x20 boarding history --limit 20 --company {COMPANY} --data {data}",
        outbox.display()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_demo_in_the_same_place_gets_a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("demo");
        assert_eq!(fresh(&asked).unwrap(), asked);
        std::fs::create_dir_all(asked.join("log")).unwrap();
        assert_eq!(fresh(&asked).unwrap(), asked.join("demo-2"));
        std::fs::create_dir_all(asked.join("demo-2/log")).unwrap();
        assert_eq!(fresh(&asked).unwrap(), asked.join("demo-3"));
    }
}
