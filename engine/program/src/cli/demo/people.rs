//! The demo's company and its people: two imports, added phones, linked and archived people.

use boarding_commands::values::{Code, Refusal};
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::fields::{number, text};
use crate::cli::import;
use crate::cli::session::Session;

/// The commands that define the sample company.
const COMPANY: &str = include_str!("../../../../../fixtures/company/acme.json");

/// A sample file.
#[derive(Debug)]
pub(super) struct SampleFile {
    name: &'static str,
    content: &'static [u8],
}

pub(super) const FIRST: SampleFile = SampleFile {
    name: "demo-1.csv",
    content: include_bytes!("../../../../../fixtures/leapxpert/demo-1.csv"),
};
pub(super) const SECOND: SampleFile = SampleFile {
    name: "demo-2.csv",
    content: include_bytes!("../../../../../fixtures/leapxpert/demo-2.csv"),
};

/// The limit of people per run that the demo sets: the first file has 400 people, and the default is 100.
const LIMIT: u64 = 500;
/// Phones that are not in the files.
const NUMBERS: [&str; 2] = ["+84 923 448 071", "+84 923 448 072"];
/// The number of people in both files who are linked already, and who are archived.
const LINKED: usize = 3;
const ARCHIVED: usize = 2;

/// With `own_page`, links lead to the page of the demo and not to a page of the company.
pub(super) async fn define_company(session: &Session<'_>, own_page: bool) -> Result<(), Failure> {
    let commands: Vec<Value> = serde_json::from_str(COMPANY)
        .map_err(|error| Failure::Unavailable(format!("read the sample company: {error}")))?;
    for command in &commands {
        let mut body = command.get("body").cloned().unwrap_or_default();
        if let Some(settings) = body.as_object_mut().filter(|_| own_page) {
            settings.remove("link_base_url");
        }
        session.submit_new(text(command, "command"), body).await?;
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
    session.submit_new("SetCompanyConfig", body).await?;
    out.say(&format!("the limit is {LIMIT} people per run, instead of 100"));
    Ok(())
}

/// Imports a file, prints the result and returns the row of the import.
pub(super) async fn import(session: &Session<'_>, sample: &SampleFile) -> Result<Value, Failure> {
    let file = session.keep_file(sample.name, Box::new(sample.content)).await?;
    let body = json!({
        "dialect": "leapxpert",
        "files": [file.body],
        "add_to_corporate_phones": true,
    });
    let accepted = session.submit_new("ImportFile", body).await?;
    let row = import::wait(session, &accepted).await?;
    if !session.out.is_json() {
        import::print_report(session, &row).await?;
    }
    Ok(row)
}

/// Adds phones for some people whose phone was rejected. The runs will fail for the others.
pub(super) async fn add_phones(session: &Session<'_>, import: &Value) -> Result<(), Failure> {
    let params = json!({"import": import.get("import"), "phone": "rejected"});
    let rows = session.rows("import_rows", params, None).await?;
    for (phone, row) in NUMBERS.iter().zip(&rows) {
        let user = text(row, "key");
        session.submit_new("AddCorporatePhone", json!({"phone": phone, "user": user})).await?;
        session.out.say(&format!("{phone} for {user}"));
    }
    let left = rows.len().saturating_sub(NUMBERS.len());
    session.out.say(&format!("{left} people stay without a phone, to show how a run reports them"));
    Ok(())
}

/// Links some of the people who are in both files and archives others. The runs will skip and fail them.
pub(super) async fn link_and_archive(session: &Session<'_>, second: &Value) -> Result<(), Failure> {
    let params = json!({"import": second.get("import"), "outcome": "skipped"});
    let needed = LINKED + ARCHIVED;
    session.settle().await?;
    let existing = session.rows("import_rows", params, Some(needed)).await?;
    if existing.len() < needed || number(second, "skipped") < needed as u64 {
        return Err(Refusal::new(Code::UserNotFound)
            .saying("the sample files have changed")
            .into());
    }
    for (index, row) in existing.iter().enumerate() {
        let user = text(row, "key");
        if index < LINKED {
            let body = json!({"user": user, "channel": "whatsapp"});
            session.submit_new("LinkCompleted", body).await?;
            session.out.say(&format!("{user} is linked to WhatsApp"));
        } else {
            session.submit_new("ArchiveUser", json!({"user": user})).await?;
            session.out.say(&format!("{user} is archived"));
        }
    }
    Ok(())
}
