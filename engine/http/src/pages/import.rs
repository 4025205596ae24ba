//! The page of an administrator's link: the people of an import, and who of them is left to invite.

use axum::http::StatusCode;
use axum::response::Response;
use boarding_commands::envelope::Answer;
use boarding_commands::event::Channel;
use boarding_commands::template::channel_name;
use boarding_commands::values::{Code, ImportId};
use boarding_core::engine::{ImportLinkPage, MailedLink};
use boarding_core::queries::QueryFailure;
use minijinja::{Value, context};
use serde_json::{Value as Json, json};

use super::render;
use super::texts;
use crate::html::form::Fields;
use crate::html::texts::Texts;
use crate::state::HttpState;

/// The name of the actor where no administrator's address is set.
const LINK: &str = "link";

/// The page, with a note about the last attempt to start the run.
pub(super) async fn show(
    state: &HttpState,
    link: &MailedLink,
    (import, generation): (ImportId, u32),
    token: &str,
    note: Option<Note>,
) -> Result<Response, QueryFailure> {
    let page = state.engine.import_link_page(&link.company, import, generation).await?;
    let accepted = texts::accepted(&Default::default());
    let Some(page) = page else { return Ok(render::unknown(state, accepted)) };
    let texts = texts::of_tag(&page.language).unwrap_or(accepted);
    if let Some(code) = page.ended {
        return Ok(ended(state, texts, code));
    }
    let mut plans = Vec::new();
    let mut why_none = page.channels.is_empty().then(|| Code::ChannelNotEnabled.text().to_owned());
    for channel in page.channels.iter().copied().filter(|_| page.invites.can_invite) {
        match preview(state, link, &page, channel, token).await? {
            Ok(plan) => plans.push(plan.values(channel, texts)),
            Err(why) => why_none = Some(why),
        }
    }
    let status = if note.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let note = note.map(|note| note.text(texts)).or_else(|| {
        let why = why_none.filter(|_| plans.is_empty());
        let cannot = why.map(|why| texts.filled("import_cannot", &[("why", &why)]));
        cannot.or_else(|| plans.is_empty().then(|| texts.get("import_nobody").to_owned()))
    });
    let values = values(&page, texts, token, plans, note);
    Ok(render::page(state, status, "import.html", texts, values))
}

/// Starts the run on the channel that the administrator has confirmed.
pub(super) async fn invite(
    state: &HttpState,
    link: &MailedLink,
    (import, generation): (ImportId, u32),
    token: &str,
    fields: &Fields,
) -> Result<Response, QueryFailure> {
    let page = state.engine.import_link_page(&link.company, import, generation).await?;
    let accepted = texts::accepted(&Default::default());
    let Some(page) = page else { return Ok(render::unknown(state, accepted)) };
    let texts = texts::of_tag(&page.language).unwrap_or(accepted);
    if let Some(code) = page.ended {
        return Ok(ended(state, texts, code));
    }
    let body = json!({
        "source": {"token": token}, "channel": fields.get("channel"), "mode": "confirmed",
        "plan_hash": fields.get("plan_hash"),
    });
    match start(state, link, &page, body).await? {
        Ok(result) => {
            let count = result.get("total").and_then(Json::as_u64).unwrap_or_default().to_string();
            let said = texts.filled("import_done", &[("count", &count)]);
            let title = texts.get("import_done_title");
            Ok(render::message(state, StatusCode::OK, texts, title, &[&said]))
        }
        Err((Code::RunPlanChanged, _)) => {
            show(state, link, (import, generation), token, Some(Note::Changed)).await
        }
        Err((_, why)) => {
            show(state, link, (import, generation), token, Some(Note::Refused(why))).await
        }
    }
}

/// What the page says about the last attempt.
pub(super) enum Note {
    Changed,
    Refused(String),
}

impl Note {
    fn text(self, texts: &Texts) -> String {
        match self {
            Self::Changed => texts.get("import_changed").to_owned(),
            Self::Refused(why) => texts.filled("import_refused", &[("why", &why)]),
        }
    }
}

/// The page of a link that does not work any more.
fn ended(state: &HttpState, texts: &Texts, code: Code) -> Response {
    if code == Code::InvitationAlreadyUsed {
        let said = texts.get("import_used");
        return render::message(state, StatusCode::GONE, texts, texts.get("ended_title"), &[said]);
    }
    render::ended(state, texts, code)
}

/// A run that can be confirmed.
struct Plan {
    plan_hash: String,
    recipients: u64,
    invite: u64,
}

impl Plan {
    fn values(&self, channel: Channel, texts: &Texts) -> Value {
        let label = channel_name(channel);
        let (recipients, invite) = (self.recipients.to_string(), self.invite.to_string());
        let shown = [("channel", label), ("recipients", &recipients), ("invite", &invite)];
        context! {
            channel => channel.as_str(),
            plan_hash => self.plan_hash.as_str(),
            text => texts.filled("import_plan", &shown),
            button => texts.filled("import_button", &[("channel", label)]),
        }
    }
}

/// The run that would start on a channel, or why none can.
async fn preview(
    state: &HttpState,
    link: &MailedLink,
    page: &ImportLinkPage,
    channel: Channel,
    token: &str,
) -> Result<Result<Plan, String>, QueryFailure> {
    let body = json!({"source": {"token": token}, "channel": channel.as_str(), "mode": "preview"});
    let result = match start(state, link, page, body).await? {
        Ok(result) => result,
        Err((_, why)) => return Ok(Err(why)),
    };
    let count = |path: &str| result.pointer(path).and_then(Json::as_u64).unwrap_or_default();
    let plan_hash = result.get("plan_hash").and_then(Json::as_str).unwrap_or_default().to_owned();
    let (recipients, invite) = (count("/recipient_count"), count("/expected/invite"));
    Ok(Ok(Plan { plan_hash, recipients, invite }))
}

/// The result of `StartBulkIntegration`, or its refusal.
async fn start(
    state: &HttpState,
    link: &MailedLink,
    page: &ImportLinkPage,
    body: Json,
) -> Result<Result<Json, (Code, String)>, QueryFailure> {
    let actor = page.administrator.clone().unwrap_or_else(|| LINK.to_owned());
    match state.engine.execute_for_link(link, actor, "StartBulkIntegration", body).await {
        Answer::Accepted { result, .. } => Ok(Ok(result)),
        Answer::Refused { code, message, .. } => Ok(Err((code, message))),
        Answer::Failed { code, message, .. } => Err(QueryFailure::Failed { code, why: message }),
    }
}

fn values(
    page: &ImportLinkPage,
    texts: &Texts,
    token: &str,
    plans: Vec<Value>,
    note: Option<String>,
) -> Value {
    let person = |(user, name, code): &(String, String, Option<Code>)| {
        let why = code.map(|code| format!("{} ({})", code.text(), code.as_str()));
        let why = why.unwrap_or_default();
        context! { user => user, name => name, why => why }
    };
    let people: Vec<Value> = page.left.iter().map(person).collect();
    let all = page.invites.failed + page.invites.not_invited;
    let hidden = all.saturating_sub(people.len() as u64);
    let more = (hidden > 0).then(|| texts.filled("import_more", &[("count", &hidden.to_string())]));
    context! {
        title => texts.get("import_title"),
        wide => true,
        company => page.company_name.as_str(),
        file_name => page.file_name.as_str(),
        invited => page.invites.invited,
        failed => page.invites.failed,
        not_invited => page.invites.not_invited,
        plans => plans,
        people => people,
        more => more,
        note => note,
        token => token,
    }
}
