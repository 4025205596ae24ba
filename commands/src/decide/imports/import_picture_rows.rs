//! `ImportPictureRows`: the next pictures of an accepted archive.

use serde_json::json;

use crate::company::Company;
use crate::decide::facts::ArchivePicture;
use crate::decide::imports::import_pictures::Matching;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{ImportId, Refusal};

/// Decides about the next pictures of an accepted archive.
///
/// The command can be repeated, because it skips pictures that have an outcome. The last picture
/// completes the import.
#[derive(Debug, Clone)]
pub struct ImportPictureRows {
    pub import: ImportId,
    /// The number in the archive of the first picture in `pictures`, from 1.
    pub first: u64,
    pub pictures: Vec<ArchivePicture>,
}

impl Decide for ImportPictureRows {
    const NEEDS: Option<Permission> = None;

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        let import = self.import;
        let Some(open) = company.open_pictures.get(&import) else {
            return Ok(Decision::Answer { result: json!({}) });
        };
        // After a gap, the pictures between the last outcome and `first` would never get an
        // outcome.
        if self.first > open.done + 1 {
            return Ok(Decision::Answer { result: json!({}) });
        }
        let (match_attribute, done) = (open.match_attribute.clone(), open.users.clone());
        let mut matching = Matching { company, import, match_attribute, done };
        let numbered = self.pictures.iter().zip(self.first..);
        let next = numbered.filter(|(_, number)| *number > open.done && *number <= open.total);
        let mut events: Vec<_> =
            next.map(|(picture, number)| matching.one(number, picture)).collect();
        let inserted = matching.done.len() as u64;
        if open.done + events.len() as u64 >= open.total {
            events.push(Event::PicturesImported {
                import,
                file: open.file.clone(),
                match_attribute: matching.match_attribute,
                inserted,
                invalid: open.total - inserted,
            });
        }
        Ok(Decision::append_if_any(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created};
    use crate::event::FileRef;
    use crate::values::{Code, Personal};

    fn picture(name: &str) -> ArchivePicture {
        let content = Err(Code::PictureDamaged);
        ArchivePicture { name: Personal(name.to_owned()), content }
    }

    /// A repeated or overlapping command decides about no picture twice. The last picture ends the
    /// import.
    #[test]
    fn each_picture_has_one_outcome() {
        let import = ImportId(ulid::Ulid(8));
        let file = FileRef { name: "a.zip".to_owned(), sha256: "ab".repeat(32), bytes: 9 };
        let match_attribute = "agent_id".to_owned();
        let accepted = Event::PicturesAccepted { import, file, match_attribute, total: 3 };
        let next = |first, pictures: &[&str]| {
            let pictures = pictures.iter().map(|name| picture(name)).collect();
            ImportPictureRows { import, first, pictures }
        };
        let company = given([user_created("ann"), accepted]).after(next(1, &["1.png", "2.png"]));
        assert!(!company.when(next(1, &["1.png", "2.png"])).0.unwrap().is_append());
        let then = company.when(next(2, &["2.png", "3.png"]));
        assert_eq!(then.names(), ["PictureRefused", "PicturesImported"]);
        assert!(!company.when(next(4, &["4.png"])).0.unwrap().is_append(), "3.png has no outcome");
        let company = company.after(next(3, &["3.png"]));
        assert!(company.0.open_pictures.is_empty());
        assert!(!company.when(next(3, &["3.png"])).0.unwrap().is_append());
    }
}
