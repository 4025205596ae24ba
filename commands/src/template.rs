//! The wording of mails: checked when a company sets it, filled in when a mail is sent.

mod braces;
mod builtin;
mod check;
mod facts;
mod isolate;
mod labels;
mod language;
mod mail_template;
mod notifications;
mod part;
mod render;
mod text;
mod topic_variables;
mod variables;

pub use builtin::{LANGUAGES, builtin};
pub use check::check;
pub use facts::{Link, MailFacts};
pub use labels::channel_name;
pub use language::{LAST_LANGUAGE, candidates, is_language_tag};
pub use mail_template::MailTemplate;
pub use render::{MAX_TEXT_MESSAGE_CHARS, RenderError, Rendered, Renderer, render};
pub use topic_variables::TopicVariables;
pub use variables::{AppAddresses, MailValues, PersonNames, QR_CODE_ID};
