//! What every backend asks of an append before it writes anything.

use std::collections::HashMap;

use boarding_commands::id::CompanyId;

use super::{APPEND_BYTES_MAX, APPEND_COMMITS_MAX, AppendError, Encoded, Head};

/// Refuses an append that is larger than one may be.
pub(super) fn check_size(commits: &[Encoded]) -> Result<(), AppendError> {
    let bytes = commits.iter().map(|commit| commit.bytes().len()).sum();
    if commits.len() > APPEND_COMMITS_MAX || bytes > APPEND_BYTES_MAX {
        return Err(AppendError::TooLarge { commits: commits.len(), bytes });
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
        let commit = encoded.commit();
        let actual = heads.entry(commit.company.clone()).or_insert_with(|| head(&commit.company));
        let expected = Head { version: commit.first_version - 1, hash: commit.previous };
        if *actual != expected {
            let company = commit.company.clone();
            return Err(AppendError::Conflict { company, expected, actual: *actual });
        }
        *actual = Head { version: commit.last_version(), hash: encoded.hash() };
    }
    Ok(heads)
}
