//! Did-you-mean: finds the known name that is most similar to a mistyped one.

pub(super) use boarding_commands::values::nearest;
