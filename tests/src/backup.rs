//! Copies, backups and restores of data folders.

mod copies;
