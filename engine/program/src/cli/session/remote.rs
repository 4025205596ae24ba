//! A company in a running engine: commands, queries and files over HTTP.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use boarding_commands::decide::Command;
use boarding_commands::envelope::{Answer, Envelope};
use boarding_commands::values::{Code, CompanyId, Refusal, check_actor};
use boarding_core::queries::query_schemas;
use serde_json::{Map, Value, json};

use super::answers::StoredFile;
use crate::cli::common::Common;
use crate::cli::engine_url::EngineUrl;
use crate::cli::failure::Failure;
use crate::cli::fields::{set, text};
use crate::cli::http_client::{Answered, HttpClient};

/// The fields of an accepted answer that name work in progress.
const NAMES_OF_WORK: [&str; 2] = ["import", "run"];

/// A running engine.
pub(super) struct Remote {
    client: HttpClient,
    /// The actor of `--actor`. The engine refuses all but the owner of the token.
    actor: Option<String>,
    /// The position that the answers to queries must include.
    position: AtomicU64,
    /// The imports and runs that the commands of this session have named.
    started: Mutex<BTreeSet<String>>,
    /// The uploads of this session.
    uploads: Mutex<Vec<String>>,
}

impl Remote {
    pub(super) fn new(url: &EngineUrl, common: &Common) -> Result<Self, Failure> {
        if let Some(actor) = &common.actor {
            check_actor(actor)?;
        }
        Ok(Self {
            client: HttpClient::new(url, &common.secret()?),
            actor: common.actor.clone(),
            position: AtomicU64::new(0),
            started: Mutex::default(),
            uploads: Mutex::default(),
        })
    }

    /// The accepted answer to a command.
    pub(super) async fn submit(
        &self,
        company: &CompanyId,
        name: &str,
        envelope: Envelope,
    ) -> Result<Value, Failure> {
        // A name that is no word could name another path.
        if (name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            && let Err(refusal) = Command::read(name, json!({}))
        {
            return Err(Failure::of_answer(&Answer::refused(envelope.id, refusal)));
        }
        let path = format!("/v1/{company}/commands/{}", escaped(name));
        let Answered::Json(answer) = self.client.post(&path, &self.document(envelope)).await?
        else {
            return Err(Failure::Unavailable("the engine has answered with a file".to_owned()));
        };
        if let Some(position) = answer.get("position").and_then(Value::as_u64) {
            self.must_include(position);
        }
        let named = NAMES_OF_WORK.iter().filter_map(|name| answer.get("result")?.get(*name));
        let named = named.filter_map(Value::as_str).map(str::to_owned);
        self.started.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
        Ok(answer)
    }

    /// The result of the preview of an import, with the rows that need attention.
    pub(super) async fn preview(
        &self,
        company: &CompanyId,
        mut envelope: Envelope,
    ) -> Result<Value, Failure> {
        set(&mut envelope.body, "mode", "preview");
        set(&mut envelope.body, "attention", true);
        let path = format!("/v1/{company}/commands/ImportFile");
        match self.client.post(&path, &self.document(envelope)).await? {
            Answered::Json(mut answer) => {
                Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
            }
            Answered::File(_) => Ok(Value::Null),
        }
    }

    /// The envelope as the engine reads it. Without an actor, the owner of the token is the actor.
    fn document(&self, envelope: Envelope) -> Value {
        let Envelope { id, actor, issued_at, correlation, expected_version, .. } = envelope;
        let mut document = json!({
            "id": id, "actor": actor.or_else(|| self.actor.clone()), "issued_at": issued_at,
            "correlation": correlation, "expected_version": expected_version,
            "traceparent": envelope.traceparent, "api_version": envelope.api_version,
            "body": envelope.body,
        });
        if let Some(fields) = document.as_object_mut() {
            fields.retain(|name, value| name == "body" || !value.is_null());
        }
        document
    }

    pub(super) async fn query(
        &self,
        company: &CompanyId,
        name: &str,
        params: Map<String, Value>,
    ) -> Result<Answered, Failure> {
        // Other paths, such as events and files, are no queries.
        let known = query_schemas();
        if known.iter().all(|query| query.name != name) {
            let refusal = Refusal::new(Code::QueryUnknown).with(json!({"query": name}));
            return Err(refusal.hinting(name, known.iter().map(|query| query.name)).into());
        }
        let mut pairs: Vec<_> =
            params.iter().map(|(name, value)| (name.clone(), parameter(value))).collect();
        let position = self.position.load(Ordering::Relaxed);
        if position > 0 && !params.contains_key("as_of") && !params.contains_key("min_position") {
            pairs.push(("min_position".to_owned(), position.to_string()));
        }
        self.client.get(&format!("/v1/{company}/{}", escaped(name)), &pairs).await
    }

    /// Lets the answers to later queries include the position.
    pub(super) fn must_include(&self, position: u64) {
        self.position.fetch_max(position, Ordering::Relaxed);
    }

    /// The imports and runs that the commands of this session have named.
    pub(super) fn started(&self) -> BTreeSet<String> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uploads a file.
    pub(super) async fn upload(
        &self,
        company: &CompanyId,
        name: &str,
        content: Box<dyn Read + Send>,
    ) -> Result<StoredFile, Failure> {
        match self.client.upload(&format!("/v1/{company}/files"), content).await? {
            Answered::Json(stored) => {
                let upload = text(&stored, "upload").to_owned();
                let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
                uploads.push(upload.clone());
                Ok(StoredFile {
                    sha256: text(&stored, "sha256").to_owned(),
                    body: json!({"name": name, "upload": upload}),
                })
            }
            Answered::File(_) => {
                Err(Failure::Unavailable("the engine has answered with a file".to_owned()))
            }
        }
    }
}

impl Remote {
    /// Removes the uploads of this session. Accepted commands keep the content. The engine removes after a day what
    /// cannot be removed now.
    pub(super) async fn remove_uploads(&self, company: &CompanyId) {
        let uploads =
            std::mem::take(&mut *self.uploads.lock().unwrap_or_else(PoisonError::into_inner));
        for upload in uploads {
            self.client.delete(&format!("/v1/{company}/files/{}", escaped(&upload))).await;
        }
    }
}

/// The value of a parameter as text: a list has commas between its items.
fn parameter(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(parameter).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A name as a part of a path.
fn escaped(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte);
    name.bytes()
        .map(
            |byte| {
                if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parameters_are_sent_as_they_are() {
        assert_eq!(escaped("a b/../é"), "a%20b%2F..%2F%C3%A9");
        let list = json!(["+1", 7, "x"]);
        assert_eq!(parameter(&list), "+1,7,x");
        assert_eq!(parameter(&json!("01")), "01");
    }
}
