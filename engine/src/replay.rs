//! Proof that the read models are what the log says.
