//! Files that chance makes: each dialect's with its share of every outcome, for a company that is lived in.

mod file_generator;
mod leapxpert;
mod mangoapps;
mod multiline;
mod ocm;
mod officechat;

pub(super) use file_generator::FileGenerator;

/// Every dialect's.
pub(super) static ALL: [FileGenerator; 5] = [
    leapxpert::GENERATOR,
    officechat::GENERATOR,
    multiline::GENERATOR,
    ocm::GENERATOR,
    mangoapps::GENERATOR,
];
