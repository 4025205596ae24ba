//! The mailbox of a demo: the mails that the engine has written into its outbox.

use std::fs;
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boarding_commands::values::{Code, Refusal};
use boarding_core::queries::QueryFailure;
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use minijinja::{Value, context};

use super::render;
use super::texts;
use crate::html::texts::Texts;
use crate::limits::{MAILBOX_FOLDERS_DEPTH_MAX, MAILBOX_MAILS_MAX};
use crate::response;
use crate::state::HttpState;

/// What the text of a mail in HTML may load: nothing, and it runs no script. Its links open beside the mailbox.
const HTML_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'";

/// `GET /mailbox`: the newest mails.
pub(crate) async fn list(State(state): State<Arc<HttpState>>) -> Response {
    let texts = texts::accepted(&HeaderMap::new());
    let Some(folder) = state.pages.mailbox.clone() else { return missing() };
    let listing = tokio::task::spawn_blocking(move || {
        let mails = newest(&folder);
        mails.iter().filter_map(|path| row(&folder, path)).collect::<Vec<Value>>()
    });
    match listing.await {
        Ok(mails) => {
            let values = context! { title => "Mailbox", wide => true, mails => mails };
            render::page(&state, StatusCode::OK, "mailbox.html", texts, values)
        }
        Err(error) => failed(&state, texts, &error),
    }
}

/// `GET /mailbox/mail/<path>`: one mail.
pub(crate) async fn mail(
    State(state): State<Arc<HttpState>>,
    Path(path): Path<String>,
) -> Response {
    let texts = texts::accepted(&HeaderMap::new());
    let reading = read(&state, path.clone(), move |mail| {
        context! {
            title => mail.subject().unwrap_or_default(),
            to => address(mail.to()),
            from => address(mail.from()),
            text => mail.body_text(0).unwrap_or_default().into_owned(),
            has_html => mail.html_body_count() > 0,
            path => path,
        }
    });
    match reading.await {
        Ok(Some(values)) => render::page(&state, StatusCode::OK, "mail.html", texts, values),
        Ok(None) => missing(),
        Err(error) => failed(&state, texts, &error),
    }
}

/// `GET /mailbox/html/<path>`: the text of a mail in HTML, with its images.
pub(crate) async fn html(
    State(state): State<Arc<HttpState>>,
    Path(path): Path<String>,
) -> Response {
    match read(&state, path, html_of).await {
        Ok(Some(html)) => {
            let mut response = response::text(StatusCode::OK, "text/html; charset=utf-8", html);
            let policy = HeaderValue::from_static(HTML_POLICY);
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            response
        }
        Ok(None) => missing(),
        Err(error) => failed(&state, texts::accepted(&HeaderMap::new()), &error),
    }
}

/// Reads a mail of the mailbox. None if there is no such mail, or no mailbox.
async fn read<T: Send + 'static>(
    state: &HttpState,
    path: String,
    show: impl FnOnce(&Message<'_>) -> T + Send + 'static,
) -> Result<Option<T>, tokio::task::JoinError> {
    let Some(folder) = state.pages.mailbox.clone() else { return Ok(None) };
    let reading = tokio::task::spawn_blocking(move || {
        let bytes = fs::read(inside(&folder, &path)?).ok()?;
        MessageParser::default().parse(&bytes).map(|mail| show(&mail))
    });
    reading.await
}

/// The path of a mail in the folder. None for a path that could lead out of it.
fn inside(folder: &FilePath, path: &str) -> Option<PathBuf> {
    let named = FilePath::new(path);
    let is_plain = named.components().all(|part| matches!(part, Component::Normal(_)));
    let is_mail = named.extension().is_some_and(|extension| extension == "eml");
    (is_plain && is_mail).then(|| folder.join(named))
}

/// The newest mails below a folder.
fn newest(folder: &FilePath) -> Vec<PathBuf> {
    let mut mails = Vec::new();
    collect(folder, MAILBOX_FOLDERS_DEPTH_MAX, &mut mails);
    mails.sort_unstable_by(|one, other| other.cmp(one));
    mails.truncate(MAILBOX_MAILS_MAX);
    mails.into_iter().map(|(_, path)| path).collect()
}

fn collect(folder: &FilePath, depth: usize, mails: &mut Vec<(SystemTime, PathBuf)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let path = entry.path();
        if metadata.is_dir() && depth > 0 {
            collect(&path, depth - 1, mails);
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            mails.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path));
        }
    }
}

/// The row of a mail in the list.
fn row(folder: &FilePath, path: &FilePath) -> Option<Value> {
    let bytes = fs::read(path).ok()?;
    let mail = MessageParser::default().parse_headers(&bytes)?;
    let path = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
    Some(context! {
        to => address(mail.to()),
        subject => mail.subject().unwrap_or_default(),
        at => mail.date().map(mail_parser::DateTime::to_rfc3339).unwrap_or_default(),
        path => path,
    })
}

fn address(addresses: Option<&mail_parser::Address<'_>>) -> String {
    let first = addresses.and_then(|addresses| addresses.first());
    first.and_then(|first| first.address()).unwrap_or_default().to_owned()
}

/// The text in HTML. Its images are in it, and its links open in a new window.
fn html_of(mail: &Message<'_>) -> String {
    let mut html = mail.body_html(0).unwrap_or_default().replacen(
        "<head>",
        "<head><base target=\"_blank\">",
        1,
    );
    for image in mail.attachments() {
        let Some(id) = image.content_id() else { continue };
        let kind = image.content_type().map_or("image", |kind| kind.ctype());
        let subtype = image.content_type().and_then(|kind| kind.subtype()).unwrap_or("png");
        let data = format!("data:{kind}/{subtype};base64,{}", STANDARD.encode(image.contents()));
        html = html.replace(&format!("cid:{id}"), &data);
    }
    html
}

fn missing() -> Response {
    response::refused(Refusal::new(Code::HttpUnknownPath))
}

fn failed(state: &HttpState, texts: &Texts, error: &tokio::task::JoinError) -> Response {
    let failure = QueryFailure::Failed { code: Code::Unavailable, why: error.to_string() };
    render::failed(state, texts, &failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_mail_never_leads_out_of_its_folder() {
        let folder = FilePath::new("/outbox");
        let mail = inside(folder, "acme/run/a.eml");
        assert_eq!(mail, Some(PathBuf::from("/outbox/acme/run/a.eml")));
        for wrong in
            ["../secret", "../x.eml", "a/../../x.eml", "/etc/x.eml", "acme/secret", "", "."]
        {
            assert_eq!(inside(folder, wrong), None, "{wrong}");
        }
    }
}
