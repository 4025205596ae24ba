//! Several files that a product takes together: which is which, by its header first, by its name second (A29).

use std::io::Read;

use serde_json::json;

use super::delimiter;
use super::failure::FileError;
use super::header::{Names, plain};
use super::options::{Limits, Options};
use super::record::Records;
use super::text::Text;
use crate::code::{Code, Refusal};
use crate::dialect::{Dialect, Part};

/// How a file begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The part whose header it has, if it has one's.
    pub part: Option<usize>,
    /// Whether anything follows the header.
    pub has_rows: bool,
}

/// Sees how files begin that a dialect takes together.
#[derive(Debug)]
pub struct Opener<'o> {
    dialect: &'o dyn Dialect,
    names: Names,
    options: &'o Options,
    /// As a file is read of which nothing is said: what is said of the people's need not be so beside it.
    plainly: Option<Options>,
    limits: &'o Limits,
}

impl<'o> Opener<'o> {
    /// # Errors
    /// `csv.missing_column` for a mapping to a column that the dialect does not have.
    pub fn new(
        dialect: &'o dyn Dialect,
        options: &'o Options,
        limits: &'o Limits,
    ) -> Result<Self, Refusal> {
        let names = Names::new(dialect.columns(), &options.columns)?;
        let is_asked = options.delimiter.is_some() || options.encoding.is_some();
        let plain = || Options { delimiter: None, encoding: None, ..options.clone() };
        Ok(Self { dialect, names, options, plainly: is_asked.then(plain), limits })
    }

    /// Reads a file's header and whether anything follows it; as is asked, and plainly unless it is the people's.
    ///
    /// # Errors
    /// `import.empty_file` and whatever forbids to read the header, or the fault of reading.
    pub fn open<R: Read>(
        &self,
        input: impl Fn() -> Result<R, FileError>,
    ) -> Result<Opening, FileError> {
        let asked = input().and_then(|input| self.read(input, self.options));
        let Some(plainly) = &self.plainly else { return asked };
        if matches!(&asked, Ok(opening) if opening.part.is_some()) {
            return asked;
        }
        match input().and_then(|input| self.read(input, plainly)) {
            Ok(opening) if opening.part.is_some_and(|part| part > 0) => Ok(opening),
            Ok(opening) => asked.or(Ok(Opening { part: None, ..opening })),
            Err(_) => asked,
        }
    }

    fn read<R: Read>(&self, input: R, options: &Options) -> Result<Opening, FileError> {
        let (header, has_rows) = beginning(input, options, self.limits)?;
        let fits = |part: &Part| fits(part, self.dialect, &self.names, &header);
        Ok(Opening { part: self.dialect.parts().iter().position(fits), has_rows })
    }
}

/// A file's header, and whether anything follows it.
fn beginning<R: Read>(
    input: R,
    options: &Options,
    limits: &Limits,
) -> Result<(Vec<String>, bool), FileError> {
    let delimiter = delimiter::asked(options.delimiter)?;
    let mut records = Records::new(Text::open(input, options, limits)?, delimiter, limits);
    loop {
        if !records.advance()? {
            return Err(Refusal::new(Code::ImportEmptyFile).into());
        }
        if !records.record().is_blank() {
            break;
        }
    }
    let header = records.record().cells().map(str::to_owned).collect();
    let has_rows = loop {
        match records.advance() {
            Ok(true) if records.record().is_blank() => {}
            Ok(more) => break more,
            Err(FileError::Refused(_)) => break true,
            Err(fault) => return Err(fault),
        }
    };
    Ok((header, has_rows))
}

/// The places of the dialect's parts among these files, in the order of the parts.
///
/// Where all others are found and one file is left, that is the people's: what is wrong with it is for its own
/// reading to say.
///
/// # Errors
/// `import.unexpected_file` for a file that is no part or one too many, `import.missing_companion_file`
/// naming all that are missing.
pub fn sort(dialect: &dyn Dialect, files: &[(&str, Opening)]) -> Result<Vec<usize>, Refusal> {
    let parts = dialect.parts();
    let mut places = vec![None; parts.len()];
    let mut settle = |part: usize, file: usize, name: &str| match places.get_mut(part) {
        Some(free @ None) => {
            *free = Some(file);
            Ok(())
        }
        _ => Err(unexpected(name)),
    };
    let mut nameless = Vec::new();
    for (file, (name, opening)) in files.iter().enumerate() {
        match opening.part {
            Some(part) => settle(part, file, name)?,
            None => nameless.push((file, *name)),
        }
    }
    let mut left = Vec::new();
    for (file, name) in nameless {
        let word = plain(name);
        match parts.iter().position(|part| word.contains(part.word)) {
            Some(part) => settle(part, file, name)?,
            None => left.push((file, name)),
        }
    }
    match (left.as_slice(), places.split_first_mut()) {
        ([], _) => {}
        ([(file, _)], Some((people @ None, others))) if others.iter().all(Option::is_some) => {
            *people = Some(*file);
        }
        ([(_, name), ..], _) => return Err(unexpected(name)),
    }
    let lost = parts.iter().zip(&places).filter(|(_, place)| place.is_none());
    let lost: Vec<_> = lost.map(|(part, _)| part.name).collect();
    if lost.is_empty() {
        return Ok(places.into_iter().flatten().collect());
    }
    Err(Refusal::new(Code::ImportMissingCompanionFile)
        .saying(&lost.join(", "))
        .with(json!({"which": lost})))
}

/// Whether a file has most of the columns that a part must have.
fn fits(part: &Part, dialect: &dyn Dialect, names: &Names, header: &[String]) -> bool {
    let (found, wanted) = if part.header.is_empty() {
        let there: Vec<_> = header.iter().filter_map(|name| names.find(name)).collect();
        let wanted = dialect.columns().iter().enumerate().filter(|(_, column)| column.required);
        let found = wanted.clone().filter(|(index, _)| there.contains(index)).count();
        (found, wanted.count())
    } else {
        let there: Vec<_> = header.iter().map(|name| plain(name)).collect();
        let found = part.header.iter().filter(|name| there.contains(&plain(name))).count();
        (found, part.header.len())
    };
    2 * found > wanted
}

fn unexpected(name: &str) -> Refusal {
    Refusal::new(Code::ImportUnexpectedFile).saying(name).with(json!({"file": name}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: &str = "LAN ID,First Name,Last Name,PBX ID,Profile,Supervisor,Org Unit,Role\njohn,J,D,1,agent,x,T,R\n";
    const FEATURES: &str = "LAN ID,Feature,Enabled\n";
    const CHANNELS: &str = "LAN ID,Channel,Count\n";
    /// What the vendor's own templates may look like.
    const OTHER: &str = "Login,Voice,Chat,Screen\n";

    fn ocm() -> &'static dyn Dialect {
        crate::dialect::find("ocm").unwrap()
    }

    fn opened_as(text: &[u8], options: &Options) -> Result<Opening, FileError> {
        let limits = Limits::default();
        let opener = Opener::new(ocm(), options, &limits).unwrap();
        opener.open(|| Ok(text))
    }

    fn opened(text: &str) -> Opening {
        opened_as(text.as_bytes(), &Options::default()).unwrap()
    }

    fn sorted(files: &[(&str, &str)]) -> Result<Vec<usize>, Refusal> {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, opened(text))).collect();
        sort(ocm(), &files)
    }

    /// OCM-01, A29: the header tells, whatever the files are called and in whatever order they come.
    #[test]
    fn ocm_01_a_header_tells_which_file_it_is() {
        let files = [("a.csv", CHANNELS), ("userdetails.csv", FEATURES), ("c.csv", PEOPLE)];
        assert_eq!(sorted(&files).unwrap(), [2, 1, 0]);
    }

    /// OCM-01, A29: where no header tells, the name does, in either family of names.
    #[test]
    fn a29_a_name_tells_where_no_header_does() {
        let details = [
            ("userdetails.csv", PEOPLE),
            ("featuredetails.csv", OTHER),
            ("channelcountdetails.csv", OTHER),
        ];
        assert_eq!(sorted(&details).unwrap(), [0, 1, 2]);
        let templates = [
            ("User Feature Template.csv", OTHER),
            ("user_channel_template (1).csv", OTHER),
            ("User Detail Template.csv", OTHER),
        ];
        assert_eq!(sorted(&templates).unwrap(), [2, 0, 1]);
    }

    /// OCM-01: all that is missing is named at once.
    #[test]
    fn ocm_01_missing_files_are_named() {
        let missing = |files: &[(&str, &str)], which: &[&str]| {
            let refusal = sorted(files).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.details),
                (Code::ImportMissingCompanionFile, json!({"which": which}))
            );
        };
        missing(&[], &["userdetails", "featuredetails", "channelcountdetails"]);
        missing(&[("a.csv", PEOPLE)], &["featuredetails", "channelcountdetails"]);
        missing(&[("a.csv", FEATURES), ("b.csv", CHANNELS)], &["userdetails"]);
    }

    /// OCM-01: a fourth file, a second of one kind and one of no kind are not taken.
    #[test]
    fn ocm_01_a_file_too_many_is_named() {
        let all = [("u.csv", PEOPLE), ("f.csv", FEATURES), ("c.csv", CHANNELS)];
        let with = |name: &'static str, text: &'static str| {
            let refusal = sorted(&[&all[..], &[(name, text)]].concat()).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.details),
                (Code::ImportUnexpectedFile, json!({"file": name}))
            );
        };
        with("notes.csv", OTHER);
        with("more people.csv", PEOPLE);
        with("userdetails.csv", OTHER);
    }

    /// OCM-01, N04, N30, N33: what is left beside the companions is the people's, and tells its own fault; but
    /// never a second file, nor one where a companion is missing too.
    #[test]
    fn ocm_01_what_is_left_is_the_peoples() {
        let people = ("people.csv", "john;J;D\n");
        let (features, channels) = (("f.csv", FEATURES), ("channels.csv", OTHER));
        assert_eq!(sorted(&[channels, people, features]).unwrap(), [1, 2, 0]);
        for files in [&[people, features][..], &[people, features, channels, ("more.csv", OTHER)]] {
            let refusal = sorted(files).unwrap_err();
            assert_eq!(refusal.details, json!({"file": "people.csv"}));
        }
    }

    /// OCM-01: what is said of the people's file does not make companions unreadable that are as usual.
    #[test]
    fn ocm_01_a_companion_is_read_as_asked_or_plainly() {
        let options = |delimiter, encoding: Option<&str>| Options {
            delimiter,
            encoding: encoding.map(str::to_owned),
            ..Options::default()
        };
        let part = |text: &[u8], options: &Options| opened_as(text, options).unwrap().part;
        let semicolons = options(Some(';'), None);
        let (people, features) = (PEOPLE.replace(',', ";"), FEATURES.replace(',', ";"));
        assert_eq!(part(people.as_bytes(), &semicolons), Some(0));
        assert_eq!(part(features.as_bytes(), &semicolons), Some(1));
        assert_eq!(part(CHANNELS.as_bytes(), &semicolons), Some(2));
        assert_eq!(part(PEOPLE.as_bytes(), &semicolons), None, "the people's is read as asked");
        let wide = options(None, Some("utf-16le"));
        assert_eq!(part(FEATURES.as_bytes(), &wide), Some(1));
        assert_eq!(part(b"Login,Voice", &options(None, Some("no such"))), None);
    }

    /// OCM-02: whether a companion has rows; blank ones are none, and one that cannot be read is some.
    #[test]
    fn ocm_02_rows_of_a_companion_are_seen() {
        for (text, has_rows) in [
            ("LAN ID,Feature\n", false),
            ("\n\nLAN ID,Feature", false),
            ("LAN ID,Feature\n\n , \n", false),
            ("LAN ID,Feature\njohn,chat\n", true),
            ("LAN ID,Feature\n\"john,chat\n", true),
        ] {
            assert_eq!(opened(text).has_rows, has_rows, "{text:?}");
        }
        let empty = opened_as(b" \n", &Options::default()).unwrap_err();
        assert!(
            matches!(empty, FileError::Refused(refusal) if refusal.code == Code::ImportEmptyFile)
        );
    }
}
