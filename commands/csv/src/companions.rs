//! Files that are imported together: finds the part of each file by its header, otherwise by its name.

use std::io::{self, Read};

use serde_json::json;

use crate::column_names::ColumnNames;
use crate::defect::{Defect, DefectKind, ReadError};
use crate::delimiter;
use crate::format::{FileFormat, FilePart};
use crate::names::plain;
use crate::options::{Limits, Options};
use crate::preamble;
use crate::record::Records;
use crate::text::Text;

/// What the header and the next row of a file show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStart {
    /// The part that has this header, by its index in the format's parts.
    pub part: Option<usize>,
    /// Whether any row follows the header.
    pub has_rows: bool,
}

/// Reads the starts of files that are imported together.
#[derive(Debug)]
pub struct StartReader<'o> {
    format: &'static FileFormat,
    names: ColumnNames,
    options: &'o Options,
    /// The options without encoding and delimiter. The caller may have named those for the main file only.
    plain_options: Option<Options>,
    limits: &'o Limits,
}

impl<'o> StartReader<'o> {
    /// # Errors
    /// `MissingColumn` for a mapping to a column that the format does not have.
    pub fn new(
        format: &'static FileFormat,
        options: &'o Options,
        limits: &'o Limits,
    ) -> Result<Self, Defect> {
        let names = ColumnNames::new(format.columns, format.words, &options.columns)?;
        let is_special = options.delimiter.is_some() || options.encoding.is_some();
        let without = || Options { delimiter: None, encoding: None, ..options.clone() };
        Ok(Self { format, names, options, plain_options: is_special.then(without), limits })
    }

    /// Reads a file's header, and whether a row follows. `input` opens the file from its beginning.
    ///
    /// A file whose header is unknown with the caller's options is read again without encoding and delimiter.
    ///
    /// # Errors
    /// `EmptyFile`, another defect before the end of the header, or the error of reading.
    pub fn read<R: Read>(&self, input: impl Fn() -> io::Result<R>) -> Result<FileStart, ReadError> {
        let as_asked = self.read_with(self.options, &input);
        let Some(plain_options) = &self.plain_options else { return as_asked };
        if matches!(&as_asked, Ok(start) if start.part.is_some()) {
            return as_asked;
        }
        match self.read_with(plain_options, &input) {
            // The main file, part 0, is never read without the caller's options.
            Ok(start) if start.part.is_some_and(|part| part > 0) => Ok(start),
            Ok(start) => as_asked.or(Ok(FileStart { part: None, ..start })),
            Err(_) => as_asked,
        }
    }

    fn read_with<R: Read>(
        &self,
        options: &Options,
        input: &impl Fn() -> io::Result<R>,
    ) -> Result<FileStart, ReadError> {
        let (header, has_rows) = start(input()?, options, self.limits)?;
        let fits = |part: &FilePart| self.fits(part, &header);
        Ok(FileStart { part: self.format.parts.iter().position(fits), has_rows })
    }

    /// Whether a header has more than half of the columns that a part needs.
    fn fits(&self, part: &FilePart, header: &[String]) -> bool {
        let (found, wanted) = if part.header.is_empty() {
            let known: Vec<_> = header.iter().filter_map(|name| self.names.find(name)).collect();
            let columns = self.format.columns.iter().enumerate();
            let wanted = columns.filter(|(_, column)| column.required);
            let found = wanted.clone().filter(|(index, _)| known.contains(index)).count();
            (found, wanted.count())
        } else {
            let known: Vec<_> = header.iter().map(|name| plain(name)).collect();
            let found = part.header.iter().filter(|name| known.contains(&plain(name))).count();
            (found, part.header.len())
        };
        2 * found > wanted
    }
}

/// A file's header, and whether a row follows.
fn start<R: Read>(
    input: R,
    options: &Options,
    limits: &Limits,
) -> Result<(Vec<String>, bool), ReadError> {
    let mut text = Text::open(input, options, limits)?;
    let named = preamble::delimiter(&text.head()?);
    let delimiter = delimiter::chosen(options.delimiter, named)?;
    let mut records = Records::new(text, delimiter, limits);
    if named.is_some() {
        records.advance()?;
    }
    loop {
        if !records.advance()? {
            return Err(DefectKind::EmptyFile.into());
        }
        if !records.record().is_blank() && !preamble::is_version(records.record()) {
            break;
        }
    }
    records.check_names()?;
    let header = records.record().cells().map(str::to_owned).collect();
    let has_rows = loop {
        match records.advance() {
            Ok(true) if records.record().is_blank() => {}
            Ok(more) => break more,
            Err(ReadError::Defect(_)) => break true,
            Err(error) => return Err(error),
        }
    };
    Ok((header, has_rows))
}

/// For each part of the format, the index of its file in `files`.
///
/// If every other part has a file and one unknown file is left, that is the main file. A later scan finds its
/// defects.
///
/// # Errors
/// `UnexpectedFile` for a file that is no part, or a second file of a part. `MissingCompanionFile` with the names of
/// every missing part.
pub fn assign_parts(
    format: &FileFormat,
    files: &[(&str, FileStart)],
) -> Result<Vec<usize>, Defect> {
    let parts = format.parts;
    let mut places = vec![None; parts.len()];
    let mut assign = |part: usize, file: usize, name: &str| match places.get_mut(part) {
        Some(free @ None) => {
            *free = Some(file);
            Ok(())
        }
        _ => Err(unexpected(name)),
    };
    let mut without_header = Vec::new();
    for (file, (name, start)) in files.iter().enumerate() {
        match start.part {
            Some(part) => assign(part, file, name)?,
            None => without_header.push((file, *name)),
        }
    }
    let mut left = Vec::new();
    for (file, name) in without_header {
        let plain_name = plain(name);
        match parts.iter().position(|part| plain_name.contains(part.word)) {
            Some(part) => assign(part, file, name)?,
            None => left.push((file, name)),
        }
    }
    match (left.as_slice(), places.split_first_mut()) {
        ([], _) => {}
        ([(file, _)], Some((main @ None, others))) if others.iter().all(Option::is_some) => {
            *main = Some(*file);
        }
        ([(_, name), ..], _) => return Err(unexpected(name)),
    }
    let missing = parts.iter().zip(&places).filter(|(_, place)| place.is_none());
    let missing: Vec<_> = missing.map(|(part, _)| part.name).collect();
    if missing.is_empty() {
        return Ok(places.into_iter().flatten().collect());
    }
    let details = json!({"which": missing});
    Err(Defect::detailed(DefectKind::MissingCompanionFile, &missing.join(", "), details))
}

fn unexpected(name: &str) -> Defect {
    Defect::detailed(DefectKind::UnexpectedFile, name, json!({"file": name}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Column;

    const PEOPLE: &str = "LAN ID,First Name,Last Name,PBX ID,Profile,Supervisor,Org Unit,Role\njohn,J,D,1,agent,x,T,R\n";
    const FEATURES: &str = "LAN ID,Feature,Enabled\n";
    const CHANNELS: &str = "LAN ID,Channel,Count\n";
    /// A header that the format does not know.
    const OTHER: &str = "Login,Voice,Chat,Screen\n";

    const fn column(name: &'static str) -> Column {
        Column { name, aliases: &[], required: true, example: "" }
    }

    /// Three files, as OCM has them.
    static THREE_FILES: FileFormat = FileFormat {
        parts: &[
            FilePart { name: "userdetails", word: "userdetail", header: &[] },
            FilePart {
                name: "featuredetails",
                word: "feature",
                header: &["LAN ID", "Feature", "Enabled"],
            },
            FilePart {
                name: "channelcountdetails",
                word: "channel",
                header: &["LAN ID", "Channel", "Count"],
            },
        ],
        ..FileFormat::new(&[
            column("LAN ID"),
            column("First Name"),
            column("Last Name"),
            column("PBX ID"),
            column("Profile"),
            column("Supervisor"),
            column("Org Unit"),
            column("Role"),
        ])
    };

    fn start_with(text: &[u8], options: &Options) -> Result<FileStart, ReadError> {
        let limits = Limits::default();
        let starts = StartReader::new(&THREE_FILES, options, &limits).unwrap();
        starts.read(|| Ok(text))
    }

    fn start_of(text: &str) -> FileStart {
        start_with(text.as_bytes(), &Options::default()).unwrap()
    }

    fn assigned(files: &[(&str, &str)]) -> Result<Vec<usize>, Defect> {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, start_of(text))).collect();
        assign_parts(&THREE_FILES, &files)
    }

    /// OCM-01, A29: files are recognized with any names and in any order.
    #[test]
    fn a_file_is_recognised_by_its_header() {
        let files = [("a.csv", CHANNELS), ("userdetails.csv", FEATURES), ("c.csv", PEOPLE)];
        assert_eq!(assigned(&files).unwrap(), [2, 1, 0]);
    }

    /// OCM-01, A29: both families of file names are known.
    #[test]
    fn a_file_name_decides_when_the_header_is_unknown() {
        let details = [
            ("userdetails.csv", PEOPLE),
            ("featuredetails.csv", OTHER),
            ("channelcountdetails.csv", OTHER),
        ];
        assert_eq!(assigned(&details).unwrap(), [0, 1, 2]);
        let templates = [
            ("User Feature Template.csv", OTHER),
            ("user_channel_template (1).csv", OTHER),
            ("User Detail Template.csv", OTHER),
        ];
        assert_eq!(assigned(&templates).unwrap(), [2, 0, 1]);
    }

    /// OCM-01: one answer names every missing file.
    #[test]
    fn every_missing_file_is_named() {
        let missing = |files: &[(&str, &str)], which: &[&str]| {
            let defect = assigned(files).unwrap_err();
            assert_eq!(
                (defect.kind, defect.details),
                (DefectKind::MissingCompanionFile, json!({"which": which}))
            );
        };
        missing(&[], &["userdetails", "featuredetails", "channelcountdetails"]);
        missing(&[("a.csv", PEOPLE)], &["featuredetails", "channelcountdetails"]);
        missing(&[("a.csv", FEATURES), ("b.csv", CHANNELS)], &["userdetails"]);
    }

    /// OCM-01: a fourth file is refused, and so is a second file of one part.
    #[test]
    fn an_extra_file_is_named() {
        let all = [("u.csv", PEOPLE), ("f.csv", FEATURES), ("c.csv", CHANNELS)];
        let with = |name: &'static str, text: &'static str| {
            let defect = assigned(&[&all[..], &[(name, text)]].concat()).unwrap_err();
            assert_eq!(
                (defect.kind, defect.details),
                (DefectKind::UnexpectedFile, json!({"file": name}))
            );
        };
        with("notes.csv", OTHER);
        with("more people.csv", PEOPLE);
        with("userdetails.csv", OTHER);
    }

    /// OCM-01, N04, N30, N33: so that the scan of the main file explains its defects. A second unknown file is
    /// refused, and so is one where a companion is missing.
    #[test]
    fn the_last_unknown_file_is_the_main_file() {
        let people = ("people.csv", "john;J;D\n");
        let (features, channels) = (("f.csv", FEATURES), ("channels.csv", OTHER));
        assert_eq!(assigned(&[channels, people, features]).unwrap(), [1, 2, 0]);
        for files in [&[people, features][..], &[people, features, channels, ("more.csv", OTHER)]] {
            let defect = assigned(files).unwrap_err();
            assert_eq!(defect.details, json!({"file": "people.csv"}));
        }
    }

    /// OCM-01: the encoding and delimiter of the main file do not make a usual companion file unreadable.
    #[test]
    fn a_companion_is_read_with_and_without_the_options() {
        let options = |delimiter, encoding: Option<&str>| Options {
            delimiter,
            encoding: encoding.map(str::to_owned),
            ..Options::default()
        };
        let part = |text: &[u8], options: &Options| start_with(text, options).unwrap().part;
        let semicolons = options(Some(';'), None);
        let (people, features) = (PEOPLE.replace(',', ";"), FEATURES.replace(',', ";"));
        assert_eq!(part(people.as_bytes(), &semicolons), Some(0));
        assert_eq!(part(features.as_bytes(), &semicolons), Some(1));
        assert_eq!(part(CHANNELS.as_bytes(), &semicolons), Some(2));
        assert_eq!(
            part(PEOPLE.as_bytes(), &semicolons),
            None,
            "the main file is read with the options"
        );
        let wide = options(None, Some("utf-16le"));
        assert_eq!(part(FEATURES.as_bytes(), &wide), Some(1));
        assert_eq!(part(b"Login,Voice", &options(None, Some("no such"))), None);
    }

    /// N42: the names of too many columns are not matched in any of the files.
    #[test]
    fn header_of_too_many_columns_is_refused() {
        let limits = Limits { columns: 2, ..Limits::default() };
        let options = Options::default();
        let reader = StartReader::new(&THREE_FILES, &options, &limits).unwrap();
        let error = reader.read(|| Ok(FEATURES.as_bytes())).unwrap_err();
        assert!(
            matches!(error, ReadError::Defect(defect) if defect.kind == DefectKind::TooManyColumns)
        );
    }

    /// OCM-02: blank rows do not count, and a row that cannot be read counts.
    #[test]
    fn rows_after_a_companion_header_are_noticed() {
        for (text, has_rows) in [
            ("LAN ID,Feature\n", false),
            ("\n\nLAN ID,Feature", false),
            ("LAN ID,Feature\n\n , \n", false),
            ("LAN ID,Feature\njohn,chat\n", true),
            ("LAN ID,Feature\n\"john,chat\n", true),
        ] {
            assert_eq!(start_of(text).has_rows, has_rows, "{text:?}");
        }
        let empty = start_with(b" \n", &Options::default()).unwrap_err();
        assert!(matches!(empty, ReadError::Defect(defect) if defect.kind == DefectKind::EmptyFile));
    }
}
