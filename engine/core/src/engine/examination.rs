//! Examines what a data folder has beside the log: read models, the index of commands, snapshots, files, the link secret and the settings
//! of mails.

use std::collections::BTreeMap;
use std::path::Path;

use boarding_commands::company::Company;
use boarding_commands::event::Channel;
use boarding_commands::values::{CompanyId, Digest};
use boarding_log::{Entry, ReadError, error_chain};
use serde::Serialize;

use super::Engine;
use crate::context::EngineContext;
use crate::read::snapshots::{Snapshot, StoredSnapshot};
use crate::read::verification::{self, VerifyError};

/// The most findings of a part that are listed. The others are counted.
const FINDINGS_MAX: usize = 20;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong in the data, but something will not work as expected.
    Warning,
    /// The data is not as it should be.
    Fault,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct HealthFinding {
    pub severity: Severity,
    pub company: Option<CompanyId>,
    /// The position in the log from which on the data is wrong.
    pub position: Option<u64>,
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// What the examination of one part of the data found.
#[derive(Debug, Clone, Serialize)]
pub struct PartReport {
    pub part: &'static str,
    /// What was examined, for people.
    pub summary: String,
    pub findings: Vec<HealthFinding>,
    /// How many more findings there are.
    pub more_findings: u64,
    /// Whether a rebuild of the derived data corrects the faults.
    #[serde(skip)]
    pub is_derived: bool,
}

impl PartReport {
    pub fn new(part: &'static str) -> Self {
        let (summary, findings) = (String::new(), Vec::new());
        Self { part, summary, findings, more_findings: 0, is_derived: false }
    }

    fn derived(part: &'static str) -> Self {
        Self { is_derived: true, ..Self::new(part) }
    }

    /// The worst finding; none if everything is as it should be.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    pub fn add(&mut self, finding: HealthFinding) {
        match self.findings.len() < FINDINGS_MAX {
            true => self.findings.push(finding),
            false => self.more_findings += 1,
        }
    }

    fn fault(&mut self, company: &CompanyId, position: Option<u64>, message: String, remedy: &str) {
        let (company, remedy) = (Some(company.clone()), remedy.to_owned());
        let severity = Severity::Fault;
        self.add(HealthFinding { severity, company, position, message, remedy });
    }
}

/// What to type when derived data is wrong.
const REBUILD: &str = "to make it again from the log: boarding doctor --rebuild";

impl Engine {
    /// Examines everything beside the log. No commands may run: call [`Engine::settle`] and [`Engine::caught_up`]
    /// before. Blocks while it reads the whole log twice, and holds one company in memory. `on_company` gets the number of
    /// examined companies and of all.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn examine(&self, on_company: impl FnMut(u64, u64)) -> Result<Vec<PartReport>, ReadError> {
        let mut parts = vec![self.examine_read_models()?];
        parts.extend(CompanyParts::of_all(&self.context, on_company)?.into_reports());
        Ok(parts)
    }

    fn examine_read_models(&self) -> Result<PartReport, ReadError> {
        let mut part = PartReport::derived("read_models");
        match verification::verify(&*self.context.log, &self.context.read_models) {
            Ok(verified) => {
                let (rows, tables) = (verified.rows, verified.tables);
                part.summary = format!("{rows} rows in {tables} tables are as a replay gives them");
            }
            Err(VerifyError::Log(error)) => return Err(error),
            Err(VerifyError::Differs(difference)) => {
                let (company, position) = (difference.company.clone(), difference.position);
                part.fault(&company, position, difference.to_string(), REBUILD);
            }
            Err(error) => {
                let (company, position) = (None, None);
                let (message, remedy) = (error_chain(&error), REBUILD.to_owned());
                let severity = Severity::Fault;
                part.add(HealthFinding { severity, company, position, message, remedy });
            }
        }
        Ok(part)
    }
}

/// The parts that are examined company by company.
struct CompanyParts {
    commands: PartReport,
    snapshots: PartReport,
    files: PartReport,
    link_secret: PartReport,
    mail_settings: PartReport,
    /// The number of commands, snapshots and files.
    counts: [u64; 3],
}

impl CompanyParts {
    fn of_all(
        context: &EngineContext,
        mut on_company: impl FnMut(u64, u64),
    ) -> Result<Self, ReadError> {
        let mut parts = Self {
            commands: PartReport::derived("commands"),
            snapshots: PartReport::derived("snapshots"),
            files: PartReport::new("files"),
            link_secret: PartReport::new("link_secret"),
            mail_settings: PartReport::new("mail_settings"),
            counts: [0; 3],
        };
        let companies = context.log.companies();
        let total = companies.len() as u64;
        for (id, done) in companies.into_iter().zip(0..) {
            on_company(done, total);
            let company = parts.replay(context, &id)?;
            parts.examine_files(context, &company);
            parts.examine_secret(context, &company);
            parts.examine_settings(context, &company);
        }
        on_company(total, total);
        parts.examine_stray_files(context);
        Ok(parts)
    }

    fn into_reports(mut self) -> [PartReport; 5] {
        let [commands, snapshots, files] = self.counts;
        self.commands.summary = format!("{commands} commands are found by their ids");
        self.snapshots.summary = format!("{snapshots} snapshots of companies are right");
        self.files.summary = format!("{files} stored files have their digests");
        self.link_secret.summary = "the secret is that of the links mailed so far".to_owned();
        self.mail_settings.summary = "links and senders of mails are set".to_owned();
        [self.commands, self.snapshots, self.files, self.link_secret, self.mail_settings]
    }

    /// Replays a company from its first event. Compares its commands with their index, and the state with its
    /// snapshot.
    fn replay(&mut self, context: &EngineContext, id: &CompanyId) -> Result<Company, ReadError> {
        let mut snapshot = match context.snapshots.stored(id) {
            StoredSnapshot::Usable(snapshot) => Some(snapshot),
            StoredSnapshot::Damaged => {
                let message = format!("the snapshot of {id} is damaged; it is not used");
                self.snapshots.fault(id, None, message, REBUILD);
                None
            }
            // A snapshot of another version of the program is not used.
            StoredSnapshot::None | StoredSnapshot::OtherFormat => None,
        };
        let had_snapshot = snapshot.is_some();
        let mut company = Company::new(id.clone());
        let mut reader = context.log.read_company(id, 1);
        while let Some(entry) = reader.next()? {
            self.examine_command(context, id, &entry);
            company.apply(&entry.recorded.commit);
            self.compare_snapshot(&company, entry.recorded.hash, &mut snapshot, &entry);
        }
        if snapshot.is_some() {
            let message = format!("the snapshot of {id} is of another log; it is not used");
            self.snapshots.fault(id, None, message, REBUILD);
        } else if had_snapshot {
            self.counts[1] += 1;
        }
        Ok(company)
    }

    fn examine_command(&mut self, context: &EngineContext, id: &CompanyId, entry: &Entry) {
        self.counts[0] += 1;
        let command = entry.recorded.commit.command;
        let message = match context.location_of(id, command) {
            Ok(Some(location)) if location == entry.location => return,
            Ok(Some(_)) => format!("the index gives another commit for the command {command}"),
            Ok(None) => format!("the index lacks the command {command}: a repeat would run again"),
            Err(why) => why,
        };
        self.commands.fault(id, Some(entry.recorded.position), message, REBUILD);
    }

    /// Compares the state with the snapshot after the same commit.
    fn compare_snapshot(
        &mut self,
        company: &Company,
        hash: Digest,
        snapshot: &mut Option<Box<Snapshot>>,
        entry: &Entry,
    ) {
        let Some(same) = snapshot.take_if(|snapshot| snapshot.hash == hash) else { return };
        if same.company != *company {
            let id = &company.id;
            let message = format!("the snapshot of {id} differs from its events");
            let position = entry.recorded.last_position();
            self.snapshots.fault(id, Some(position), message, REBUILD);
        }
    }

    /// Compares the files that the company still needs with their digests.
    fn examine_files(&mut self, context: &EngineContext, company: &Company) {
        let mut needed = BTreeMap::new();
        for (id, import) in &company.imports {
            for file in &import.files {
                needed.insert(file.sha256.clone(), format!("{} of import {id}", file.name));
            }
        }
        for (id, pictures) in &company.open_pictures {
            let file = &pictures.file;
            needed.insert(file.sha256.clone(), format!("{} of the pictures {id}", file.name));
        }
        for sha256 in company.current_pictures() {
            needed.insert(sha256.to_owned(), "a picture".to_owned());
        }
        for (sha256, name) in needed {
            self.counts[2] += 1;
            if let Err(why) = context.files.open_whole(&sha256) {
                let remedy = "put the file back from a backup";
                self.files.fault(&company.id, None, format!("{name}: {why}"), remedy);
            }
        }
    }

    /// Finds files whose content is not what their name says, though no company needs them.
    fn examine_stray_files(&mut self, context: &EngineContext) {
        let is_told = |finding: &HealthFinding, name: &str| finding.message.contains(name);
        for name in context.files.damaged() {
            if !self.files.findings.iter().any(|finding| is_told(finding, &name)) {
                let (severity, company, position) = (Severity::Warning, None, None);
                let message =
                    format!("the file {name} is not what its name says; nothing needs it");
                let remedy = "remove it".to_owned();
                self.files.add(HealthFinding { severity, company, position, message, remedy });
            }
        }
    }

    fn examine_secret(&mut self, context: &EngineContext, company: &Company) {
        let Some(recorded) = &company.settings.link_secret else { return };
        if recorded == context.tokens.fingerprint() {
            return;
        }
        let id = &company.id;
        let message = format!(
            "the links that {id} mailed do not work: the secret is missing, or another one than theirs"
        );
        let path = secret_path(context.folder.path());
        let remedy = format!(
            "put back {path} from a backup; or give up these links: boarding config unset link_secret --company {id}"
        );
        self.link_secret.fault(id, None, message, &remedy);
    }

    /// Warns about an address that only works on the machine that sends the mail, or nowhere.
    fn examine_link_base(&mut self, company: &Company) {
        let (id, base) = (&company.id, &company.settings.link_base_url);
        let host =
            base.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#', ':']).next());
        let host = host.unwrap_or_default();
        let is_dead = host == "localhost"
            || host.starts_with("127.")
            || host == "0.0.0.0"
            || host == "["
            || host.ends_with(".invalid");
        if is_dead
            && !company
                .settings
                .mail_placeholders(true)
                .iter()
                .any(|(name, _)| *name == "link_base_url")
        {
            self.mail_settings.add(HealthFinding {
                severity: Severity::Warning,
                company: Some(id.clone()),
                position: None,
                message: format!(
                    "the links of {id} begin with {base}, which other machines do not reach"
                ),
                remedy: format!(
                    "boarding config set link_base_url https://YOUR-PAGE/ --company {id}"
                ),
            });
        }
    }

    fn examine_settings(&mut self, context: &EngineContext, company: &Company) {
        let settings = &company.settings;
        let invites = Channel::ALL.iter().any(|channel| settings.channel_enabled(*channel));
        if !invites {
            return;
        }
        self.examine_link_base(company);
        let needs_page = context.own_link_page().is_none();
        for (setting, example) in settings.mail_placeholders(needs_page) {
            let id = &company.id;
            self.mail_settings.add(HealthFinding {
                severity: Severity::Warning,
                company: Some(id.clone()),
                position: None,
                message: format!(
                    "{id} has not set {setting}: no mail that shows it leaves by a mail server"
                ),
                remedy: format!("boarding config set {setting} {example} --company {id}"),
            });
        }
    }
}

fn secret_path(folder: &Path) -> String {
    folder.join("secret").display().to_string()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use boarding_commands::decide::Authority;
    use boarding_commands::envelope::{Answer, Envelope};
    use serde_json::json;

    use super::*;
    use crate::engine::Options;

    fn acme() -> CompanyId {
        "acme".parse().unwrap()
    }

    async fn open(folder: &Path) -> Engine {
        let engine = Engine::open(Options::of_folder(folder)).unwrap();
        engine.caught_up().await.unwrap();
        engine
    }

    /// Two people, at the positions 1 and 2, written to the disk.
    async fn with_two_people(folder: &Path) -> Engine {
        let engine = open(folder).await;
        for user in ["ann", "bob"] {
            let body = json!({"user": user, "email": format!("{user}@acme.example")});
            let envelope = Envelope::of(engine.clock().id(), body);
            let answer = engine.submit(&acme(), "AddUser", envelope, Authority::All).await;
            assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        }
        engine.close().await;
        open(folder).await
    }

    /// The findings of a part, each with its position.
    fn findings(engine: &Engine, part: &str) -> Vec<(Option<u64>, String)> {
        let parts = engine.examine(|_, _| ()).unwrap();
        let part = parts.into_iter().find(|one| one.part == part).unwrap();
        part.findings.into_iter().map(|one| (one.position, one.message)).collect()
    }

    /// The stored keys and values below a prefix.
    fn stored(engine: &Engine, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        let mut keep = |key: &[u8], value: &[u8]| {
            all.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        engine.context.store.scan_raw(prefix, &[], &mut keep).unwrap();
        all
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changed_row_is_named_with_its_last_position() {
        let folder = tempfile::tempdir().unwrap();
        let engine = with_two_people(folder.path()).await;
        assert_eq!(findings(&engine, "read_models"), []);
        let address = b"bob@acme";
        let at = |value: &[u8]| value.windows(address.len()).position(|part| part == address);
        let mut batch = sled::Batch::default();
        for (key, mut value) in stored(&engine, &[]) {
            if let Some(at) = at(&value) {
                value[at] = b'x';
                batch.insert(key, value);
            }
        }
        engine.context.store.apply(batch).unwrap();
        let found = findings(&engine, "read_models");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Some(2), "{found:?}");
        assert!(found[0].1.contains("differs from the events"), "{found:?}");
        engine.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn command_that_the_index_lacks_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let engine = with_two_people(folder.path()).await;
        assert_eq!(findings(&engine, "commands"), []);
        let mut batch = sled::Batch::default();
        for (key, _) in stored(&engine, &[0xf0]) {
            batch.remove(key);
        }
        engine.context.store.apply(batch).unwrap();
        let found = findings(&engine, "commands");
        let positions: Vec<_> = found.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, [Some(1), Some(2)], "{found:?}");
        engine.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn snapshot_that_differs_from_its_events_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let engine = with_two_people(folder.path()).await;
        let snapshots = &engine.context.snapshots;
        let loaded = snapshots.load(&*engine.context.log, &acme()).unwrap();
        snapshots.write(&loaded.company, loaded.hash).unwrap();
        assert_eq!(findings(&engine, "snapshots"), []);
        let mut other = loaded.company.clone();
        other.settings.language = "fr".to_owned();
        snapshots.write(&other, loaded.hash).unwrap();
        let found = findings(&engine, "snapshots");
        assert_eq!(found[0].0, Some(2), "{found:?}");
        snapshots.write(&loaded.company, Digest([7; 32])).unwrap();
        assert!(findings(&engine, "snapshots")[0].1.contains("of another log"));
        engine.close().await;
    }
}
