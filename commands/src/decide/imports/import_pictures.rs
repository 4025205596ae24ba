//! `ImportPictures`: the profile pictures of an archive, each matched to the person its name tells.

use std::collections::BTreeSet;

use boarding_csv::same_name;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::company::{Company, UserId};
use crate::decide::facts::{ArchivePicture, StoredPicture};
use crate::decide::imports::import_file::FileBody;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, ImportId, Personal, Refusal};

/// The profile pictures of an archive. The name of each picture says which existing person it belongs to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPictures {
    #[serde(alias = "import_id")]
    #[schemars(extend("x-aliases" = ["import_id"]))]
    pub import: Option<ImportId>,
    /// A zip archive.
    #[serde(alias = "zip")]
    #[schemars(extend("x-aliases" = ["zip"]))]
    pub file: FileBody,
    /// What the names of the pictures are, without their extensions.
    pub match_attribute: MatchAttribute,
}

/// What a picture's name is compared with, without its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchAttribute {
    AgentId,
}

/// Case, blanks and underscores do not count: the product's own form calls it `agent id`.
impl<'de> Deserialize<'de> for MatchAttribute {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let found = Self::ALL.into_iter().find(|one| same_name(one.attribute(), &text));
        found.ok_or_else(|| D::Error::unknown_variant(&text, &["agent_id"]))
    }
}

impl MatchAttribute {
    const ALL: [Self; 1] = [Self::AgentId];

    fn attribute(self) -> &'static str {
        match self {
            Self::AgentId => "agent_id",
        }
    }
}

/// The `result` of pictures: how many were inserted and how many are invalid. Both are 0 while the state is `processing`.
#[derive(Debug, Serialize, JsonSchema)]
struct Imported {
    import: ImportId,
    /// `processing`: the pictures do not fit in one commit, and the query `picture_import` says when all are done.
    state: State,
    total: u64,
    inserted: u64,
    invalid: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    Processing,
    Completed,
}

impl Decide for ImportPictures {
    const NEEDS: Option<Permission> = Some(Permission::BulkImportUsers);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Imported::json_schema(generator)
    }

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        let import = self.import.unwrap_or(ImportId(context.id.0));
        if company.imports.contains_key(&import) || company.picture_imports.contains(&import) {
            return Err(Code::ImportAlreadyExists.into());
        }
        let read = context.facts.archive().ok_or(Code::ImportUnexpectedFile)?;
        let (file, total) = (read.file.clone(), read.total);
        let match_attribute = self.match_attribute.attribute().to_owned();
        if (read.pictures.len() as u64) < total {
            let accepted = Event::PicturesAccepted { import, file, match_attribute, total };
            let state = State::Processing;
            let result = json!(Imported { import, state, total, inserted: 0, invalid: 0 });
            return Ok(Decision::append(vec![accepted]).with_result(result));
        }
        let mut matching = Matching { company, import, match_attribute, done: BTreeSet::new() };
        let outcomes = read.pictures.iter().zip(1..);
        let outcomes: Vec<_> =
            outcomes.map(|(picture, number)| matching.one(number, picture)).collect();
        let inserted = matching.done.len() as u64;
        let invalid = total - inserted;
        let match_attribute = matching.match_attribute;
        let summary = Event::PicturesImported { import, file, match_attribute, inserted, invalid };
        let events = std::iter::once(summary).chain(outcomes).collect();
        let state = State::Completed;
        let result = json!(Imported { import, state, total, inserted, invalid });
        Ok(Decision::append(events).with_result(result))
    }
}

/// Matches the pictures of an archive with users.
pub(super) struct Matching<'a> {
    pub(super) company: &'a Company,
    pub(super) import: ImportId,
    pub(super) match_attribute: String,
    /// The users who got a picture.
    pub(super) done: BTreeSet<UserId>,
}

impl Matching<'_> {
    /// The outcome of one picture. A new picture replaces the person's old one and counts as inserted.
    pub(super) fn one(&mut self, number: u64, picture: &ArchivePicture) -> Event {
        let (import, name) = (self.import, picture.name.clone());
        let refused =
            |code: Code| Event::PictureRefused { import, number, name: name.clone(), code };
        let content = match &picture.content {
            Ok(content) => content.clone(),
            Err(code) => return refused(*code),
        };
        let stem = stem(&name);
        // An existing person has a valid Agent ID, even if the settings allow fewer characters now.
        let Some((id, user)) = self.company.holder(&self.match_attribute, stem) else {
            let is_one = !stem.is_empty() && self.company.settings.takes_id(stem);
            return refused(if is_one { Code::PictureUserNotFound } else { Code::PictureNoMatch });
        };
        if !self.done.insert(id) {
            return refused(Code::PictureDuplicateForUser);
        }
        let StoredPicture { sha256, bytes, format } = content;
        let user = Personal(user.key());
        let earlier = self.company.portrait(id).filter(|earlier| *earlier != sha256);
        let (name, replaced) = (name.clone(), earlier.map(str::to_owned));
        Event::PictureInserted { import, number, name, user, sha256, bytes, format, replaced }
    }
}

/// The extensions of pictures, in lower case. Only the content says the format.
const EXTENSIONS: [&str; 12] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp", "heic", "heif", "tif", "tiff"];

/// The name of a picture without its extension. An Agent ID may have a dot, so another ending belongs to the name.
fn stem(name: &str) -> &str {
    let named = name
        .rsplit_once('.')
        .filter(|(_, end)| EXTENSIONS.contains(&end.trim().to_ascii_lowercase().as_str()));
    named.map_or(name, |(stem, _)| stem).trim()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::decide::Command;
    use crate::decide::facts::{ArchiveContents, Facts};
    use crate::decide::testing::{Given, Input, given, who};
    use crate::event::{FileRef, Person, PictureFormat};

    fn agent(key: &str, agent_id: &str) -> Event {
        let attributes = BTreeMap::from([("agent_id".to_owned(), agent_id.to_owned())]);
        let person = Personal(Person { attributes, ..Person::default() });
        let user = who(key);
        Event::UserCreated { user, person, org_unit: None, roles: vec![], active: true, row: None }
    }

    fn good(name: &str) -> (&str, Result<StoredPicture, Code>) {
        let file = StoredPicture { sha256: "5e".repeat(32), bytes: 9, format: PictureFormat::Png };
        (name, Ok(file))
    }

    fn pictures(read: &[(&str, Result<StoredPicture, Code>)]) -> Input {
        let body =
            json!({"file": {"name": "Archive.zip", "text": ""}, "match_attribute": "agent id"});
        let command = Command::read("ImportPictures", body).unwrap();
        let file = FileRef { name: "Archive.zip".to_owned(), sha256: "ab".repeat(32), bytes: 10 };
        let one = |(name, content): &(&str, Result<StoredPicture, Code>)| ArchivePicture {
            name: Personal((*name).to_owned()),
            content: content.clone(),
        };
        let pictures: Vec<_> = read.iter().map(one).collect();
        let total = pictures.len() as u64;
        Input { command, facts: Facts::Archive(ArchiveContents { file, total, pictures }) }
    }

    /// The outcome of each picture: its user, or the code.
    fn outcomes(
        company: &Given,
        read: &[(&str, Result<StoredPicture, Code>)],
    ) -> Vec<Result<String, Code>> {
        let events = company.when(pictures(read)).events();
        let one = |event: &Event| match event {
            Event::PictureInserted { user, .. } => Some(Ok(user.as_str().to_owned())),
            Event::PictureRefused { code, .. } => Some(Err(*code)),
            _ => None,
        };
        events.iter().filter_map(one).collect()
    }

    fn company() -> Given {
        given([agent("john", "johndoe22"), agent("jane", "janedoe1")])
    }

    /// OCM-16, OCM-18, N83: the file name is the Agent ID of an existing person, in any case.
    #[test]
    fn picture_is_matched_by_agent_id() {
        let read = [
            good("JOHNDOE22.JPG"),
            good("john.jpg"),
            good("IMG 4711 (1).png"),
            good(".jpg"),
            good("janedoe1"),
        ];
        let john = Ok("john".to_owned());
        let (lost, none) = (Err(Code::PictureUserNotFound), Err(Code::PictureNoMatch));
        assert_eq!(
            outcomes(&company(), &read),
            [john, lost, none.clone(), none, Ok("jane".to_owned())]
        );
    }

    /// OCM-18: an existing Agent ID with a punctuation mark matches, also when the settings no longer allow
    /// the mark.
    #[test]
    fn existing_agent_id_matches_after_its_marks_are_forbidden() {
        let company = given([agent("john", "john.doe")]);
        let read = [good("John.Doe.png"), good("jane.doe.png")];
        assert_eq!(outcomes(&company, &read), [Ok("john".to_owned()), Err(Code::PictureNoMatch)]);
    }

    /// OCM-18: the part after a dot is an extension only if it is one. `jane.doe` is never the picture of `jane`.
    #[test]
    fn name_without_an_extension_is_the_whole_name() {
        let company = given([agent("jane", "jane"), agent("john", "john.doe")]);
        let read = [good("jane.doe"), good("john.doe"), good("jane.JPEG")];
        let (none, john, jane) = (Err(Code::PictureNoMatch), "john", "jane");
        let expected = [none, Ok(john.to_owned()), Ok(jane.to_owned())];
        assert_eq!(outcomes(&company, &read), expected);
    }

    /// OCM-16, OCM-18: `zip` is another name of `file`. The attribute is read in the product's spellings.
    #[test]
    fn match_attribute_is_read_in_many_spellings() {
        for attribute in ["agent_id", "agent id", "Agent ID", "AGENT_ID", "AgentId"] {
            let body = json!({"zip": {"name": "a.zip", "text": ""}, "match_attribute": attribute});
            let command = Command::read("ImportPictures", body);
            assert!(matches!(command, Ok(Command::ImportPictures(_))), "{attribute}: {command:?}");
        }
    }

    /// A28: the first valid picture of a person is inserted; the later ones are invalid.
    #[test]
    fn first_valid_picture_of_a_person_is_inserted() {
        let bad = ("janedoe1.gif", Err(Code::PictureUnsupportedFormat));
        let read = [bad, good("janedoe1.jpg"), good("janedoe1.png")];
        let expected = [
            Err(Code::PictureUnsupportedFormat),
            Ok("jane".to_owned()),
            Err(Code::PictureDuplicateForUser),
        ];
        assert_eq!(outcomes(&company(), &read), expected);
    }

    /// A27, OCM-20: a second archive replaces the picture, which counts as inserted.
    #[test]
    fn second_archive_replaces_the_picture() {
        let mut again = pictures(&[good("johndoe22.png"), good("unknown.png")]);
        let company = company().after(pictures(&[good("johndoe22.jpg")]));
        company.when(again.clone()).then_refused(Code::ImportAlreadyExists);
        let Command::ImportPictures(command) = &mut again.command else { panic!() };
        command.import = Some(ImportId(ulid::Ulid(8)));
        let then = company.when(again);
        assert_eq!(then.names(), ["PicturesImported", "PictureInserted", "PictureRefused"]);
        let result = then.result();
        assert_eq!(
            (&result["total"], &result["inserted"], &result["invalid"]),
            (&json!(2), &json!(1), &json!(1))
        );
    }

    /// OCM-18: an unknown attribute is rejected.
    #[test]
    fn unknown_match_attribute_is_rejected() {
        let body = json!({"file": {"name": "a.zip", "text": ""}, "match_attribute": "shoe_size"});
        company().when_json("ImportPictures", body).then_refused(Code::EnvelopeMalformed);
    }
}
