//! What every backend asks of an append before it writes anything.

use std::collections::HashMap;

use boarding_commands::values::CompanyId;

use super::{APPEND_COMMITS_MAX, APPEND_POSITIONS_MAX, AppendError, Encoded, Head};

/// Refuses an append that is larger than one may be.
pub(super) fn check_size(commits: &[Encoded], bytes_max: usize) -> Result<(), AppendError> {
    let bytes = commits.iter().map(|commit| commit.bytes().len()).sum();
    let positions: u64 = commits.iter().map(|commit| commit.commit().span()).sum();
    let fits = commits.len() <= APPEND_COMMITS_MAX && positions <= APPEND_POSITIONS_MAX;
    if !fits || bytes > bytes_max {
        return Err(AppendError::TooLarge { commits: commits.len(), positions, bytes, bytes_max });
    }
    Ok(())
}

/// Refuses an append of which a commit does not follow on its company's head, and answers with the
/// heads as the append would leave them.
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

/// Refuses a commit that does not follow on this head of its company, and answers with the head it makes.
pub(super) fn follow(encoded: &Encoded, actual: Head) -> Result<Head, AppendError> {
    let commit = encoded.commit();
    let expected = Head { version: commit.first_version - 1, hash: commit.previous };
    if actual != expected {
        return Err(AppendError::Conflict { company: commit.company.clone(), expected, actual });
    }
    Ok(Head { version: commit.last_version(), hash: encoded.hash() })
}
