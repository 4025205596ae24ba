//! `RemovePictures`: takes the profile pictures of users away.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::company::Company;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission};
use crate::values::{Code, Personal, Refusal, UserKey};

/// The most users of one command: its commit must stay small.
pub const PICTURES_REMOVED_MAX: usize = 500;

/// Removes the profile pictures of users. The bytes of a picture are deleted
/// when no user has it any more, unless engines share their files.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovePictures {
    /// The keys of the users, at most 500.
    pub users: Vec<Personal<String>>,
}

#[derive(Serialize, JsonSchema)]
struct Removed {
    removed: u64,
    /// The users who had no picture.
    without_picture: Vec<Personal<UserKey>>,
}

impl Decide for RemovePictures {
    const NEEDS: Option<Permission> = Some(Permission::BulkImportUsers);

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Removed::json_schema(generator)
    }

    fn decide(&self, company: &Company, _: &Context<'_>) -> Result<Decision, Refusal> {
        if self.users.is_empty() || self.users.len() > PICTURES_REMOVED_MAX {
            let words = format!("users: name at least one, and at most {PICTURES_REMOVED_MAX}");
            let details = json!({"field": "users", "limit": PICTURES_REMOVED_MAX});
            return Err(Refusal::new(Code::EnvelopeMalformed).saying(&words).with(details));
        }
        let mut found = Vec::new();
        for given in &self.users {
            let unknown = || Refusal::new(Code::UserNotFound).with(json!({"user": given}));
            let (id, user) = company.user_meant(given).ok_or_else(unknown)?;
            if !found.iter().any(|(known, _)| *known == id) {
                found.push((id, Personal(user.key())));
            }
        }
        let (mut events, mut without_picture) = (Vec::new(), Vec::new());
        for (id, user) in found {
            match company.portrait(id) {
                Some(sha256) => {
                    events.push(Event::PictureRemoved { user, sha256: sha256.to_owned() });
                }
                None => without_picture.push(user),
            }
        }
        if events.is_empty() {
            return Err(Refusal::new(Code::PictureNotFound).with(json!({"users": without_picture})));
        }
        let result = json!(Removed { removed: events.len() as u64, without_picture });
        Ok(Decision::append(events).with_result(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{given, user_created, who};
    use crate::event::PictureFormat;
    use crate::values::ImportId;

    fn inserted(user: &str) -> Event {
        Event::PictureInserted {
            import: ImportId(ulid::Ulid(8)),
            number: 1,
            name: Personal(format!("{user}.png")),
            user: who(user),
            sha256: "5e".repeat(32),
            bytes: 9,
            format: PictureFormat::Png,
            replaced: None,
        }
    }

    /// OCM-20: a picture is removed once; users without a picture are named.
    #[test]
    fn picture_is_removed_once() {
        let remove = |users: &[&str]| RemovePictures {
            users: users.iter().map(|user| Personal((*user).to_owned())).collect(),
        };
        let company = given([user_created("ann"), user_created("bob"), inserted("ann")]);
        let then = company.when(remove(&["ANN", "bob", "ann"]));
        assert_eq!(then.names(), ["PictureRemoved"]);
        let result = then.result();
        assert_eq!((&result["removed"], &result["without_picture"]), (&json!(1), &json!(["bob"])));
        let company = company.after(remove(&["ann"]));
        company.when(remove(&["ann"])).then_refused(Code::PictureNotFound);
        company.when(remove(&["zoe"])).then_refused(Code::UserNotFound);
        company.when(remove(&[])).then_refused(Code::EnvelopeMalformed);
    }

    #[test]
    fn users_of_one_command_are_limited() {
        let remove = |count: usize| {
            let users = vec![Personal("ann".to_owned()); count];
            given([user_created("ann"), inserted("ann")]).when(RemovePictures { users })
        };
        assert_eq!(remove(PICTURES_REMOVED_MAX).names(), ["PictureRemoved"]);
        remove(PICTURES_REMOVED_MAX + 1).then_refused(Code::EnvelopeMalformed);
    }
}
