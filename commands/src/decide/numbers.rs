//! The pool of numbers.

pub mod add_numbers;
pub mod allocate_numbers;
pub mod assign_number;
pub mod not_pending;
pub mod pool;
pub mod release_number;
pub mod reserve_number;
pub mod unreserve_number;
pub mod withdraw_numbers;
