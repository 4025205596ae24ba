//! The number of a user within the company's state.

use serde::{Deserialize, Serialize};

/// The number of a user in [`Users`](super::Users). It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub(super) u32);
