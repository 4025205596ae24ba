//! A data folder opened for one company: asks its engine commands and queries, and closes it in peace.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use boarding_commands::decide::Authority;
use boarding_commands::envelope::{Answer as Told, Envelope};
use boarding_commands::values::{CommandId, CompanyId, ImportId};
use boarding_projections::query::MAX_LIMIT_ROWS;
use serde_json::{Map, Value, json};

use super::common::{Common, DEFAULT_DATA};
use super::failure::{Ending, Failure};
use super::list::{self, set};
use super::output::Out;
use boarding_core::clock::Clock;
use boarding_core::engine::{Engine, LogChoice, Options};
use boarding_core::preview::ImportPlan;
use boarding_core::read::queries::{QueryAnswer, QueryCaller};

/// Whoever may open the data folder may do everything in it: it is theirs.
const AUTHORITY: Authority = Authority::All;

pub(super) struct Session<'a> {
    pub engine: Engine,
    pub company: CompanyId,
    pub out: &'a Out,
    data: PathBuf,
    asker: QueryCaller,
    id: Option<CommandId>,
    as_of: Option<String>,
    /// Whether a command was asked, and so the company is at work.
    at_work: AtomicBool,
}

/// A command that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Accepted {
    /// The answer of the contract.
    pub document: Value,
    /// What it has to tell.
    pub result: Value,
}

impl Accepted {
    /// Its `name`, where the result has one.
    pub(super) fn id(&self, name: &str) -> String {
        self.result.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl<'a> Session<'a> {
    /// Opens the data folder, and waits until its read models stand where the log ends.
    pub(super) async fn open(common: &Common, out: &'a Out) -> Result<Self, Failure> {
        common.company()?;
        let data = common.data();
        if !data.exists() {
            out.note(&format!("a new data folder: {}", data.display()));
        }
        Self::open_new(common, out).await
    }

    /// As [`Session::open`], where it goes without saying that the folder is new.
    pub(super) async fn open_new(common: &Common, out: &'a Out) -> Result<Self, Failure> {
        let company = common.company()?;
        let session = Self {
            engine: open_engine(options(common)?, out).await?,
            company,
            out,
            data: common.data(),
            asker: QueryCaller { actor: common.actor(), authority: AUTHORITY },
            id: common.command_id,
            as_of: common.as_of.clone(),
            at_work: AtomicBool::new(false),
        };
        session.engine.caught_up().await?;
        Ok(session)
    }

    /// Does the work to its end or until Ctrl-C, and closes the folder either way.
    pub(super) async fn run(&self, work: impl Future<Output = Ending>) -> Ending {
        let work = Box::pin(work);
        tokio::select! {
            ending = work => ending,
            _ = tokio::signal::ctrl_c() => Err(self.interrupted().await),
        }
    }

    async fn interrupted(&self) -> Failure {
        let mut text = "interrupted".to_owned();
        if self.at_work.load(Ordering::Relaxed) && !self.is_idle().await {
            text.push_str(
                "; what was begun goes on with the next start (boarding runs resume), nobody gets a second mail",
            );
        }
        Failure::Interrupted(text)
    }

    /// The channel that the running run waits for, where it is not this session's.
    pub(super) async fn begun_elsewhere(&self) -> Option<String> {
        self.engine.actor(&self.company).await.pending_work().borrow().other_channel.clone()
    }

    pub(super) async fn is_idle(&self) -> bool {
        self.engine.actor(&self.company).await.pending_work().borrow().is_idle()
    }

    /// Closes the folder, so that the next opening is quick.
    pub(super) async fn close(self) {
        self.engine.close().await;
    }

    /// The options that lead here again: for commands that are suggested.
    pub(super) fn place(&self) -> String {
        let data = self.data.to_string_lossy();
        match data.as_ref() {
            DEFAULT_DATA => format!("--company {}", self.company),
            path => format!("--company {} --data {}", self.company, list::quoted(path)),
        }
    }

    /// The command's id, if one was given.
    pub(super) fn given_id(&self) -> Option<CommandId> {
        self.id
    }

    /// Asks a command under the id that was given, if one was.
    pub(super) async fn submit(&self, name: &str, body: Value) -> Result<Accepted, Failure> {
        let id = self.id.unwrap_or_else(|| self.engine.clock().id());
        self.submit_as(id, name, body).await
    }

    /// Asks a command under an id of its own: one of several that a verb asks.
    pub(super) async fn submit_anew(&self, name: &str, body: Value) -> Result<Accepted, Failure> {
        self.submit_as(self.engine.clock().id(), name, body).await
    }

    async fn submit_as(&self, id: CommandId, name: &str, body: Value) -> Result<Accepted, Failure> {
        self.submit_envelope(name, Envelope::of(id, body)).await
    }

    /// What an `ImportFile` of this body would come to.
    pub(super) async fn preview(&self, body: Value) -> Result<ImportPlan, Failure> {
        self.check_now()?;
        let id = self.id.unwrap_or_else(|| self.engine.clock().id());
        let actor = Some(self.asker.actor.clone());
        let asked = Envelope { actor, ..Envelope::of(id, body) };
        let shown = self.engine.preview(&self.company, asked, AUTHORITY).await;
        shown.map_err(|answer| Failure::of_answer(&answer))
    }

    /// Asks a command as it comes. Who asks is the one at the keyboard unless the envelope says.
    pub(super) async fn submit_envelope(
        &self,
        name: &str,
        mut envelope: Envelope,
    ) -> Result<Accepted, Failure> {
        self.check_now()?;
        self.at_work.store(true, Ordering::Relaxed);
        envelope.actor.get_or_insert_with(|| self.asker.actor.clone());
        let answer = self.engine.submit(&self.company, name, envelope, AUTHORITY).await;
        match &answer {
            Told::Accepted { result, .. } => {
                Ok(Accepted { document: json!(answer), result: result.clone() })
            }
            _ => Err(Failure::of_answer(&answer)),
        }
    }

    fn check_now(&self) -> Result<(), Failure> {
        if self.as_of.is_some() {
            let text = "--as-of looks back, and the past does not change: leave it away";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(())
    }

    /// The company's imports that cannot go on, and why.
    pub(super) async fn stuck(&self) -> Vec<(ImportId, String)> {
        self.engine.actor(&self.company).await.pending_work().borrow().blocked.clone()
    }

    /// Waits until everything that was begun is done and can be seen.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        self.engine.settle(&self.company).await;
        Ok(self.engine.caught_up().await?)
    }

    /// Asks a query; as it was, if `--as-of` was given.
    pub(super) async fn ask(&self, name: &str, params: Value) -> Result<QueryAnswer, Failure> {
        let mut params = match params {
            Value::Object(params) => params,
            _ => Map::new(),
        };
        params.retain(|_, value| !value.is_null());
        if let Some(as_of) = &self.as_of {
            params.entry("as_of").or_insert_with(|| json!(as_of));
        }
        Ok(self.engine.query(&self.company, name, params, &self.asker).await?)
    }

    /// The whole answer of a query that answers in JSON.
    pub(super) async fn answer(&self, name: &str, params: Value) -> Result<Value, Failure> {
        match self.ask(name, params).await? {
            QueryAnswer::Json(answer) => Ok(answer),
            QueryAnswer::Csv(bytes) => {
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
        }
    }

    /// The row of a one-row query.
    pub(super) async fn row(&self, name: &str, params: Value) -> Result<Value, Failure> {
        let mut answer = self.answer(name, params).await?;
        Ok(answer.get_mut("row").map(Value::take).unwrap_or_default())
    }

    /// The bytes of a query that answers in CSV.
    pub(super) async fn csv(&self, name: &str, params: Value) -> Result<Vec<u8>, Failure> {
        match self.ask(name, params).await? {
            QueryAnswer::Csv(bytes) => Ok(bytes),
            QueryAnswer::Json(answer) => Ok(answer.to_string().into_bytes()),
        }
    }

    /// Hands over the rows of a query page by page, at most so many.
    pub(super) async fn pages(
        &self,
        name: &str,
        params: Value,
        limit: Option<usize>,
        mut take: impl FnMut(Vec<Value>),
    ) -> Result<(), Failure> {
        let mut left = limit.unwrap_or(usize::MAX);
        let mut params = params;
        while left > 0 {
            set(&mut params, "limit", left.min(MAX_LIMIT_ROWS));
            let mut answer = self.answer(name, params.clone()).await?;
            let rows = match answer.get_mut("rows").map(Value::take) {
                Some(Value::Array(rows)) => rows,
                _ => Vec::new(),
            };
            left -= rows.len().min(left);
            take(rows);
            match answer.get("next") {
                Some(next) if !next.is_null() => set(&mut params, "cursor", next.clone()),
                _ => break,
            }
        }
        Ok(())
    }

    /// The rows of a query, at most so many.
    pub(super) async fn rows(
        &self,
        name: &str,
        params: Value,
        limit: Option<usize>,
    ) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        self.pages(name, params, limit, |rows| all.extend(rows)).await?;
        Ok(all)
    }
}

/// How the common options have a data folder opened.
pub(super) fn options(common: &Common) -> Result<Options, Failure> {
    Ok(Options {
        data: common.data(),
        log: LogChoice::Files,
        channel: common.channel()?,
        adopt_runs: common.adopt_runs,
        secret: None,
        clock: Clock::system(),
    })
}

/// Opens the data folder, and tells what was found in it.
pub(super) async fn open_engine(options: Options, out: &Out) -> Result<Engine, Failure> {
    let opening = tokio::task::spawn_blocking(move || Engine::open(options));
    let engine = opening.await.map_err(|error| Failure::Unavailable(error.to_string()))??;
    tell_what_was_found(&engine, out);
    Ok(engine)
}

fn tell_what_was_found(engine: &Engine, out: &Out) {
    let found = engine.opening_report();
    if let Some(torn) = &found.torn_tail {
        let (bytes, segment, kept) = (torn.bytes, &torn.segment, torn.kept.display());
        out.warn(&format!(
            "note: the last write was interrupted before anybody was told of it; its {bytes} bytes were cut off {segment} and kept in {kept}"
        ));
    }
    if let Some(folder) = &found.set_aside {
        let folder = folder.display();
        out.warn(&format!(
            "note: the read models could not be trusted and are built anew from the log; the old ones are in {folder}"
        ));
    }
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.company)
    }
}
