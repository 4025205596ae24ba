//! Imports of files and pictures, and their undo.

pub(crate) mod allotment_builder;
pub mod edit_account;
pub mod forecast;
pub mod import_file;
pub mod import_picture_rows;
pub mod import_pictures;
pub mod import_preview;
pub mod import_rows;
pub(crate) mod import_run;
pub mod remove_pictures;
pub mod renew_import_link;
pub(crate) mod rows;
pub mod undo_import;
pub(crate) mod undo_row;
pub mod undo_rows;
mod unsupervised;

pub use allotment_builder::AllotmentBuilder;
pub use rows::Allotment;
pub use unsupervised::unsupervised;
