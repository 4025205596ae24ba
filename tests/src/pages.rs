//! The pages behind mailed links, as their readers get them: the real process, the links of real mails.

mod addresses;
mod demo;
mod import;
mod invitation;
mod provider;
mod reader;
mod script;
