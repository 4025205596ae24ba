//! The program as an operator runs it: exit statuses, JSON shapes, and whole tasks.

mod accounts;
mod contract;
mod demo;
mod device_texts;
mod field_damage;
mod field_files;
mod field_headers;
mod field_phones;
mod field_values;
mod imports;
mod interrupted;
mod link_secret;
mod mail_names;
mod notifications;
mod numbers;
mod ocm;
mod permissions;
mod pictures;
mod previews;
mod retry;
mod roles;
mod runs;
mod schema;
mod templates;
mod terminal;
mod wording;
