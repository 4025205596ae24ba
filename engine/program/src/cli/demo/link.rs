//! Some of the demo's people open the links in their mails, and the phone list shows it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::columns::PHONES;
use crate::cli::failure::Failure;
use crate::cli::fields::text;
use crate::cli::session::Session;

/// The number of people who open their link.
const LINKED_PEOPLE: usize = 8;
/// The number of phones that are shown for each link state.
const SHOWN: usize = 4;

/// Reads mails of the run in the outbox and opens their links.
pub(super) async fn follow_links(
    session: &Session<'_>,
    outbox: &Path,
    run: &str,
    own_page: Option<&str>,
) -> Result<(), Failure> {
    let folder = outbox.join(session.company.as_str()).join(run);
    let config = session.row("config", json!({})).await?;
    let base = own_page.unwrap_or_else(|| text(&config, "link_base_url")).to_owned();
    for path in mails(&folder)?.into_iter().take(LINKED_PEOPLE) {
        let mail = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let Some(token) = token_in(&mail, &base) else { continue };
        session.submit_new("LinkCompleted", json!({"token": token})).await?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        session.out.say(&format!("the link in mail {name} is opened"));
    }
    session.settle().await
}

/// The mails in a folder, by name.
fn mails(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Unavailable(format!("cannot read {}: {error}", path.display()))
}

/// The token after the base of a link. Soft line breaks of quoted-printable are removed first.
fn token_in(mail: &str, base: &str) -> Option<String> {
    let joined = mail.replace("=\r\n", "").replace("=\n", "");
    let (_, link) = joined.split_once(base)?;
    let is_token = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    Some(link.chars().take_while(is_token).collect())
}

/// Prints the number of phones in each link state, and some phones of each.
pub(super) async fn show_phones(session: &Session<'_>) -> Result<(), Failure> {
    let phones = session.rows("phone_list", json!({}), None).await?;
    let mut by_state: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for phone in &phones {
        let state = phone.pointer("/channels/whatsapp").and_then(Value::as_str);
        by_state.entry(state.unwrap_or_default()).or_default().push(phone);
    }
    if session.out.is_json() {
        return Ok(());
    }
    let counts: Vec<_> =
        by_state.iter().map(|(state, phones)| format!("{} {state}", phones.len())).collect();
    session.out.say(&format!("{} phones, on WhatsApp: {}", phones.len(), counts.join(", ")));
    let some = by_state.values().flat_map(|phones| phones.iter().take(SHOWN));
    let some: Vec<Value> = some.map(|phone| (*phone).clone()).collect();
    session.out.table(PHONES, &some);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_is_found_across_soft_line_breaks() {
        let mail =
            "open\r\n\r\nhttps://link.acme.exam=\r\nple/link/AaH8-4Z=\r\nRGR_a\r\n\r\nThe link";
        let token = token_in(mail, "https://link.acme.example/link/");
        assert_eq!(token.as_deref(), Some("AaH8-4ZRGR_a"));
        assert_eq!(token_in("nothing", "https://x/"), None);
    }
}
