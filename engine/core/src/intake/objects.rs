//! Files from an object store: fetched by name and stored like other files.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use boarding_commands::decide::imports::import_file::{FileBody, ObjectRef};
use boarding_commands::event::{Event, FileRef};
use boarding_commands::values::{Code, CommandId, CompanyId, Refusal};
use boarding_csv::clean_name;
use serde_json::json;

use crate::context::EngineContext;
use crate::object_store::FILES_BUCKET;

fn malformed(why: &str) -> Refusal {
    Refusal::new(Code::EnvelopeMalformed).saying(&format!("files: {why}"))
}

/// Fetches a file that the command names. It must belong to the company and match its description.
pub(super) async fn keep_object(
    context: &EngineContext,
    company: &CompanyId,
    body: &FileBody,
    object: &ObjectRef,
) -> Result<FileRef, Refusal> {
    if body.text.is_some() || body.base64.is_some() || body.upload.is_some() {
        return Err(malformed("give one of text, base64, object and upload"));
    }
    check_place(company, object)?;
    let announced = announced(body, object)?;
    let objects = context.objects.get().ok_or_else(|| {
        malformed("there is no object store here; send the file as text or base64")
    })?;
    let fetched = objects.fetch(&object.name, &body.name, &context.files).await?;
    let own = match &fetched.digest {
        Some(digest) if announced.is_empty() => vec![hex_of(digest)?],
        _ => Vec::new(),
    };
    match announced.iter().chain(&own).find(|digest| **digest != fetched.kept.sha256) {
        None => Ok(fetched.kept),
        Some(announced) => {
            context.files.discard(&fetched.kept.sha256);
            let details = json!({"announced": announced, "actual": fetched.kept.sha256});
            Err(Refusal::new(Code::ImportChecksumMismatch).with(details))
        }
    }
}

/// The stored files of an accepted command that named uploads or files of an object store, which may be gone now.
/// `None` if the files must be fetched again.
pub(crate) fn recall(
    context: &EngineContext,
    company: &CompanyId,
    id: CommandId,
    bodies: &[FileBody],
) -> Result<Option<Vec<FileRef>>, Refusal> {
    if !bodies.iter().all(|body| body.object.is_some() || body.upload.is_some()) {
        return Ok(None);
    }
    let is_there = |body: &FileBody| {
        body.upload.as_ref().is_some_and(|upload| context.uploads.open(company, upload).is_ok())
    };
    if bodies.iter().any(is_there) {
        // Another file under the same id must not count as a repeat, so the digest of the upload is made again.
        return Ok(None);
    }
    // The stored order is that of the dialect, not that of the command.
    let mut first = first_files(context, company, id)?;
    let known = |body: &FileBody| {
        let announced = match &body.object {
            Some(object) => {
                check_place(company, object).and_then(|()| announced(body, object)).ok()?
            }
            None => body.sha256.as_ref().map(|hex| hex.to_ascii_lowercase()).into_iter().collect(),
        };
        let name = clean_name(&body.name);
        let place = first.iter().position(|file| file.name == name).unwrap_or_default();
        let FileRef { sha256, bytes, .. } = first.get(place)?.clone();
        first.remove(place);
        let sha256 = announced.last().cloned().unwrap_or(sha256);
        Some(FileRef { name, sha256, bytes })
    };
    Ok(bodies.iter().map(known).collect::<Option<Vec<_>>>())
}

fn first_files(
    context: &EngineContext,
    company: &CompanyId,
    id: CommandId,
) -> Result<Vec<FileRef>, Refusal> {
    let unavailable = |why: String| Refusal::new(Code::Unavailable).saying(&why);
    let Some(place) = context.location_of(company, id).map_err(unavailable)? else {
        return Ok(Vec::new());
    };
    let read = context.log.read_at(place);
    let events =
        read.map_err(|error| unavailable(boarding_log::error_chain(&error)))?.commit.events;
    let files = events.into_iter().find_map(|event| match event {
        Event::ImportAccepted { files, .. } => Some(files),
        Event::PicturesImported { file, .. } => Some(vec![file]),
        _ => None,
    });
    Ok(files.unwrap_or_default())
}

/// Checks that the object belongs to the company: its name must begin with the company id.
fn check_place(company: &CompanyId, object: &ObjectRef) -> Result<(), Refusal> {
    if object.bucket != FILES_BUCKET {
        return Err(malformed(&format!("files are taken from the bucket {FILES_BUCKET} only")));
    }
    let own = object.name.strip_prefix(company.as_str()).and_then(|rest| rest.strip_prefix('/'));
    match own {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(malformed(&format!("the object's name has to begin with {company}/"))),
    }
}

/// The digests in the command, in hexadecimal.
fn announced(body: &FileBody, object: &ObjectRef) -> Result<Vec<String>, Refusal> {
    let digest = object.digest.as_deref().map(hex_of).transpose()?;
    Ok(body.sha256.as_ref().map(|hex| hex.to_ascii_lowercase()).into_iter().chain(digest).collect())
}

/// Converts a digest of an object store to hexadecimal.
fn hex_of(digest: &str) -> Result<String, Refusal> {
    let padding =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = digest.strip_prefix("SHA-256=").and_then(|text| {
        let read = |alphabet| GeneralPurpose::new(alphabet, padding).decode(text).ok();
        read(&URL_SAFE).or_else(|| read(&STANDARD)).filter(|bytes| bytes.len() == 32)
    });
    let bytes =
        bytes.ok_or_else(|| malformed("digest: expected SHA-256= and 32 bytes in base64url"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, name: &str) -> ObjectRef {
        ObjectRef { bucket: bucket.to_owned(), name: name.to_owned(), digest: None }
    }

    #[test]
    fn a_company_names_its_own_files_only() {
        let acme = "acme".parse().unwrap();
        assert!(check_place(&acme, &object(FILES_BUCKET, "acme/people.csv")).is_ok());
        for (bucket, name) in [
            (FILES_BUCKET, "globex/people.csv"),
            (FILES_BUCKET, "acme-two/people.csv"),
            (FILES_BUCKET, "acme"),
            (FILES_BUCKET, "acme/"),
            (FILES_BUCKET, "/acme/people.csv"),
            ("OTHER", "acme/people.csv"),
        ] {
            let refusal = check_place(&acme, &object(bucket, name)).unwrap_err();
            assert_eq!(refusal.code, Code::EnvelopeMalformed, "{bucket} {name}");
        }
    }

    #[test]
    fn digest_is_read_in_both_alphabets_and_without_padding() {
        let hex = "fb".repeat(32);
        for text in [
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s=",
            "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s",
            "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
        ] {
            assert_eq!(hex_of(&format!("SHA-256={text}")).unwrap(), hex);
        }
        for bad in ["", "SHA-256=", "SHA-256=AAAA", "MD5=AAAA", "SHA-256=*"] {
            assert!(hex_of(bad).is_err(), "{bad}");
        }
    }
}
