//! Imports a file: the form, the preview of its rows, and the import of exactly these rows.

use std::collections::BTreeMap;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use boarding_commands::dialect;
use boarding_commands::values::{Code, Refusal};
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::{Map, Value as Json, json};

use super::render::data;
use super::start::enabled;
use super::upload::{self, FileForm};
use super::visit::Visit;
use crate::html::form::Fields;
use crate::limits::CONSOLE_CHOICES_MAX;

const COMMAND: &str = "ImportFile";

/// The dialect whose file comes with others.
const WITH_COMPANIONS: &str = "ocm";

/// The options that are left out where the form does not set them, so that their defaults apply.
const TEXTS: [&str; 7] = [
    "existing",
    "blank_means",
    "on_error",
    "encoding",
    "delimiter",
    "organization",
    "permission_group",
];

/// The options that are switched on.
const SWITCHES: [&str; 3] = ["add_to_corporate_phones", "send_welcome_email", "auto_invite"];

/// Why a form is shown again.
enum Refused<'r> {
    /// In the language of the page.
    NoFile(&'r str),
    /// In English.
    ByEngine(&'r Refusal),
}

impl Refused<'_> {
    fn words(&self) -> &str {
        match self {
            Self::NoFile(text) => text,
            Self::ByEngine(refusal) => &refusal.message,
        }
    }
}

/// `GET /console/imports/new`: the dialect, its options and the file.
pub(super) async fn form(visit: Visit) -> Response {
    visit.answered(form_page(&visit, &visit.fields, StatusCode::OK, None).await)
}

/// The form with these values, and with the refusal of a file that was not accepted.
async fn form_page(
    visit: &Visit,
    given: &Fields,
    status: StatusCode,
    refused: Option<Refused<'_>>,
) -> Result<Response, QueryFailure> {
    let chosen = given.get("dialect");
    let dialects: Vec<&str> = dialect::ALL.iter().map(|dialect| dialect.name()).collect();
    let found = dialect::find(chosen).or_else(|| dialect::ALL.first().copied());
    let found = found.ok_or(Code::ImportUnknownDialect).map_err(Refusal::from)?;
    let chosen = found.name();
    let template = visit.query("template", json!({"dialect": chosen})).await?;
    let config = visit.query("config", json!({})).await?;
    let (units, groups) = match found.opens_accounts() {
        true => (
            visit.part("org_units", json!({"limit": CONSOLE_CHOICES_MAX})).await?,
            visit.part("permission_groups", json!({"limit": CONSOLE_CHOICES_MAX})).await?,
        ),
        false => (Json::Null, Json::Null),
    };
    let columns = template.pointer("/row/text").and_then(Json::as_str).unwrap_or_default();
    Ok(visit.page_with(
        status,
        "import_new.html",
        context! {
            title => visit.texts.get("import_new_title"),
            dialects => dialects,
            dialect => chosen,
            columns => columns.lines().next(),
            channels => enabled(&config),
            has_existing => !found.existing_is_duplicate() && !found.opens_accounts(),
            has_phones => found.has_phones(),
            has_accounts => found.opens_accounts(),
            has_invites => found.invites(),
            is_several => chosen == WITH_COMPANIONS,
            units => data(units),
            groups => data(groups),
            given => data(given.iter().collect::<BTreeMap<_, _>>()),
            refused => refused.as_ref().map(Refused::words),
            is_text => matches!(refused, Some(Refused::NoFile(_))),
        },
    ))
}

/// `POST /console/imports/preview`: stores the file, and shows what its import would do. Imports nothing.
pub(super) async fn preview(visit: Visit, request: Request) -> Response {
    let shown = match upload::read(&visit, request).await {
        Ok(form) => preview_page(&visit, form).await,
        Err(QueryFailure::Refused(refusal)) if refusal.code.status() == 400 => {
            let refused = Some(Refused::ByEngine(&refusal));
            form_page(&visit, &Fields::default(), StatusCode::BAD_REQUEST, refused).await
        }
        Err(failure) => Err(failure),
    };
    visit.answered(shown)
}

async fn preview_page(visit: &Visit, form: FileForm) -> Result<Response, QueryFailure> {
    let FileForm { fields, files } = form;
    let status = StatusCode::BAD_REQUEST;
    if files.is_empty() {
        let refused = Refused::NoFile(visit.texts.get("import_no_file"));
        return form_page(visit, &fields, status, Some(refused)).await;
    }
    let body = body_of(&fields, &files);
    match planned(visit, body, StatusCode::OK).await {
        Err(QueryFailure::Refused(refusal)) if refusal.code.status() != 403 => {
            upload::remove(visit, files).await;
            form_page(visit, &fields, status, Some(Refused::ByEngine(&refusal))).await
        }
        shown => shown,
    }
}

/// The command without its mode, from the fields of the form.
fn body_of(fields: &Fields, files: &[Json]) -> Json {
    let mut body = Map::new();
    body.insert("dialect".to_owned(), fields.get("dialect").into());
    body.insert("files".to_owned(), files.into());
    for name in TEXTS {
        let value = fields.get(name);
        if !value.is_empty() {
            // The character cannot be typed into a field.
            let value = if name == "delimiter" && value == "tab" { "\t" } else { value };
            body.insert(name.to_owned(), value.into());
        }
    }
    for name in SWITCHES {
        if !fields.get(name).is_empty() {
            body.insert(name.to_owned(), true.into());
        }
    }
    if body.contains_key("auto_invite") && !fields.get("channel").is_empty() {
        body.insert("channel".to_owned(), fields.get("channel").into());
    }
    Json::Object(body)
}

/// What the import would do, with the form that imports exactly this.
async fn planned(visit: &Visit, body: Json, status: StatusCode) -> Result<Response, QueryFailure> {
    let mut asked = body.clone();
    if let Json::Object(asked) = &mut asked {
        asked.insert("mode".to_owned(), "preview".into());
        asked.insert("attention".to_owned(), true.into());
    }
    let plan = visit.command(COMMAND, &visit.new_id(), asked).await?.result;
    Ok(visit.page_with(
        status,
        "import_preview.html",
        context! {
            title => visit.texts.get("preview_title"),
            has_changed => status == StatusCode::CONFLICT,
            body => body.to_string(),
            shown => data(&body),
            plan => data(plan),
            id => visit.new_id(),
        },
    ))
}

/// `POST /console/imports/commit`: imports the rows of the preview. The same form imports them once.
pub(super) async fn commit(visit: Visit, request: Request) -> Response {
    let done = match visit.form(request).await {
        Ok(fields) => import(&visit, &fields).await,
        Err(failure) => Err(failure),
    };
    visit.answered(done)
}

async fn import(visit: &Visit, fields: &Fields) -> Result<Response, QueryFailure> {
    let unreadable = || Refusal::new(Code::EnvelopeMalformed).saying("body: expected an object");
    let body: Json = serde_json::from_str(fields.get("body")).map_err(|_| unreadable())?;
    let mut meant = body.as_object().cloned().ok_or_else(unreadable)?;
    meant.insert("plan_hash".to_owned(), fields.get("plan_hash").into());
    match visit.command(COMMAND, fields.get("id"), Json::Object(meant)).await {
        Ok(accepted) => {
            let import = accepted.result.get("import").and_then(Json::as_str).unwrap_or_default();
            Ok(visit.go(&format!("imports/{import}"), accepted.position))
        }
        Err(QueryFailure::Refused(refusal)) if refusal.code == Code::ImportPlanChanged => {
            planned(visit, body, StatusCode::CONFLICT).await
        }
        Err(failure) => Err(failure),
    }
}
