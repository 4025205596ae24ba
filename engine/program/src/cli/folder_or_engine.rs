//! Decides between a data folder and a running engine, by what is typed and what the environment says.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::common::Common;
use super::engine_url::EngineUrl;
use super::failure::Failure;

/// The options that concern a data folder only, with their names.
const OF_FOLDER: &[(&str, &str)] = &[
    ("data", "--data"),
    ("outbox", "--outbox"),
    ("smtp", "--smtp"),
    ("text_outbox", "--text-outbox"),
    ("adopt_runs", "--adopt-runs"),
];

/// The common options of a data folder that were typed, and whether `--url` was.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    of_folder: Vec<&'static str>,
    url: bool,
}

impl Typed {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let of_folder = OF_FOLDER.iter().filter(|(id, _)| is_typed(id)).map(|(_, name)| *name);
        Self { of_folder: of_folder.collect(), url: is_typed("url") }
    }

    /// Whether `--url` was typed.
    pub(super) fn has_url(&self) -> bool {
        self.url
    }

    /// Refuses `--url` for a verb that needs the data folder.
    ///
    /// # Errors
    /// A usage failure.
    pub(super) fn check_folder_only(&self, verb: &str) -> Result<(), Failure> {
        if !self.url {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "boarding {verb} works on a data folder of this machine; leave out --url"
        )))
    }
}

/// Decides between a running engine and a data folder: what is typed wins over the environment. Sets `url` to none for
/// a data folder.
///
/// # Errors
/// A usage failure if the options or the environment name both.
pub(super) fn choose(common: &mut Common, typed: &Typed) -> Result<(), Failure> {
    if common.url.as_ref().is_none_or(|url| url.0.is_none()) {
        return Ok(());
    }
    if !typed.url && typed.of_folder.contains(&"--data") {
        common.url = None;
        return Ok(());
    }
    let given = common.url.as_ref().and_then(|url| url.0.as_deref()).unwrap_or_default();
    // The address may hold a password, so the message does not repeat it.
    if let Err(rule) = given.parse::<EngineUrl>() {
        let name = if typed.url { "--url" } else { "BOARDING_URL" };
        return Err(Failure::Usage(format!("{name} is no address of an engine: {rule}")));
    }
    if let Some(option) = typed.of_folder.first() {
        let url = if typed.url { "--url" } else { "BOARDING_URL" };
        return Err(Failure::Usage(format!(
            "{option} is for a data folder, and {url} names a running engine, which has its own; leave out {option}"
        )));
    }
    if !typed.url && common.given_data().is_some() {
        let text = "BOARDING_URL and BOARDING_DATA are both set; add --url or --data to say which one is meant";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
}
