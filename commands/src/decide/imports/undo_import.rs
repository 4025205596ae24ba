//! `UndoImport`: undoes an import, except for people who were changed since.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::company::{Company, ImportState, Undo};
use crate::decide::imports::import_file::{ImportMode, needed};
use crate::decide::imports::renew_import_link::{ended, waiting_mails};
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission, UndoCounts, Unsupervised};
use crate::values::{Code, ImportId, Refusal};

/// Undoes an import row by row: removes the people that it created, restores old values, and removes the phones that
/// it listed. A person who was changed since is kept, and the row has the reason.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoImport {
    #[serde(alias = "import_id")]
    #[schemars(extend("x-aliases" = ["import_id"]))]
    pub import: ImportId,
    #[serde(default)]
    pub mode: ImportMode,
}

impl Decide for UndoImport {
    // The permission depends on the import, so the rule checks it.
    const NEEDS: Option<Permission> = None;

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Undoing::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let import = company.imports.get(&self.import);
        let dialect = import.map(|import| import.options.dialect.as_str()).unwrap_or_default();
        context.require(company, needed(dialect))?;
        if company.picture_imports.contains(&self.import) {
            let details = json!({"import": self.import});
            return Err(Refusal::new(Code::ImportOfPictures).with(details));
        }
        let import = import.ok_or(Code::ImportNotFound)?;
        if !import.completed {
            return Err(Code::ImportNotCompleted.into());
        }
        if import.undo != Undo::No {
            return Err(Code::ImportAlreadyUndone.into());
        }
        let mut events = vec![Event::ImportUndoStarted { import: self.import }];
        events.extend(dropped_mails(company, self.import, import));
        let (import, state) = (self.import, State::Undoing);
        let result = json!(Undoing { import, state, counts: None, unsupervised: None });
        Ok(match self.mode {
            ImportMode::Commit => Decision::Append { events, result },
            ImportMode::Preview => Decision::Preview { events, result },
        })
    }
}

/// Fails the waiting mails of renewed links. `ImportUndoStarted` drops all mails of the import, but the read model has only
/// the row of the first mail for it.
fn dropped_mails(company: &Company, id: ImportId, import: &ImportState) -> Vec<Event> {
    let last = import.link.map_or(1, |link| link.generation);
    let keys = waiting_mails(company, id, 2..=last);
    keys.map(|key| ended(key, Code::ImportAlreadyUndone)).collect()
}

/// The `result` of a preview.
pub fn preview_result(import: ImportId, counts: UndoCounts, left: Unsupervised) -> Value {
    let (counts, unsupervised) = (Some(counts), Some(left).filter(|left| !left.is_none()));
    json!(Undoing { import, state: State::Completed, counts, unsupervised })
}

/// The `result` of an undo or its preview. The undo continues in the background; only a preview has counts.
#[derive(Debug, Serialize, JsonSchema)]
struct Undoing {
    import: ImportId,
    state: State,
    #[serde(flatten)]
    counts: Option<UndoCounts>,
    /// Who would be left without a supervisor, if anybody. Only in a preview; the query `import` says it afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupervised: Option<Unsupervised>,
}

/// The state of the import after the answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Unchanged, because it was a preview.
    Completed,
    Undoing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::imports::import_file::testing::{accepted, import_id};
    use crate::decide::testing::{channel_enabled, given};
    use crate::event::{Counts, Existing, FileRef};
    use crate::values::Personal;

    fn asked(mode: &str) -> Value {
        json!({"import": import_id(), "mode": mode})
    }

    fn imported() -> Vec<Event> {
        let counts = Counts::default();
        vec![
            accepted(1, true, Existing::Skip),
            Event::ImportCompleted { import: import_id(), counts },
        ]
    }

    /// P23: an import is undone once, and not before it is completed.
    #[test]
    fn a_completed_import_is_undone_once() {
        let undo = UndoImport { import: import_id(), mode: ImportMode::Commit };
        given([]).when(undo.clone()).then_refused(Code::ImportNotFound);
        given([accepted(1, true, Existing::Skip)])
            .when(undo.clone())
            .then_refused(Code::ImportNotCompleted);
        let company = given(imported());
        let result =
            company.when(undo.clone()).then([Event::ImportUndoStarted { import: import_id() }]);
        assert_eq!(result, json!({"import": import_id(), "state": "undoing"}));
        let company = company.after(undo.clone());
        company.when(undo.clone()).then_refused(Code::ImportAlreadyUndone);
        let counts = UndoCounts::default();
        let unsupervised = Unsupervised::default();
        let undone = Event::ImportUndone { import: import_id(), counts, unsupervised };
        let events = imported()
            .into_iter()
            .chain([Event::ImportUndoStarted { import: import_id() }, undone]);
        given(events).when(undo).then_refused(Code::ImportAlreadyUndone);
    }

    /// OCM-16: pictures cannot be undone, because those that they replaced are gone. The refusal says what to do.
    #[test]
    fn import_of_pictures_cannot_be_undone() {
        let file = FileRef { name: "a.zip".to_owned(), sha256: "ab".repeat(32), bytes: 9 };
        let match_attribute = "agent_id".to_owned();
        let (import, inserted, invalid) = (import_id(), 0, 1);
        let pictures = Event::PicturesImported { import, file, match_attribute, inserted, invalid };
        for mode in ["commit", "preview"] {
            let then = given([pictures.clone()]).when_json("UndoImport", asked(mode));
            let refusal = then.then_refused(Code::ImportOfPictures);
            assert!(refusal.message.contains("boarding pictures remove --import"), "{refusal}");
        }
    }

    /// Each mail about the import that still waits is dropped, and each has an event that says so.
    #[test]
    fn waiting_mails_of_renewed_links_are_dropped_by_an_undo() {
        let requested = |generation| Event::ImportNotificationRequested {
            import: import_id(),
            email: Personal("una@acme.example".to_owned()),
            expires_at: crate::decide::testing::NOW,
            generation,
        };
        let events = imported().into_iter().chain([requested(None), requested(Some(2))]);
        let company = given(events);
        let undo = UndoImport { import: import_id(), mode: ImportMode::Commit };
        assert_eq!(company.when(undo.clone()).names(), ["ImportUndoStarted", "NotificationFailed"]);
        let company = company.after(undo).0;
        assert!(company.notifications.is_empty() && company.failed_notifications.is_empty());
    }

    /// ML-01: the permission to import such a file is the permission to undo it.
    #[test]
    fn undoing_needs_the_permission_to_import() {
        let granted = |dialect: &str, permission| {
            let mut events = imported();
            if let Some(Event::ImportAccepted { options, .. }) = events.first_mut() {
                options.dialect = dialect.to_owned();
            }
            let actor = Personal("jane@acme.example".to_owned());
            events.push(Event::PermissionsGranted { actor, permissions: vec![permission] });
            given(events).when(UndoImport { import: import_id(), mode: ImportMode::Commit })
        };
        for (dialect, needed, other) in [
            ("multiline", Permission::Accounts, Permission::BulkImportUsers),
            ("leapxpert", Permission::BulkImportUsers, Permission::Accounts),
        ] {
            assert!(granted(dialect, needed).0.is_ok());
            granted(dialect, other).then_refused(Code::AuthPermissionDenied);
        }
    }

    #[test]
    fn preview_of_an_undo_records_nothing() {
        assert!(
            !given(imported()).when_json("UndoImport", asked("preview")).0.unwrap().is_append()
        );
        given([]).when_json("UndoImport", asked("preview")).then_refused(Code::ImportNotFound);
        given(imported())
            .when_json("UndoImport", asked("perhaps"))
            .then_refused(Code::EnvelopeMalformed);
    }

    /// LX-13: an undone import is no source of a run and is not the newest import.
    #[test]
    fn undone_import_is_no_source_of_a_run() {
        let undo = UndoImport { import: import_id(), mode: ImportMode::Commit };
        let company = given(imported().into_iter().chain([channel_enabled()])).after(undo);
        assert_eq!(company.0.latest_import, None);
        for (source, code) in [
            (json!("latest"), Code::ImportNoneAvailable),
            (json!(import_id()), Code::ImportAlreadyUndone),
        ] {
            let body =
                json!({"source": {"import": source}, "channel": "whatsapp", "mode": "preview"});
            company.when_json("StartBulkIntegration", body).then_refused(code);
        }
    }

    #[test]
    fn preview_names_people_without_a_supervisor_only_if_any() {
        let counts = UndoCounts { reversed: 2, kept: 1, errored: 0 };
        let shown = |total| {
            let left = Unsupervised { total, users: vec![] };
            preview_result(import_id(), counts, left)
        };
        assert_eq!((&shown(0)["state"], &shown(0)["reversed"]), (&json!("completed"), &json!(2)));
        assert!(shown(0).get("unsupervised").is_none());
        assert_eq!(shown(1)["unsupervised"]["total"], 1);
    }
}
