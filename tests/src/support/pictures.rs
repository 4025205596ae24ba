//! Archives of small pictures.

use std::path::Path;

use super::clients::python;

/// Writes a zip archive. `names` is a list of names as a Python expression. Each file is a grey PNG, of a size by its place
/// in the list modulo `kinds`.
pub(crate) fn write_pictures(path: &Path, names: &str, kinds: usize) {
    write(path, names, &format!("png(2 + place % {kinds})"));
}

/// As [`write_pictures`]. Every picture lacks its last bytes, as after a broken download.
pub(crate) fn write_cut_pictures(path: &Path, names: &str) {
    write(path, names, "png(40)[:-20]");
}

fn write(path: &Path, names: &str, picture: &str) {
    let script = format!(
        "import struct, sys, zipfile, zlib\n\
         def chunk(kind, data):\n\
         \x20   body = kind + data\n\
         \x20   return struct.pack('>I', len(data)) + body + struct.pack('>I', zlib.crc32(body))\n\
         def png(side):\n\
         \x20   rows = b''.join(b'\\0' + b'\\0' * side for _ in range(side))\n\
         \x20   head = struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)\n\
         \x20   start = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', head)\n\
         \x20   return start + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')\n\
         with zipfile.ZipFile(sys.argv[1], 'w') as out:\n\
         \x20   for place, name in enumerate({names}):\n\
         \x20       out.writestr(name, {picture})\n"
    );
    let made = std::process::Command::new(python()).args(["-c", &script]).arg(path).status();
    assert!(made.unwrap().success());
}
