//! The law of phones: the list, the record, the invitation and the mail of a person agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::held_transport::HeldTransport;
use super::{EngineHarness, import_body, ok};

const PEOPLE: [&str; 4] = ["ann", "bob", "cid", "dee"];
const PHONES: usize = 6;

/// A phone. The last digits tell which one it is, because a mail shows no others.
fn phone(n: usize) -> String {
    format!("+84912345{:03}", 100 + n % PHONES)
}

/// The phone that a mail shows: a mask and the last three digits.
fn shown(text: &str) -> String {
    let (_, rest) = text.split_once("****").unwrap_or_else(|| panic!("no phone in {text}"));
    let digits: String = rest.trim_start_matches('*').chars().take(3).collect();
    format!("+84912345{digits}")
}

/// What a mail to a person showed, and whether that was the phone on record.
#[derive(Debug, Clone)]
struct Mailed {
    phone: String,
    on_record: bool,
}

struct World {
    harness: EngineHarness,
    transport: Arc<HeldTransport>,
    /// The mails that were checked.
    read: usize,
    mailed: BTreeMap<String, Mailed>,
    imports: Vec<Value>,
    /// The phones that were ever added by hand: they stay beside the phone of a file.
    by_hand: BTreeSet<String>,
    /// The people whose phone on record a command took off the list, until a file gives them one again.
    exempt: BTreeSet<String>,
    /// The same without an end: an undo goes back to an earlier state.
    ever_exempt: BTreeSet<String>,
}

/// The state of the company as its queries show it.
#[derive(Debug)]
struct Shown {
    /// The phone on record of each person who is not archived.
    records: BTreeMap<String, Option<String>>,
    /// The listed phones of each person, in their order.
    listed: BTreeMap<String, Vec<String>>,
}

impl World {
    async fn new() -> Self {
        let transport = HeldTransport::new(false);
        transport.release_all();
        let harness = EngineHarness::acme(Some(Arc::clone(&transport) as _)).await;
        let (read, mailed, imports) = (0, BTreeMap::new(), Vec::new());
        let (by_hand, exempt, ever_exempt) = Default::default();
        let mut world =
            Self { harness, transport, read, mailed, imports, by_hand, exempt, ever_exempt };
        let rows: Vec<_> = (0..3).map(|n| (n, Some(n))).collect();
        world.import(&rows, false).await;
        world
    }

    /// Imports rows that give people phones, or an empty cell.
    async fn import(&mut self, rows: &[(usize, Option<usize>)], clears: bool) {
        let line = |(nth, n): &(usize, Option<usize>)| {
            let (user, phone) = (PEOPLE[*nth], n.map(phone).unwrap_or_default());
            format!("{user},First,Last,{user}@people.example,{phone},,\n")
        };
        let rows: String = rows.iter().map(line).collect();
        let mut body = import_body("people.csv", &rows);
        body["existing"] = json!("update");
        body["blank_means"] = json!(if clears { "clear" } else { "keep" });
        let import = ok(&self.harness.submit("ImportFile", body).await)["import"].clone();
        self.harness.settle().await;
        for row in self.harness.rows("import_rows", json!({"import": import})).await {
            if ["added", "already_present"].iter().any(|phone| row["phone"] == *phone) {
                self.exempt.remove(row["key"].as_str().unwrap());
            }
        }
        self.imports.push(import);
    }

    fn exempt(&mut self, user: &str) {
        self.exempt.insert(user.to_owned());
        self.ever_exempt.insert(user.to_owned());
    }

    async fn ask(&self, name: &str, body: Value) {
        drop(self.harness.submit(name, body).await);
        self.harness.settle().await;
    }

    async fn step(&mut self, step: u8, detail: u8) {
        let detail = usize::from(detail);
        let (nth, n) = (detail % PEOPLE.len(), detail / 4);
        let user = PEOPLE[nth];
        match step % 14 {
            0..5 => {
                let cell = |n: usize| (!n.is_multiple_of(5)).then_some(n);
                let rows =
                    [(nth, cell(n)), ((nth + 1) % 4, cell(n + 1)), ((nth + 3) % 4, cell(detail))];
                self.import(&rows[..1 + detail % 3], step.is_multiple_of(2)).await;
            }
            5 => {
                self.by_hand.insert(phone(n));
                self.ask("AddCorporatePhone", json!({"user": user, "phone": phone(n)})).await;
            }
            6 => {
                let shown = self.shown().await;
                let owner = shown.listed.iter().find(|(_, all)| all.contains(&phone(n)));
                if let Some((owner, _)) = owner {
                    self.exempt(owner);
                }
                self.ask("RemoveCorporatePhone", json!({"phone": phone(n)})).await;
            }
            7 => {
                self.exempt(user);
                self.ask("ArchiveUser", json!({"user": user})).await;
            }
            8 => self.ask("RestoreUser", json!({"user": user})).await,
            9 => {
                if let Some(import) = self.imports.get(detail % self.imports.len()) {
                    self.exempt.extend(self.ever_exempt.iter().cloned());
                    self.ask("UndoImport", json!({"import": import})).await;
                }
            }
            10 => {
                let name =
                    if detail.is_multiple_of(3) { "DeactivateUser" } else { "ReactivateUser" };
                self.ask(name, json!({"user": user})).await;
            }
            _ => {
                let users: Vec<_> = PEOPLE.iter().skip(detail % 3).collect();
                self.ask("ResendInvitation", json!({"users": users, "channel": "whatsapp"})).await;
            }
        }
    }

    async fn shown(&self) -> Shown {
        let mut records = BTreeMap::new();
        for row in self.harness.rows("users", json!({})).await {
            if row["state"] != "archived" {
                let user = row["user"].as_str().unwrap().to_owned();
                records.insert(user, row["phone"].as_str().map(str::to_owned));
            }
        }
        let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.harness.rows("phone_list", json!({})).await {
            let [phone, user] =
                ["phone", "user"].map(|name| row[name].as_str().unwrap().to_owned());
            listed.entry(user).or_default().push(phone);
        }
        Shown { records, listed }
    }

    async fn check(&mut self) -> Result<(), TestCaseError> {
        let shown = self.shown().await;
        self.check_list(&shown)?;
        self.read_mails(&shown)?;
        self.check_invitations(&shown).await
    }

    /// The list and the records agree.
    fn check_list(&self, shown: &Shown) -> Result<(), TestCaseError> {
        let all: Vec<_> = shown.listed.values().flatten().collect();
        prop_assert_eq!(
            all.iter().collect::<BTreeSet<_>>().len(),
            all.len(),
            "a phone is listed twice"
        );
        for (user, record) in &shown.records {
            let listed = shown.listed.get(user).map_or(&[][..], Vec::as_slice);
            for phone in listed.iter().filter(|phone| !self.by_hand.contains(*phone)) {
                prop_assert_eq!(
                    Some(phone),
                    record.as_ref(),
                    "the list has a former phone of {}",
                    user
                );
            }
            if let Some(record) = record.as_ref().filter(|_| !self.exempt.contains(user)) {
                prop_assert!(
                    listed.contains(record),
                    "the phone {record} of {user} is not listed: {shown:?}"
                );
            }
        }
        Ok(())
    }

    /// Each new mail shows the phone on record if it is listed, else another listed phone.
    fn read_mails(&mut self, state: &Shown) -> Result<(), TestCaseError> {
        let mails = self.transport.mails();
        for mail in mails.iter().skip(self.read) {
            let (user, _) = mail.to.as_str().split_once('@').unwrap();
            let phone = shown(&mail.content.text);
            let listed = state.listed.get(user).map_or(&[][..], Vec::as_slice);
            prop_assert!(listed.contains(&phone), "the mail to {user} shows {phone}: {state:?}");
            let record = state.records.get(user).cloned().flatten();
            let record = record.filter(|record| listed.contains(record));
            let on_record = record.as_ref() == Some(&phone);
            prop_assert!(
                on_record || record.is_none(),
                "the mail to {user} shows {phone}: {state:?}"
            );
            self.mailed.insert(user.to_owned(), Mailed { phone, on_record });
        }
        self.read = mails.len();
        Ok(())
    }

    /// An invitation lives only while the phone that its mail showed is the person's.
    async fn check_invitations(&self, shown: &Shown) -> Result<(), TestCaseError> {
        for row in self.harness.rows("invitations", json!({"state": "sent"})).await {
            let user = row["user"].as_str().unwrap();
            let mailed = &self.mailed[user];
            let listed = shown.listed.get(user).map_or(&[][..], Vec::as_slice);
            prop_assert!(listed.contains(&mailed.phone), "{user} was sent {mailed:?}: {shown:?}");
            let record = shown.records.get(user).cloned().flatten();
            let is_same = record.as_ref() == Some(&mailed.phone);
            prop_assert!(is_same || !mailed.on_record, "{user} was sent {mailed:?}: {shown:?}");
        }
        Ok(())
    }
}

async fn history(steps: Vec<(u8, u8)>) -> Result<(), TestCaseError> {
    let mut world = World::new().await;
    for (step, detail) in steps {
        world.step(step, detail).await;
        world.check().await?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// A33: after any history, the list, the record, the invitation and the mail have the same phone.
    #[test]
    fn list_record_invitation_and_mail_agree(steps in proptest::collection::vec(any::<(u8, u8)>(), 1..30)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(history(steps))?;
    }
}
