//! `boarding manual`: the guides of `engine/manual`, compiled into the program.

use clap::Args;
use serde_json::json;

use super::failure::{CliResult, Done, Failure};
use super::output::Out;
use boarding_commands::values::nearest;

/// Guides for administrators, operators, auditors and developers: lists them, or prints one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  boarding manual                 lists the pages
  boarding manual start           prints one: the settings to make before the first mail
  boarding manual nats | less
  boarding manual start --json    the page as one JSON document")]
pub(super) struct Manual {
    /// The page's name; without one the pages are listed
    page: Option<String>,
}

/// One page, as the file in `engine/manual` has it.
struct Page {
    name: &'static str,
    text: &'static str,
}

macro_rules! page {
    ($name:literal) => {
        Page { name: $name, text: include_str!(concat!("../../../manual/", $name, ".md")) }
    };
}

/// Every page, in reading order: first steps, the five products, integration, operation, audit.
const PAGES: &[Page] = &[
    page!("start"),
    page!("leapxpert"),
    page!("officechat"),
    page!("mangoapps"),
    page!("multiline"),
    page!("ocm"),
    page!("console"),
    page!("mails"),
    page!("nats"),
    page!("http"),
    page!("links"),
    page!("engines"),
    page!("data"),
    page!("move"),
    page!("trouble"),
    page!("audit"),
    // An auditor may have the program and a log, but not the source tree.
    Page { name: "format", text: include_str!("../../../log/FORMAT.md") },
];

impl Page {
    /// The page's heading without its mark.
    fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }
}

impl Manual {
    pub(super) fn run(self, out: &Out) -> CliResult {
        let Some(name) = self.page else {
            list(out);
            return Ok(Done::Completely);
        };
        let page = PAGES.iter().find(|page| page.name == name).ok_or_else(|| unknown(&name))?;
        if out.is_json() {
            let title = page.title();
            out.document(&json!({"page": page.name, "title": title, "text": page.text}));
        } else {
            out.line(page.text.trim_end());
        }
        Ok(Done::Completely)
    }
}

fn list(out: &Out) {
    let width = PAGES.iter().map(|page| page.name.len()).max().unwrap_or(0);
    for page in PAGES {
        let (name, title) = (page.name, page.title());
        if out.is_json() {
            out.document(&json!({"page": name, "title": title}));
        } else {
            out.line(&format!("{name:width$}  {title}"));
        }
    }
    out.note("boarding manual PAGE prints one of them");
}

fn unknown(name: &str) -> Failure {
    let names: Vec<_> = PAGES.iter().map(|page| page.name).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}? "),
        None => String::new(),
    };
    Failure::Usage(format!("the manual has no page {name}; {hint}pages: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page is listed by its first line, so that line must be a heading that fits a terminal's line.
    #[test]
    fn every_page_begins_with_its_title() {
        for page in PAGES {
            assert!(page.text.starts_with("# "), "{}", page.name);
            assert!(!page.title().is_empty() && page.title().len() < 80, "{}", page.name);
            assert!(!page.text.contains('\t'), "{}: a tab is not printed", page.name);
        }
    }

    #[test]
    fn unknown_page_is_refused_with_the_nearest_name() {
        let Failure::Usage(text) = unknown("leapexpert") else { panic!() };
        assert!(text.contains("did you mean leapxpert?"), "{text}");
        let Failure::Usage(text) = unknown("xyz") else { panic!() };
        assert!(!text.contains("mean") && text.contains("start, leapxpert"), "{text}");
    }
}
