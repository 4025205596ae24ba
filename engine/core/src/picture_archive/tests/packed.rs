//! Archives to be read, made byte by byte.

use std::io::Write as _;

/// How an archive tells of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    Plain,
    /// The sizes follow the content, as in streamed archives; macOS writes such archives.
    Streamed,
    /// Numbers have 64 bits.
    Wide,
}

/// A file in an archive to be made; numbers that lie are given.
#[derive(Clone)]
pub(super) struct Packed {
    pub(super) path: &'static str,
    pub(super) content: Vec<u8>,
    pub(super) deflate: bool,
    pub(super) flags: u16,
    /// The system that made it: 3 is Unix, 0 is DOS, which Windows says it is.
    pub(super) system: u8,
    pub(super) mode: u32,
    pub(super) says_bytes: Option<u32>,
    pub(super) crc_off: u32,
    pub(super) form: Form,
    /// The path that the file's own head tells, if it is another one.
    pub(super) own_path: Option<&'static str>,
    /// It has no separate content: the directory gives it the offset of the file before.
    pub(super) shares: bool,
}

pub(super) fn stored(path: &'static str, content: &[u8]) -> Packed {
    Packed {
        path,
        content: content.to_vec(),
        deflate: false,
        flags: 0,
        system: 3,
        mode: 0,
        says_bytes: None,
        crc_off: 0,
        form: Form::Plain,
        own_path: None,
        shares: false,
    }
}

pub(super) fn deflated(path: &'static str, content: &[u8]) -> Packed {
    Packed { deflate: true, ..stored(path, content) }
}

fn u16_of(n: usize) -> [u8; 2] {
    u16::try_from(n).unwrap().to_le_bytes()
}

fn u32_of(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap().to_le_bytes()
}

fn u64_of(n: usize) -> [u8; 8] {
    (n as u64).to_le_bytes()
}

impl Packed {
    fn packed(&self) -> Vec<u8> {
        if !self.deflate {
            return self.content.clone();
        }
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&self.content).unwrap();
        encoder.finish().unwrap()
    }

    fn crc(&self) -> [u8; 4] {
        let mut crc = flate2::Crc::new();
        crc.update(&self.content);
        (crc.sum() ^ self.crc_off).to_le_bytes()
    }

    fn bytes(&self) -> usize {
        self.says_bytes.map_or(self.content.len(), |bytes| bytes as usize)
    }

    /// What its head has, there and in the directory: from the version needed to the lengths.
    fn head(&self, is_listed: bool, packed: usize, path: &str, extra: &[u8]) -> Vec<u8> {
        let mut head = Vec::new();
        head.extend(u16_of(if self.form == Form::Wide { 45 } else { 20 }));
        head.extend((self.flags | if self.form == Form::Streamed { 8 } else { 0 }).to_le_bytes());
        head.extend(u16_of(if self.deflate { 8 } else { 0 }));
        head.extend([0; 4]);
        let known = is_listed || self.form != Form::Streamed;
        head.extend(if known { self.crc() } else { [0; 4] });
        for number in [packed, self.bytes()] {
            head.extend(match self.form {
                Form::Wide => [0xff; 4],
                _ if known => u32_of(number),
                _ => [0; 4],
            });
        }
        head.extend(u16_of(path.len()));
        head.extend(u16_of(extra.len()));
        head
    }
}

pub(super) fn zip(files: &[Packed]) -> Vec<u8> {
    let (mut out, mut listed, mut at) = (Vec::new(), Vec::new(), 0);
    for file in files {
        let packed = file.packed();
        let wide = |numbers: &[usize]| -> Vec<u8> {
            if file.form != Form::Wide {
                return Vec::new();
            }
            let mut extra = [[1, 0], u16_of(numbers.len() * 8)].concat();
            numbers.iter().for_each(|number| extra.extend(u64_of(*number)));
            extra
        };
        if !file.shares {
            at = out.len();
            let path = file.own_path.unwrap_or(file.path);
            let extra = wide(&[file.bytes(), packed.len()]);
            out.extend(b"PK\x03\x04");
            out.extend(file.head(false, packed.len(), path, &extra));
            out.extend(path.as_bytes());
            out.extend(extra);
            out.extend(&packed);
            if file.form == Form::Streamed {
                out.extend(b"PK\x07\x08");
                out.extend(file.crc());
                out.extend([u32_of(packed.len()), u32_of(file.bytes())].concat());
            }
        }
        let extra = wide(&[file.bytes(), packed.len(), at]);
        listed.extend([b'P', b'K', 1, 2, 0x14, file.system]);
        listed.extend(file.head(true, packed.len(), file.path, &extra));
        listed.extend([0; 6]);
        listed.extend((file.mode << 16).to_le_bytes());
        listed.extend(if file.form == Form::Wide { [0xff; 4] } else { u32_of(at) });
        listed.extend(file.path.as_bytes());
        listed.extend(extra);
    }
    let is_wide = files.iter().any(|file| file.form == Form::Wide);
    end(out, &listed, files.len(), is_wide)
}

/// The directory behind the files, and what says where it is.
pub(super) fn end(mut out: Vec<u8>, listed: &[u8], count: usize, is_wide: bool) -> Vec<u8> {
    let at = out.len();
    out.extend(listed);
    if is_wide {
        let wide_at = out.len();
        out.extend(b"PK\x06\x06");
        out.extend(u64_of(44));
        out.extend([45, 3, 45, 0]);
        out.extend([0; 8]);
        out.extend([u64_of(count), u64_of(count), u64_of(listed.len()), u64_of(at)].concat());
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(u64_of(wide_at));
        out.extend(1u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    if is_wide {
        out.extend([0xff; 12]);
    } else {
        out.extend([u16_of(count), u16_of(count)].concat());
        out.extend([u32_of(listed.len()), u32_of(at)].concat());
    }
    out.extend([0; 2]);
    out
}
