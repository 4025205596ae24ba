//! The checks that every backend makes before it writes an append.

use std::collections::HashMap;

use boarding_commands::values::CompanyId;

use super::{APPEND_COMMITS_MAX, APPEND_POSITIONS_MAX, AppendError, Encoded, Head};

/// Rejects an append that exceeds a size limit.
pub(super) fn check_size(commits: &[Encoded], bytes_max: usize) -> Result<(), AppendError> {
    let bytes = commits.iter().map(|commit| commit.bytes().len()).sum();
    let positions: u64 = commits.iter().map(|commit| commit.commit().span()).sum();
    let fits = commits.len() <= APPEND_COMMITS_MAX && positions <= APPEND_POSITIONS_MAX;
    if !fits || bytes > bytes_max {
        return Err(AppendError::TooLarge { commits: commits.len(), positions, bytes, bytes_max });
    }
    Ok(())
}

/// Rejects an append with a commit that does not follow the head of its company. Returns the heads
/// after the append.
pub(super) fn check_chain(
    commits: &[Encoded],
    head: impl Fn(&CompanyId) -> Head,
) -> Result<HashMap<CompanyId, Head>, AppendError> {
    let mut heads: HashMap<CompanyId, Head> = HashMap::new();
    for encoded in commits {
        let company = &encoded.commit().company;
        let actual = heads.entry(company.clone()).or_insert_with(|| head(company));
        *actual = follow(encoded, *actual)?;
    }
    Ok(heads)
}

/// Rejects a commit that does not follow this head. Returns the head after the commit.
pub(super) fn follow(encoded: &Encoded, actual: Head) -> Result<Head, AppendError> {
    let commit = encoded.commit();
    let expected = Head { version: commit.first_version - 1, hash: commit.previous };
    if actual != expected {
        return Err(AppendError::Conflict { company: commit.company.clone(), expected, actual });
    }
    Ok(Head { version: commit.last_version(), hash: encoded.hash() })
}
