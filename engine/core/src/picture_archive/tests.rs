//! Archives as people and systems make them, and as attackers do.

mod packed;

use packed::{Form, Packed, deflated, end, stored, zip};

use super::*;

/// A grey PNG of 2 × 2 pixels.
const PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x02\x00\x00\x00\x02\x08\
    \x00\x00\x00\x00\x57\xdd\x52\xf8\x00\x00\x00\x0e\x49\x44\x41\x54\x78\xda\x63\x10\x50\x60\x30\x70\x00\
    \x00\x01\x76\x00\xa1\xf1\x58\xc4\x82\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
/// A grey JPEG of 16 × 16 pixels.
const JPEG: &[u8] = b"\xff\xd8\xff\xdb\x00\x43\x00\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\
    \x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\
    \x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\xff\xc0\x00\x0b\
    \x08\x00\x10\x00\x10\x01\x01\x11\x00\xff\xc4\x00\x14\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\xff\xc4\x00\x14\x10\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00\xff\xd9";

type Told = Vec<(String, Result<PictureFormat, Code>)>;

fn told_of(bytes: &[u8]) -> Result<Told, Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path().to_owned());
    let file = files.keep("Archive.zip", bytes, u64::MAX - 1).unwrap();
    let read = read(&files, file)?;
    let outcomes = |one: ArchivePicture| {
        if let Ok(file) = &one.content {
            assert_eq!(files.open(&file.sha256).unwrap().metadata().unwrap().len(), file.bytes);
        }
        (one.name.0, one.content.map(|file| file.format))
    };
    Ok(read.pictures.into_iter().map(outcomes).collect())
}

fn outcomes(files: &[Packed]) -> Told {
    told_of(&zip(files)).unwrap()
}

fn one(file: Packed) -> Result<PictureFormat, Code> {
    outcomes(&[file]).remove(0).1
}

fn code(bytes: &[u8]) -> Code {
    told_of(bytes).unwrap_err().code
}

/// So many files of different names.
fn many(count: usize) -> Vec<Packed> {
    let path = |n: usize| -> &'static str { Box::leak(format!("{n}.png").into_boxed_str()) };
    (0..count).map(|n| stored(path(n), b"")).collect()
}

/// OCM-17, N83: JPEG and PNG are recognized by their first bytes, with any name; others are rejected.
#[test]
fn picture_format_is_read_from_its_bytes() {
    assert_eq!(one(stored("a.jpg", JPEG)), Ok(PictureFormat::Jpeg));
    assert_eq!(one(stored("a.jpg", PNG)), Ok(PictureFormat::Png));
    assert_eq!(one(deflated("a.png", PNG)), Ok(PictureFormat::Png));
    for fake in [&b""[..], b"GIF89a", b"PK\x03\x04 nested", b"\0\0\0\x18ftypheic", b"<svg>"] {
        let outcomes = one(stored("a.png", fake));
        assert_eq!(outcomes, Err(Code::PictureUnsupportedFormat), "{fake:?}");
    }
    let damaged = Packed { crc_off: 1, ..stored("a.png", PNG) };
    assert_eq!(one(damaged), Err(Code::PictureUnsupportedFormat));
}

/// OCM-17: a picture that is cut short, anywhere, or has too many pixels is refused. It never replaces a good one.
#[test]
fn damaged_picture_is_refused() {
    let damaged = |content: &[u8]| one(stored("a.png", content)).unwrap_err();
    for whole in [PNG, JPEG] {
        for left in 12..whole.len() {
            let part = whole.get(..left).unwrap();
            assert_eq!(damaged(part), Code::PictureDamaged, "{left} of {} bytes", whole.len());
        }
    }
    let mut wide = JPEG.to_vec();
    let frame = wide.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    wide.splice(frame + 5..frame + 9, [0x4e, 0x20, 0x4e, 0x20]);
    assert_eq!(damaged(&wide), Code::PictureTooManyPixels);
    let flipped: Vec<u8> = PNG.iter().map(|byte| if *byte == b'D' { 0 } else { *byte }).collect();
    assert_eq!(damaged(&flipped), Code::PictureDamaged);
}

/// OCM-17, A26: 5 MiB is too large and one byte less is not, for any declared size.
#[test]
fn picture_of_5_mib_is_rejected() {
    let sized = |bytes: usize| [PNG, &vec![7; bytes - PNG.len()]].concat();
    let limit = usize::try_from(PICTURE_BYTES_BELOW).unwrap();
    assert_eq!(one(stored("a.png", &sized(limit - 1))), Ok(PictureFormat::Png));
    assert_eq!(one(stored("a.png", &sized(limit))), Err(Code::PictureTooLarge));
    let says = |says_bytes: u32, file: Packed| Packed { says_bytes: Some(says_bytes), ..file };
    assert_eq!(one(says(u32::MAX - 1, stored("a.png", PNG))), Err(Code::PictureTooLarge));
    // However well they shrink: a plain picture is a picture (A26).
    let plain = |n: u8| {
        let content = [PNG, &[n], &vec![0; limit - 2 - PNG.len()]].concat();
        deflated(["a.png", "b.png", "c.png"][usize::from(n)], &content)
    };
    let all = outcomes(&[plain(0), plain(1), plain(2)]);
    assert!(all.iter().all(|(_, outcomes)| *outcomes == Ok(PictureFormat::Png)), "{all:?}");
    for file in [stored("a.png", &sized(limit)), deflated("a.png", &sized(99))] {
        let outcomes = one(says(9, file));
        assert_eq!(outcomes, Err(Code::PictureUnsupportedFormat), "it is not what was declared");
    }
}

/// N83: an archive that unpacks to more than a hundred times its size, and to more than a dozen pictures, is
/// read only up to the limit.
#[test]
fn archive_bomb_is_stopped_at_the_limit() {
    let bytes = usize::try_from(PICTURE_BYTES_BELOW).unwrap() - 1;
    let fit = usize::try_from(PICTURES_FREE_BYTES).unwrap() / bytes;
    let path = |n: usize| -> &'static str { Box::leak(format!("{n}.png").into_boxed_str()) };
    let bomb = |n: usize| deflated(path(n), &[PNG, &vec![0; bytes - PNG.len()]].concat());
    let bombs: Vec<_> = (0..=fit).map(bomb).collect();
    let packed = zip(&bombs);
    assert!(packed.len() * 100 < bytes * fit, "{} bytes", packed.len());
    // What follows has nothing left to unpack to.
    let all = outcomes(&[&bombs[..], &[stored("b.png", PNG)]].concat());
    let all: Vec<_> = all.into_iter().map(|(_, outcomes)| outcomes).collect();
    let (good, given_up) = all.split_at(fit);
    assert!(good.iter().all(Result::is_ok), "{good:?}");
    assert_eq!(given_up, [Err(Code::ImportDecompressionLimit); 2]);
    let lies = Packed { says_bytes: Some(100), ..bomb(0) };
    assert_eq!(one(lies), Err(Code::PictureUnsupportedFormat));
}

/// OCM-19, N83: files that systems add to archives are ignored; pictures in folders are read.
#[test]
fn system_files_are_ignored_and_folders_are_read() {
    let names = [
        "faces/",
        "__MACOSX/faces/._a.jpg",
        "faces/._a.jpg",
        "faces/.DS_Store",
        "Thumbs.db",
        "faces/a.jpg",
        "faces\\b.jpg",
    ];
    let files: Vec<_> = names.iter().map(|name| stored(name, JPEG)).collect();
    let names: Vec<_> = outcomes(&files).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.jpg", "b.jpg"]);
}

/// OCM-19: archives are read as Windows and macOS write them. Archives with 64-bit sizes are read too: tools
/// write them when they do not know the size of a file beforehand.
#[test]
fn archives_of_windows_macos_and_zip64_are_read() {
    let mac = |path: &'static str, content: &[u8], mode: u32| {
        let file = if content.is_empty() { stored(path, content) } else { deflated(path, content) };
        let form = if content.is_empty() { Form::Plain } else { Form::Streamed };
        Packed { form, mode, ..file }
    };
    let archive = [
        mac("faces/", b"", 0o040_755),
        mac("faces/a.jpg", JPEG, 0o100_644),
        mac("__MACOSX/", b"", 0o040_755),
        mac("__MACOSX/faces/._a.jpg", b"\0\x05\x16\x07\0\x02\0\0Mac OS X", 0o100_644),
        mac("faces/.DS_Store", b"\0\0\0\x01Bud1", 0o100_644),
        mac("faces/b.png", PNG, 0o100_644),
    ];
    let both = [
        ("a.jpg".to_owned(), Ok(PictureFormat::Jpeg)),
        ("b.png".to_owned(), Ok(PictureFormat::Png)),
    ];
    assert_eq!(outcomes(&archive), both);
    let windows = |file: Packed| Packed { system: 0, mode: 0, ..file };
    let archive = [
        windows(deflated("a.jpg", JPEG)),
        windows(stored("b.png", PNG)),
        windows(stored("Thumbs.db", b"\xd0\xcf\x11\xe0")),
    ];
    assert_eq!(outcomes(&archive), both);
    let wide = |file: Packed| Packed { form: Form::Wide, ..file };
    assert_eq!(outcomes(&[wide(stored("a.jpg", JPEG)), wide(deflated("b.png", PNG))]), both);
    let utf8 = Packed { flags: 1 << 11, ..stored("Zoë.png", PNG) };
    assert_eq!(outcomes(&[utf8])[0].0, "Zoë.png");
}

/// N83: paths that lead out of the archive, links and encrypted files are rejected one by one.
#[test]
fn unsafe_path_link_or_encrypted_file_is_rejected() {
    for path in ["../x.png", "faces/../../x.png", "/x.png", "\\x.png", "C:x.png", "x\0.png"] {
        assert_eq!(one(stored(path, PNG)), Err(Code::ZipUnsafePath), "{path:?}");
    }
    for kind in [0o120_777, 0o060_644, 0o010_644, 0o140_644] {
        let special = Packed { mode: kind, ..stored("x.png", PNG) };
        assert_eq!(one(special), Err(Code::ZipUnsafePath), "{kind:o}");
    }
    let plain = Packed { mode: 0o100_644, ..stored("x.png", PNG) };
    assert_eq!(one(plain), Ok(PictureFormat::Png));
    let encrypted = Packed { flags: 1, ..stored("x.png", PNG) };
    assert_eq!(one(encrypted), Err(Code::ZipEncrypted));
}

/// An archive of more pictures than one commit holds is only counted. A reader unpacks it in parts, and goes on after those
/// that have an outcome.
#[test]
fn large_archive_is_read_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path().to_owned());
    let bytes = zip(&many(PICTURES_PER_COMMIT + 3));
    let file = files.keep("Archive.zip", &bytes[..], u64::MAX - 1).unwrap();
    let contents = read(&files, file.clone()).unwrap();
    assert_eq!((contents.total, contents.pictures.len()), (PICTURES_PER_COMMIT as u64 + 3, 0));
    let mut reader = PictureReader::open(&files, &file).unwrap();
    reader.skip(PICTURES_PER_COMMIT as u64);
    let names = |pictures: Vec<ArchivePicture>| -> Vec<String> {
        pictures.into_iter().map(|picture| picture.name.0).collect()
    };
    assert_eq!(names(reader.read(2).unwrap()), ["1000.png", "1001.png"]);
    assert_eq!(names(reader.read(2).unwrap()), ["1002.png"]);
    assert_eq!(reader.read(2).unwrap().len(), 0);
}

/// N83: an archive of too many files, one that is no archive and one that is cut short are rejected whole.
#[test]
fn malformed_or_too_large_archive_is_rejected_whole() {
    assert_eq!(outcomes(&many(PICTURES_PER_COMMIT)).len(), PICTURES_PER_COMMIT);
    // Which of the two limits it is, is said.
    let too_many = |count: usize| {
        let refusal = told_of(&zip(&many(count))).unwrap_err();
        assert_eq!(refusal.code, Code::ZipTooManyEntries);
        (refusal.message, refusal.details)
    };
    let (message, details) = too_many(PICTURES_PER_ARCHIVE_MAX + 1);
    assert!(message.contains("10000 pictures"), "{message}");
    assert_eq!(details, json!({"of": "pictures", "limit": 10_000, "actual": 10_001}));
    let (message, details) = too_many(ARCHIVE_ENTRIES_MAX + 1);
    assert!(message.contains("25000 entries"), "{message}");
    assert_eq!(details["of"], "entries");
    let whole = zip(&[stored("a.png", PNG)]);
    for bad in [&b""[..], b"%PDF-1.7", &whole[..whole.len() - 1], &whole[40..]] {
        assert_eq!(code(bad), Code::ImportUnsupportedFileType);
    }
    let behind_a_stub = [b"#!/bin/sh\n", &whole[..]].concat();
    assert_eq!(told_of(&behind_a_stub).unwrap()[0].1, Ok(PictureFormat::Png));
}

/// N83: a directory that would fill the memory is rejected while it is read.
#[test]
fn endless_directory_is_rejected_early() {
    let mut listed = Vec::new();
    for _ in 0..200_000 {
        listed.extend(b"PK\x01\x02");
        listed.extend([0; 42]);
    }
    let wide = end(Vec::new(), &listed, 200_000, true);
    assert_eq!(code(&wide), Code::ZipTooManyEntries);
    // It has no directory, and each candidate for an end record costs a little time.
    let one = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\x10\0\0\0\0\0";
    let ends = one.repeat(50_000);
    assert!(matches!(code(&ends), Code::ImportUnsupportedFileType | Code::ZipTooManyEntries));
}

/// OCM-18, N51: a name with an invisible character differs from the name without it.
#[test]
fn name_with_an_invisible_character_does_not_match() {
    assert_eq!(
        one(Packed { flags: 1 << 11, ..stored("john\u{200b}22.png", PNG) }),
        Err(Code::PictureNoMatch)
    );
    let folder = Packed { flags: 1 << 11, ..stored("fa\u{200b}ces/john22.png", PNG) };
    assert_eq!(one(folder), Ok(PictureFormat::Png));
}

/// N83: two files of one path are rejected, because two programs could read different ones. The entries of
/// the directory count, not its stated count and not the path in the file's own header.
#[test]
fn ambiguous_archive_is_rejected() {
    let twice = zip(&[stored("a.png", PNG), stored("a.png", JPEG)]);
    let refusal = told_of(&twice).unwrap_err();
    assert_eq!(refusal.code, Code::ImportUnsupportedFileType);
    assert!(refusal.message.contains("pack each picture once"), "{}", refusal.message);
    let mut fewer = zip(&[stored("a.png", PNG), stored("b.png", JPEG)]);
    let count = fewer.len() - 14;
    fewer[count..count + 4].copy_from_slice(&[1, 0, 1, 0]);
    assert_eq!(code(&fewer), Code::ImportUnsupportedFileType, "one more is listed than is said");
    let other = Packed { own_path: Some("../../b.png"), ..stored("a.png", PNG) };
    assert_eq!(outcomes(&[other]), [("a.png".to_owned(), Ok(PictureFormat::Png))]);
}

/// N83: files that share their bytes, as in bombs, are unpacked once.
#[test]
fn shared_bytes_are_unpacked_once() {
    let shared = Packed { shares: true, ..stored("b.png", PNG) };
    let all = outcomes(&[stored("a.png", PNG), shared, stored("c.png", PNG)]);
    let all: Vec<_> = all.into_iter().map(|(_, outcomes)| outcomes).collect();
    let picture = Ok(PictureFormat::Png);
    assert_eq!(all, [picture, Err(Code::PictureUnsupportedFormat), picture]);
}

/// P26: reading any bytes ends with a result.
#[test]
fn changed_byte_never_causes_a_panic() {
    let wide = |file: Packed| Packed { form: Form::Wide, ..file };
    let streamed = Packed { form: Form::Streamed, ..deflated("b.png", JPEG) };
    let archives = [
        zip(&[stored("a.png", PNG), deflated("b.png", JPEG)]),
        zip(&[wide(stored("a.png", PNG)), wide(deflated("b.png", JPEG))]),
        zip(&[stored("a.png", PNG), streamed]),
    ];
    for whole in archives {
        let mut good = 0;
        for (at, change) in (0..whole.len()).flat_map(|at| [(at, 0x01), (at, 0x80), (at, 0xff)]) {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let Ok(mut archive) = Archive::open(Cursor::new(bytes), ARCHIVE_ENTRIES_MAX) else {
                continue;
            };
            for entry in archive.entries.clone() {
                let unpacked = unpack(&mut archive, &entry, &mut UnpackBudget::of(1_000_000));
                good += usize::from(unpacked.is_ok());
            }
        }
        assert!(good > 0, "no change was harmless");
    }
}
