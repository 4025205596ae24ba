//! The demo's company and its people: two files, numbers mended, some linked and some gone.

use boarding_commands::values::{Code, Refusal};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::import;
use crate::cli::imports::rows_by_phone;
use crate::cli::list::{number, text};
use crate::cli::session::Session;

/// The commands that define the sample company.
const COMPANY: &str = include_str!("../../../../../fixtures/company/acme.json");

/// A file of the demo.
#[derive(Debug)]
pub(super) struct Sample {
    name: &'static str,
    content: &'static [u8],
}

pub(super) const FIRST: Sample = Sample {
    name: "demo-1.csv",
    content: include_bytes!("../../../../../fixtures/leapxpert/demo-1.csv"),
};
pub(super) const SECOND: Sample = Sample {
    name: "demo-2.csv",
    content: include_bytes!("../../../../../fixtures/leapxpert/demo-2.csv"),
};

/// What the company raises its limit to, in people a run: the first file has 400, the default is 100.
const LIMIT: u64 = 500;
/// Numbers that nobody in the files has.
const NUMBERS: [&str; 2] = ["+84 923 448 071", "+84 923 448 072"];
/// How many of those who are in both files have linked already, and how many have left.
const LINKED: usize = 3;
const ARCHIVED: usize = 2;

pub(super) async fn define_company(session: &Session<'_>) -> Result<(), Failure> {
    let commands: Vec<Value> = serde_json::from_str(COMPANY)
        .map_err(|error| Failure::Unavailable(format!("read the sample company: {error}")))?;
    for command in &commands {
        let body = command.get("body").cloned().unwrap_or_default();
        session.submit_anew(text(command, "command"), body).await?;
    }
    let count = |name: &str| commands.iter().filter(|one| text(one, "command") == name).count();
    let out = session.out;
    out.say(&format!(
        "{}: {} org units, {} roles, WhatsApp and iMessage enabled",
        session.company,
        count("DefineOrgUnit"),
        count("DefineRole")
    ));
    let body = json!({"bulk_integration_max_records": LIMIT});
    session.submit_anew("SetCompanyConfig", body).await?;
    out.say(&format!("a run may have {LIMIT} people now, instead of 100"));
    Ok(())
}

/// Imports a file and shows what became of it; its row.
pub(super) async fn import(session: &Session<'_>, sample: &Sample) -> Result<Value, Failure> {
    let keep = || session.engine.keep_file(sample.name, sample.content);
    let file = tokio::task::block_in_place(keep)?;
    let body = json!({
        "dialect": "leapxpert",
        "files": [{"name": file.name, "sha256": file.sha256}],
        "add_to_corporate_phones": true,
    });
    let accepted = session.submit_anew("ImportFile", body).await?;
    let row = import::carry(session, &accepted).await?;
    if !session.out.is_json() {
        import::report(session, &row).await?;
    }
    Ok(row)
}

/// Mends some of the numbers that the import refused; the others will show what comes of it.
pub(super) async fn add_phones(session: &Session<'_>, import: &Value) -> Result<(), Failure> {
    let params = json!({"import": import.get("import")});
    let rows = rows_by_phone(session, params, "rejected").await?;
    for (phone, row) in NUMBERS.iter().zip(&rows) {
        let user = text(row, "key");
        session.submit_anew("AddCorporatePhone", json!({"phone": phone, "user": user})).await?;
        session.out.say(&format!("{phone} for {user}"));
    }
    let left = rows.len().saturating_sub(NUMBERS.len());
    session
        .out
        .say(&format!("{left} people stay without a number, to show what a run says of them"));
    Ok(())
}

/// Of those who are in both files, some are linked and some archived: the runs will skip and fail them.
pub(super) async fn link_and_archive(session: &Session<'_>, second: &Value) -> Result<(), Failure> {
    let params = json!({"import": second.get("import"), "outcome": "skipped"});
    let wanted = LINKED + ARCHIVED;
    session.settle().await?;
    let known = session.rows("import_rows", params, Some(wanted)).await?;
    if known.len() < wanted || number(second, "skipped") < wanted as u64 {
        return Err(Refusal::new(Code::UserNotFound)
            .saying("the sample files have changed")
            .into());
    }
    for (place, row) in known.iter().enumerate() {
        let user = text(row, "key");
        if place < LINKED {
            let body = json!({"user": user, "channel": "whatsapp"});
            session.submit_anew("LinkCompleted", body).await?;
            session.out.say(&format!("{user} is linked already"));
        } else {
            session.submit_anew("ArchiveUser", json!({"user": user})).await?;
            session.out.say(&format!("{user} has left and is archived"));
        }
    }
    Ok(())
}
