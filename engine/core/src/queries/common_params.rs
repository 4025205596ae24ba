//! The parameters that every query takes, beside its own.

use boarding_commands::values::{Refusal, Time};
use boarding_projections::csv_export::CsvFormat;
use serde_json::{Map, Value};

use super::failure::malformed;

/// The parameters that all queries accept.
pub(super) struct CommonParams {
    pub(super) min_position: Option<u64>,
    pub(super) as_of: Option<AsOf>,
    pub(super) format: Option<CsvFormat>,
    pub(super) rest: Value,
}

/// An earlier position or time.
#[derive(Debug, Clone, Copy)]
pub(super) enum AsOf {
    Position(u64),
    Time(Time),
}

impl CommonParams {
    pub(super) fn take(mut params: Map<String, Value>) -> Result<Self, Refusal> {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let malformed = |name: &str, takes: &str| malformed(name, &format!("expected {takes}"));
        let given = |params: &mut Map<String, Value>, name: &str| {
            params.remove(name).filter(|v| !v.is_null())
        };
        let min_position = given(&mut params, "min_position")
            .map(|value| number(&value).ok_or_else(|| malformed("min_position", "a position")));
        let as_of = given(&mut params, "as_of").map(|value| {
            let time = value.as_str().and_then(|text| text.parse().ok()).map(AsOf::Time);
            number(&value)
                .map(AsOf::Position)
                .or(time)
                .ok_or_else(|| malformed("as_of", "a position or a time"))
        });
        let format = given(&mut params, "format").map(|value| match value.as_str() {
            Some("json") => Ok(None),
            Some("csv") => Ok(Some(CsvFormat::Csv)),
            Some("spreadsheet") => Ok(Some(CsvFormat::Spreadsheet)),
            _ => Err(malformed("format", "json, csv or spreadsheet")),
        });
        Ok(Self {
            min_position: min_position.transpose()?,
            as_of: as_of.transpose()?,
            format: format.transpose()?.flatten(),
            rest: Value::Object(params),
        })
    }
}
