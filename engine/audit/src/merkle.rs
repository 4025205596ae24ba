//! The Merkle tree over the heads of all companies, hashed as in RFC 6962.

use std::collections::BTreeMap;

use boarding_commands::values::CompanyId;
use boarding_log::Head;
use sha2::{Digest as _, Sha256};

/// A SHA-256 of the tree.
pub type TreeHash = [u8; 32];

/// The heads of companies as leaves, in the order of the companies' ids.
#[derive(Debug, Clone, Default)]
pub struct HeadTree(BTreeMap<CompanyId, TreeHash>);

/// The way from a leaf to the root: the hash of each sibling, from the leaf upwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The number of leaves before it.
    pub index: u64,
    /// The number of all leaves.
    pub leaves: u64,
    pub path: Vec<TreeHash>,
}

impl HeadTree {
    pub fn of<'a>(heads: impl IntoIterator<Item = (&'a CompanyId, Head)>) -> Self {
        let leaf = |(company, head): (&'a CompanyId, Head)| (company.clone(), leaf(company, head));
        Self(heads.into_iter().map(leaf).collect())
    }

    /// Sets the head of a company.
    pub fn set(&mut self, company: &CompanyId, head: Head) {
        self.0.insert(company.clone(), leaf(company, head));
    }

    /// The number of companies.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn root(&self) -> TreeHash {
        root(&self.leaves())
    }

    /// The way from the head of a company to the root; none if the tree does not have the company.
    pub fn inclusion(&self, company: &CompanyId) -> Option<Inclusion> {
        let index = self.0.keys().position(|one| one == company)?;
        let leaves = self.leaves();
        let mut path = Vec::new();
        way(&leaves, index, &mut path);
        Some(Inclusion { index: index as u64, leaves: leaves.len() as u64, path })
    }

    fn leaves(&self) -> Vec<TreeHash> {
        self.0.values().copied().collect()
    }
}

impl Inclusion {
    /// The root of the tree that has this head at this place. None if the path is too short or too long.
    pub fn root(&self, company: &CompanyId, head: Head) -> Option<TreeHash> {
        if self.index >= self.leaves {
            return None;
        }
        let (mut at, mut last) = (self.index, self.leaves - 1);
        let mut hash = leaf(company, head);
        for sibling in &self.path {
            if last == 0 {
                return None;
            }
            if at % 2 == 1 || at == last {
                hash = node(sibling, &hash);
                while at.is_multiple_of(2) && at != 0 {
                    (at, last) = (at / 2, last / 2);
                }
            } else {
                hash = node(&hash, sibling);
            }
            (at, last) = (at / 2, last / 2);
        }
        (last == 0).then_some(hash)
    }
}

/// The leaf of a company: its id, version and hash, with blanks between them.
fn leaf(company: &CompanyId, head: Head) -> TreeHash {
    let text = format!("{company} {} {}", head.version, head.hash);
    Sha256::new().chain_update([0]).chain_update(text).finalize().into()
}

fn node(left: &TreeHash, right: &TreeHash) -> TreeHash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two that is smaller than the number of leaves.
fn split(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

fn root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => Sha256::new().finalize().into(),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

fn way(leaves: &[TreeHash], index: usize, path: &mut Vec<TreeHash>) {
    if leaves.len() < 2 {
        return;
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    if index < at {
        way(left, index, path);
        path.push(root(right));
    } else {
        way(right, index - at, path);
        path.push(root(left));
    }
}

#[cfg(test)]
mod tests {
    use boarding_commands::values::Digest;

    use super::*;

    fn heads(count: u8) -> Vec<(CompanyId, Head)> {
        let head = |n: u8| Head { version: u64::from(n), hash: Digest([n; 32]) };
        (0..count).map(|n| (format!("company-{n:03}").parse().unwrap(), head(n))).collect()
    }

    fn tree(heads: &[(CompanyId, Head)]) -> HeadTree {
        HeadTree::of(heads.iter().map(|(company, head)| (company, *head)))
    }

    #[test]
    fn each_head_leads_to_the_root_and_no_other_does() {
        for count in 1..=33 {
            let heads = heads(count);
            let tree = tree(&heads);
            for (company, head) in &heads {
                let way = tree.inclusion(company).unwrap();
                assert_eq!(way.root(company, *head), Some(tree.root()), "{company} of {count}");
                let older = Head { version: head.version + 1, ..*head };
                assert_ne!(way.root(company, older), Some(tree.root()), "{company} of {count}");
                let moved = Inclusion { index: (way.index + 1) % u64::from(count), ..way.clone() };
                let is_moved = moved.index != way.index;
                assert!(!is_moved || moved.root(company, *head) != Some(tree.root()));
            }
        }
    }

    #[test]
    fn path_of_another_length_leads_nowhere() {
        let heads = heads(5);
        let (company, head) = &heads[2];
        let way = tree(&heads).inclusion(company).unwrap();
        let mut longer = way.clone();
        longer.path.push([0; 32]);
        assert_eq!(longer.root(company, *head), None);
        let mut shorter = way;
        shorter.path.pop();
        assert_eq!(shorter.root(company, *head), None);
    }

    /// The root of no leaves and of one leaf, as RFC 6962 defines them.
    #[test]
    fn tree_is_hashed_as_rfc_6962_says() {
        let empty: TreeHash = Sha256::digest(b"").into();
        assert_eq!(HeadTree::default().root(), empty);
        let one = heads(1);
        let hash = "00".repeat(32);
        let leaf: TreeHash = Sha256::digest(format!("\0company-000 0 {hash}")).into();
        assert_eq!(tree(&one).root(), leaf);
    }
}
