//! Reads files that people give, without waiting for, or being filled by, what is no file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Reads a whole file of at most `most_bytes` bytes.
///
/// # Errors
/// It cannot be read, is larger, or is a folder, a device or a pipe: these may never end.
pub fn read_regular_file(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let refused = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    // Asked before it is opened, because opening a pipe waits for its writer.
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return refused("it is a folder, expected a file".to_string());
    }
    if !found.is_file() {
        return refused("it is a device or a pipe, expected a file on disk".to_string());
    }
    let too_large = || format!("it is larger than {} MiB", most_bytes >> 20);
    if found.len() > most_bytes {
        return refused(too_large());
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    // Files of /proc have no length before they are read.
    File::open(path)?.take(most_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        return refused(too_large());
    }
    Ok(bytes)
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, as spreadsheets of Windows write it.
///
/// # Errors
/// The bytes are no such text.
pub fn decode_text(bytes: &[u8]) -> Result<String, String> {
    let utf16 = |bytes: &[u8], word: fn([u8; 2]) -> u16| {
        let words: Vec<u16> = bytes.chunks_exact(2).map(|pair| word([pair[0], pair[1]])).collect();
        String::from_utf16(&words).map_err(|error| format!("it is no UTF-16 text: {error}"))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => {
            let text = std::str::from_utf8(rest);
            text.map(str::to_string).map_err(|error| {
                format!("it is no UTF-8 text (byte {}); save it as UTF-8", error.valid_up_to())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_folders_and_large_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_regular_file(&file, 5).unwrap(), b"12345");
        for (path, expected) in [
            (file.as_path(), "larger"),
            (Path::new("/dev/zero"), "device"),
            (dir.path(), "folder"),
            (&dir.path().join("none"), "No such file"),
        ] {
            let message = read_regular_file(path, 4).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn text_is_read_in_the_encodings_of_spreadsheets() {
        let utf16 = |mark: [u8; 2], word: fn(u16) -> [u8; 2]| {
            mark.into_iter().chain("äx".encode_utf16().flat_map(word)).collect::<Vec<u8>>()
        };
        for bytes in [
            "äx".as_bytes().to_vec(),
            "\u{FEFF}äx".as_bytes().to_vec(),
            utf16([0xFF, 0xFE], u16::to_le_bytes),
            utf16([0xFE, 0xFF], u16::to_be_bytes),
        ] {
            assert_eq!(decode_text(&bytes).unwrap(), "äx");
        }
        // Latin-1.
        assert!(decode_text(b"a\xE4x").unwrap_err().contains("byte 1"));
    }
}
