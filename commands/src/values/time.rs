//! A point in time as data: milliseconds since 1970 UTC, RFC 3339 on the wire.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::{json_schema, scalar};

/// Milliseconds since 1970-01-01T00:00:00Z. Only the engine's clock makes one from the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    /// This many seconds later; stays at the end of time rather than overflow.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        let millis = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        Self(self.0.saturating_add(millis))
    }

    /// The whole seconds from `earlier` until this time; 0 if that is later.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0) / 1000
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or_default();
        f.write_str(&shown.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl FromStr for Time {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|time| Self(time.timestamp_millis()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let expected = |_| D::Error::custom("expected a time such as 2026-11-21T08:00:00Z");
            String::deserialize(deserializer)?.parse().map_err(expected)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

scalar! {
    Time, "Time": json_schema!({"type": "string", "format": "date-time"});
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_and_read_back() {
        let time: Time = "2026-11-21T08:00:00.5Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T08:00:00.500Z");
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}
