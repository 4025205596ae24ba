//! Starts a run: the source and the channel, the confirmation with its numbers, and the start.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use boarding_commands::event::Channel;
use boarding_commands::values::{Code, Refusal};
use boarding_core::queries::QueryFailure;
use minijinja::context;
use serde_json::{Value as Json, json};

use super::org_tree;
use super::render::data;
use super::visit::Visit;
use crate::html::form::Fields;
use crate::limits::{CONSOLE_CHOICES_MAX, CONSOLE_ROWS_MAX, CONSOLE_START_BYTES_MAX};

/// The command that starts a run, or shows what it would do.
const COMMAND: &str = "StartBulkIntegration";

/// `GET /console/runs/new`: the source and the channel.
pub(super) async fn form(visit: Visit) -> Response {
    visit.answered(form_page(&visit).await)
}

async fn form_page(visit: &Visit) -> Result<Response, QueryFailure> {
    let config = visit.query("config", json!({})).await?;
    let imports = visit.part("imports", json!({"limit": CONSOLE_ROWS_MAX})).await?;
    let units = visit.part("org_units", json!({"limit": CONSOLE_CHOICES_MAX})).await?;
    let units = units.get("rows").and_then(Json::as_array);
    let units = org_tree::ordered(units.map_or(&[], Vec::as_slice));
    let status = visit.query("company_status", json!({})).await?;
    Ok(visit.page(
        "run_new.html",
        context! {
            title => visit.texts.get("start_title"),
            channels => enabled(&config),
            imports => data(imports),
            units => data(units),
            latest => status.pointer("/row/latest_import").and_then(Json::as_str),
            chosen => visit.fields.get("import"),
            users => visit.fields.get("users"),
        },
    ))
}

/// The channels that the company has enabled.
pub(super) fn enabled(config: &Json) -> Vec<&'static str> {
    let is_enabled = |channel: &&str| {
        config.pointer(&format!("/row/channels/{channel}")) == Some(&Json::Bool(true))
    };
    Channel::ALL.iter().map(|channel| channel.as_str()).filter(is_enabled).collect()
}

/// `GET /console/runs/confirm`: what the run of a link would do. Changes nothing.
pub(super) async fn confirm(visit: Visit) -> Response {
    visit.answered(chosen_page(&visit, &visit.fields).await)
}

/// `POST /console/runs/confirm`: the same for the choice of the form, so that its users are in no address.
pub(super) async fn confirm_chosen(visit: Visit, request: Request) -> Response {
    let page = match visit.form(request).await {
        Ok(fields) => chosen_page(&visit, &fields).await,
        Err(failure) => Err(failure),
    };
    visit.answered(page)
}

async fn chosen_page(visit: &Visit, fields: &Fields) -> Result<Response, QueryFailure> {
    let source = source(fields).map_err(QueryFailure::from)?;
    confirm_page(visit, source, fields, StatusCode::OK).await
}

async fn confirm_page(
    visit: &Visit,
    source: Json,
    fields: &Fields,
    status: StatusCode,
) -> Result<Response, QueryFailure> {
    let channel = fields.get("channel");
    let body = json!({"source": source, "channel": channel, "mode": "preview"});
    let plan = visit.command(COMMAND, &visit.new_id(), body).await?.result;
    let work = visit.query("company_status", json!({})).await?;
    let by_mail_server = work.pointer("/row/by_mail_server") == Some(&Json::Bool(true));
    let queue = visit.part("queue", json!({})).await?;
    let refusals = plan.get("refusals").and_then(Json::as_array).into_iter().flatten();
    let applies = |refusal: &&Json| {
        by_mail_server || refusal.get("when").and_then(Json::as_str) == Some("confirmed")
    };
    let import = plan.get("import").filter(|import| import.is_string());
    let shown_source = import.map_or(source.clone(), |import| json!({"import": import}));
    let refusals: Vec<Json> = refusals.filter(applies).cloned().collect();
    Ok(visit.page_with(
        status,
        "run_confirm.html",
        context! {
            title => visit.texts.get("confirm_title"),
            has_changed => status == StatusCode::CONFLICT,
            channel => channel,
            not_before => fields.get("not_before"),
            source_json => source.to_string(),
            // The page names the import that the latest one is now.
            shown_source => data(shown_source),
            refusals => data(refusals),
            plan => data(plan),
            queue => data(queue),
            id => visit.new_id(),
        },
    ))
}

/// The source that the form has chosen.
fn source(fields: &Fields) -> Result<Json, Refusal> {
    let lines = |name: &str| -> Vec<String> {
        let all = fields.all(name).flat_map(|value| value.split(['\n', '\r', ',']));
        all.map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    match fields.get("source") {
        "latest" => Ok(json!({"import": "latest"})),
        "import" => Ok(json!({"import": fields.get("import")})),
        "org_units" => {
            let units: Vec<&str> = fields.all("org_unit").collect();
            let descendants = !fields.get("include_descendants").is_empty();
            Ok(json!({"org_units": units, "include_descendants": descendants}))
        }
        "users" => Ok(json!({"users": lines("users")})),
        "failed_of" => Ok(json!({"failed_of": fields.get("run")})),
        _ => {
            let why = "source: expected latest, import, org_units, users or failed_of";
            Err(Refusal::new(Code::EnvelopeMalformed).saying(why))
        }
    }
}

/// `POST /console/runs/start`: starts the run that was confirmed. The same form starts one run only.
pub(super) async fn send(visit: Visit, request: Request) -> Response {
    let sent = match visit.form_of(request, CONSOLE_START_BYTES_MAX).await {
        Ok(fields) => start(&visit, &fields).await,
        Err(failure) => Err(failure),
    };
    visit.answered(sent)
}

async fn start(visit: &Visit, fields: &Fields) -> Result<Response, QueryFailure> {
    let unreadable = |_| Refusal::new(Code::EnvelopeMalformed).saying("source: expected JSON");
    let source: Json = serde_json::from_str(fields.get("source_json")).map_err(unreadable)?;
    let body = json!({
        "source": source, "channel": fields.get("channel"), "mode": "confirmed",
        "plan_hash": fields.get("plan_hash"), "not_before": time(fields.get("not_before")),
    });
    match visit.command(COMMAND, fields.get("id"), body).await {
        Ok(accepted) => {
            let run = accepted.result.get("run").and_then(Json::as_str).unwrap_or_default();
            Ok(visit.go(&format!("runs/{run}"), accepted.position))
        }
        Err(QueryFailure::Refused(refusal)) if refusal.code == Code::RunPlanChanged => {
            confirm_page(visit, source, fields, StatusCode::CONFLICT).await
        }
        Err(failure) => Err(failure),
    }
}

/// The time of a field in UTC, which browsers send without its zone: `2026-12-24T08:00`. None for an empty field.
fn time(field: &str) -> Option<String> {
    let seconds = if field.len() == "2026-12-24T08:00".len() { ":00" } else { "" };
    (!field.is_empty()).then(|| format!("{field}{seconds}Z"))
}
