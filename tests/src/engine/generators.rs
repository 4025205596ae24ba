//! Generators of random CSV files for a company with users, one generator per dialect.

mod file_generator;
mod leapxpert;
mod mangoapps;
mod multiline;
mod ocm;
mod officechat;

pub(super) use file_generator::FileGenerator;

/// The generators of all dialects.
pub(super) static ALL: [FileGenerator; 5] = [
    leapxpert::GENERATOR,
    officechat::GENERATOR,
    multiline::GENERATOR,
    ocm::GENERATOR,
    mangoapps::GENERATOR,
];

/// The generator of a dialect.
pub(super) fn for_dialect(dialect: &str) -> &'static FileGenerator {
    ALL.iter().find(|generator| generator.dialect == dialect).unwrap()
}
