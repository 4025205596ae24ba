//! Lines of a file that a warning lists.

/// The most lines that one warning names. The warning counts the others.
const NAMED_MAX: usize = 10;

/// How many rows of one kind there are, and the lines of the first ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lines {
    count: u64,
    first: Vec<u64>,
}

impl Lines {
    pub(crate) fn add(&mut self, line: u64) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(line);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The lines as text: `line 2`, or `rows: 3, lines 2, 5, 9`. None if there is no row.
    pub(crate) fn words(&self) -> Option<String> {
        let named = self.first.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        match self.count {
            0 => None,
            1 => Some(format!("line {named}")),
            count if count > self.first.len() as u64 => {
                Some(format!("rows: {count}, lines {named}, …"))
            }
            count => Some(format!("rows: {count}, lines {named}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_lines_are_named() {
        let mut lines = Lines::default();
        assert_eq!(lines.words(), None);
        lines.add(2);
        assert_eq!(lines.words().unwrap(), "line 2");
        (3..=12).for_each(|line| lines.add(line));
        assert_eq!(lines.words().unwrap(), "rows: 11, lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …");
    }
}
