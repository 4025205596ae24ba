//! Placeholder shapes.
use crate::code::{Code, Problem};
use crate::id::UserKey;
use crate::phone::Phone;
use std::collections::BTreeMap;
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub rows: u64,
    pub encoding: String,
    pub delimiter: char,
    pub warnings: Vec<Problem>,
}
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Given<T> {
    #[default]
    Absent,
    Blank,
    Value(T),
}
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowValues {
    pub user: Option<UserKey>,
    pub first_name: Given<String>,
    pub last_name: Given<String>,
    pub email: Given<String>,
    pub org_unit: Given<String>,
    pub roles: Given<Vec<String>>,
    pub phone: Given<Result<Phone, Code>>,
    pub enabled: Option<bool>,
    pub attributes: BTreeMap<String, Given<String>>,
}
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedRow {
    pub row: u64,
    pub line: u64,
    pub cells: Vec<String>,
    pub values: RowValues,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Problem>,
}
