//! Writes files: whole ones that survive a crash, and open ones, without following links.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes a whole file so that it is either the old one or the new one at every instant.
///
/// The new one is written beside it, under a name that nobody else has: a link with such a name is never followed.
/// It keeps the permissions of the old one.
///
/// # Errors
/// It cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = tempfile::Builder::new();
    let prefix = beginning_of_name(path);
    options.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less what the process's mask takes away, as of any file.
        options.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut partial = options.tempfile_in(parent(path))?;
    if let Ok(old) = fs::symlink_metadata(path)
        && old.is_file()
    {
        partial.as_file().set_permissions(old.permissions())?;
    }
    partial.write_all(bytes)?;
    partial.as_file().sync_all()?;
    partial.persist(path).map_err(|error| error.error)?;
    sync_folder(parent(path))
}

/// The beginning of a path's name, for another one: names may have at most 255 bytes.
fn beginning_of_name(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut prefix: String = name.chars().take(40).collect();
    prefix.push('.');
    prefix.into()
}

/// Creates an empty file, or empties the one that is there.
///
/// # Errors
/// It cannot be created, or a link, a device or a pipe is there.
pub fn create_file(path: &Path) -> io::Result<File> {
    let file = open(path, OpenOptions::new().write(true).create(true))?;
    // Not before it is known to be a file.
    file.set_len(0)?;
    Ok(file)
}

/// Opens an existing file to append to it.
///
/// # Errors
/// It cannot be opened, or is a link, a device or a pipe.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().append(true))
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => refused("a link, which is not followed"),
            // A pipe without a reader is not opened either.
            Ok(found) if !found.is_file() && !found.is_dir() => refused("a device or a pipe"),
            _ => error,
        }
    })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(refused("a device or a pipe")),
    }
}

fn refused(found: &str) -> io::Error {
    let reason = format!("there is {found}; expected a file or nothing: remove it");
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// The directory that a path is in.
pub fn parent(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Waits until the names in a directory are on disk.
///
/// # Errors
/// The file system refused.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Another user of a shared folder may plant links under names that are easy to guess.
    #[test]
    fn no_planted_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("precious"), "kept").unwrap();
        for name in ["report.html", "report.html.tmp", "report.html.new", ".report.html.tmp"] {
            symlink(path("precious"), path(name)).unwrap();
        }
        write_atomically(&path("report.html"), b"page").unwrap();
        assert_eq!(fs::read(path("report.html")).unwrap(), b"page");
        assert!(!fs::symlink_metadata(path("report.html")).unwrap().is_symlink());
        for opened in
            [create_file(&path("report.html.tmp")), open_to_append(&path("report.html.tmp"))]
        {
            let message = opened.unwrap_err().to_string();
            assert!(message.contains("a link"), "{message}");
        }
        symlink(path("nothing"), path("dangling")).unwrap();
        assert!(create_file(&path("dangling")).is_err());
        assert!(!path("nothing").exists());
        assert_eq!(fs::read(path("precious")).unwrap(), b"kept");
        // Nothing is left behind.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6);
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_new_one_has_those_of_any() {
        let dir = tempfile::tempdir().unwrap();
        let mode =
            |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        fs::write(dir.path().join("usual"), "").unwrap();
        write_atomically(&dir.path().join("new"), b"").unwrap();
        assert_eq!(mode("new"), mode("usual"));
        let secret = dir.path().join("secret");
        fs::write(&secret, "").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        write_atomically(&secret, b"more").unwrap();
        assert_eq!((mode("secret"), fs::read(&secret).unwrap()), (0o600, b"more".to_vec()));
    }

    #[test]
    fn files_are_emptied_and_appended_to_and_pipes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        create_file(&path).unwrap().write_all(b"a long line").unwrap();
        create_file(&path).unwrap().write_all(b"a").unwrap();
        open_to_append(&path).unwrap().write_all(b"b").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        assert!(open_to_append(&dir.path().join("none")).is_err());
        assert!(create_file(Path::new("/dev/null")).unwrap_err().to_string().contains("device"));
    }

    #[test]
    fn names_may_be_as_long_as_the_file_system_allows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ä".repeat(127));
        write_atomically(&path, b"x").unwrap();
        assert_eq!(fs::read(path).unwrap(), b"x");
    }
}
