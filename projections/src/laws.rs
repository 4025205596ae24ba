//! The laws of the read side, as properties of generated histories.
