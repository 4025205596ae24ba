//! Prepares a command: parses it, keeps its files, and collects the facts that its rule needs.

use std::sync::Arc;

use boarding_commands::decide::facts::{Facts, FileContents};
use boarding_commands::decide::{Authority, Command, ImportFile};
use boarding_commands::envelope::Envelope;
use boarding_commands::event::FileRef;
use boarding_commands::values::{Code, CompanyId, Digest, Refusal};
use serde_json::json;
use tokio::task::JoinError;

use super::command_files::{CommandFiles, publish};
use super::{
    CompanySays, ReceivedCommand, Sender, canonical_body, keep_all, objects, pictures, read,
};
use crate::context::EngineContext;
use crate::registry::Companies;
use crate::reply::Reply;

/// Prepares commands before they reach their company.
#[derive(Debug)]
pub(crate) struct Intake {
    context: Arc<EngineContext>,
    /// The companies, whose grants and settings decide how a file is read.
    companies: Arc<Companies>,
}

/// A parsed command with its facts and digest.
#[derive(Debug)]
pub(crate) struct PreparedCommand {
    pub command: Command,
    /// The facts that its rule needs.
    pub facts: Facts,
    /// The digest that identifies a repeated command.
    pub body: Digest,
    /// The stored files of an import that is planned first.
    pub kept: Option<Vec<FileRef>>,
    /// The files of the command.
    pub files: CommandFiles,
}

/// The files of an import before its command reaches the company.
enum ImportFacts {
    Read(FileContents),
    /// The files are stored, and are read together with the plan.
    ReadWithPlan(Vec<FileRef>),
}

impl Intake {
    pub(crate) fn new(context: Arc<EngineContext>, companies: Arc<Companies>) -> Self {
        Self { context, companies }
    }

    /// Parses the command, stores its files, and collects the facts that its rule needs.
    pub(crate) async fn prepare(
        &self,
        company: &CompanyId,
        name: &str,
        envelope: &Envelope,
        authority: Authority,
    ) -> Result<PreparedCommand, Reply> {
        let body = if envelope.body.is_null() { json!({}) } else { envelope.body.clone() };
        let command = Command::read(name, body.clone()).map_err(Reply::rejected)?;
        let received = ReceivedCommand { company, body: &body, envelope, authority };
        let (mut kept, mut files) = (None, CommandFiles::default());
        let (digest, facts) = match &command {
            Command::ImportFile(import) => {
                let prepared = self.prepare_import(&received, import, &mut files).await;
                match prepared.inspect_err(|reply| files.settle(&self.context.files, reply))? {
                    (digest, ImportFacts::Read(contents)) => (digest, Facts::Files(contents)),
                    (digest, ImportFacts::ReadWithPlan(planned)) => {
                        kept = Some(planned);
                        (digest, Facts::None)
                    }
                }
            }
            Command::ImportPictures(pictures) => {
                let (context, companies) = (&self.context, &self.companies);
                let prepared =
                    pictures::prepare(context, companies, &received, pictures, &mut files).await;
                let prepared = prepared.inspect_err(|reply| files.settle(&context.files, reply))?;
                (prepared.0, Facts::Archive(prepared.1))
            }
            Command::LinkCompleted(link) => {
                let facts = match link.token.as_deref() {
                    Some(token) => self.link_facts(company, token, true),
                    None => Facts::None,
                };
                (Digest::of_body(name, &body), facts)
            }
            Command::RecordClick(click) => {
                let facts = self.link_facts(company, &click.token, false);
                (Digest::of_body(name, &body), facts)
            }
            Command::AssignNumber(assign) => {
                let facts = match assign.token.as_deref() {
                    Some(token) => self.link_facts(company, token, false),
                    None => Facts::None,
                };
                (Digest::of_body(name, &body), facts)
            }
            Command::StartBulkIntegration(start) => {
                let token = start.source.token.as_ref();
                let read = token.and_then(|token| self.context.tokens.read_import(company, token));
                let facts =
                    read.map_or(Facts::None, |(id, generation)| Facts::Import(id, generation));
                (Digest::of_body(name, &body), facts)
            }
            _ => (Digest::of_body(name, &body), Facts::None),
        };
        Ok(PreparedCommand { command, facts, body: digest, kept, files })
    }

    /// What the token of an invitation's link says, or an activation code where one is taken.
    fn link_facts(&self, company: &CompanyId, token: &str, takes_codes: bool) -> Facts {
        let tokens = &self.context.tokens;
        if let Some((id, generation)) = tokens.read(company, token) {
            return Facts::Invitation(id, generation);
        }
        match tokens.read_activation_code(company, token).filter(|_| takes_codes) {
            Some((id, generation, end)) => Facts::Activation(id, generation, end),
            None => Facts::None,
        }
    }

    /// Stores and reads the file of an import, if the actor may import. A repeated command is detected before
    /// reading, because the settings for reading may have changed. Files of a planned import are read later, with
    /// its plan.
    async fn prepare_import(
        &self,
        received: &ReceivedCommand<'_>,
        import: &ImportFile,
        command_files: &mut CommandFiles,
    ) -> Result<(Digest, ImportFacts), Reply> {
        let ReceivedCommand { company, body, envelope, authority } = *received;
        let handle = self.companies.actor(company).await;
        let (sender, needed) = (Sender::of(envelope), import.needs());
        let dialect = import.dialect.clone();
        let inspection = handle.inspect(move |company| {
            (CompanySays::of(company, &dialect), sender.check(company, needed))
        });
        let (says, permitted) = inspection.await.ok_or_else(Reply::stopped)?;
        let known = self.context.knows(company, envelope.id);
        if authority != Authority::All && !known {
            permitted.map_err(Reply::rejected)?;
        }
        let recalled = match known {
            true => objects::recall(&self.context, company, envelope.id, &import.files)
                .map_err(Reply::rejected)?,
            false => None,
        };
        let files = match recalled {
            Some(files) => files,
            None => keep_all(&self.context, company, &import.files, authority)
                .await
                .map_err(Reply::rejected)?,
        };
        *command_files = CommandFiles::of(&import.files, &files);
        let digest = Digest::of_body("ImportFile", &canonical_body(body, &files));
        if let Some(first) = self.context.first_answer(company, envelope.id, digest) {
            return Err(first);
        }
        if import.is_planned() {
            return Ok((digest, ImportFacts::ReadWithPlan(files)));
        }
        let (kept, import) = (self.context.files.clone(), import.clone());
        let reading = tokio::task::spawn_blocking(move || read(&kept, &import, files, says)).await;
        let unavailable = |error: JoinError| {
            Reply::rejected(Refusal::new(Code::Unavailable).saying(&error.to_string()))
        };
        let contents = reading.map_err(unavailable)?.map_err(Reply::rejected)?;
        publish(&self.context.files, &contents.files).await?;
        Ok((digest, ImportFacts::Read(contents)))
    }
}
