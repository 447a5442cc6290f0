//! Reads files that people give, without waiting for, or being filled by, what is no file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Opens a file of at most `most_bytes` bytes to read it. Opening never waits.
///
/// # Errors
/// It cannot be opened, is larger, or is a folder, a device or a pipe: these may never end.
pub fn open_regular_file(path: &Path, most_bytes: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Without this flag, opening a pipe waits for its writer.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    // Asked of what was opened, because another file may have taken its place before.
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(refused("it is a folder, expected a file".to_string()));
    }
    if !found.is_file() {
        return Err(refused("it is a device or a pipe, expected a file on disk".to_string()));
    }
    if found.len() > most_bytes {
        return Err(too_large(most_bytes));
    }
    Ok(file)
}

/// Reads a whole file of at most `most_bytes` bytes.
///
/// # Errors
/// It cannot be read, is larger, or is a folder, a device or a pipe: these may never end.
pub fn read_regular_file(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    read_all(&open_regular_file(path, most_bytes)?, most_bytes)
}

fn read_all(file: &File, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
    // It may grow meanwhile, and files of /proc have no length before they are read.
    file.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        return Err(too_large(most_bytes));
    }
    Ok(bytes)
}

/// Reads a whole file of UTF-8 text of at most `most_bytes` bytes.
///
/// # Errors
/// As [`read_regular_file`], or it is no such text.
pub fn read_utf8_file(path: &Path, most_bytes: u64) -> io::Result<String> {
    read_utf8(&open_regular_file(path, most_bytes)?, most_bytes)
}

/// Reads the text of a file that [`open_regular_file`] has opened: for callers that ask more of the open file.
///
/// # Errors
/// As [`read_utf8_file`].
pub fn read_utf8(file: &File, most_bytes: u64) -> io::Result<String> {
    String::from_utf8(read_all(file, most_bytes)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        refused(format!("it is no UTF-8 text (byte {at}), expected a text file"))
    })
}

fn refused(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

fn too_large(most_bytes: u64) -> io::Error {
    let most = match most_bytes {
        ..0x400 => format!("{most_bytes} bytes"),
        0x400..0x10_0000 => format!("{} KiB", most_bytes >> 10),
        _ => format!("{} MiB", most_bytes >> 20),
    };
    refused(format!("it is larger than {most}"))
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
            (file.as_path(), "larger than 4 bytes"),
            (Path::new("/dev/zero"), "device"),
            (dir.path(), "folder"),
            (&dir.path().join("none"), "No such file"),
        ] {
            let message = read_regular_file(path, 4).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        // A file that claims a terabyte takes no memory.
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
        let message = read_utf8_file(&file, 1 << 20).unwrap_err().to_string();
        assert_eq!(message, "it is larger than 1 MiB");
        // Nor does one whose length is unknown before it is read.
        #[cfg(target_os = "linux")]
        {
            let kernel = Path::new("/proc/kallsyms");
            let message = read_regular_file(kernel, 1000).unwrap_err().to_string();
            assert_eq!(message, "it is larger than 1000 bytes");
        }
    }

    /// Opening a pipe that nobody writes to waits for good.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(read_regular_file(&path, 1000)));
        let read = finished.recv_timeout(std::time::Duration::from_secs(20)).expect("it waits");
        assert!(read.unwrap_err().to_string().contains("pipe"));
    }

    #[test]
    fn binary_files_are_no_text() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, b"ab\xFF").unwrap();
        let message = read_utf8_file(&file, 100).unwrap_err().to_string();
        assert!(message.contains("byte 2"), "{message}");
        std::fs::write(&file, "ä").unwrap();
        assert_eq!(read_utf8_file(&file, 100).unwrap(), "ä");
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
