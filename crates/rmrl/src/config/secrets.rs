//! Secrets in configurations: what counts as one, who may read its file, and how it is shown.
//!
//! A web hook is a secret as a whole: anyone who knows its path can post. A command is executed, so nobody else may change
//! it, and its arguments may hold a token.

use std::fs::File;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::key_path::{take, value};

/// A file that others can read although it holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{} holds {what}, and other users can read or change it; run: chmod 600 {}", path.display(), quoted(path))]
pub struct ExposedSecret {
    /// The file.
    pub path: PathBuf,
    /// What it holds that nobody else may see.
    pub what: String,
}

/// The first key of a configuration that nobody else may read or change: a command, a web hook, or any address with a
/// password.
pub(crate) fn secret_key(table: &Table) -> Option<String> {
    let is_given = |key: &str| match value(table, key)? {
        Value::Array(words) if words.is_empty() => None,
        _ => Some(key.to_string()),
    };
    let of_start = || ["notify.command", "notify.webhook"].into_iter().find_map(is_given);
    of_start().or_else(|| {
        table.iter().find_map(|(key, value)| credentials(value).map(|rest| format!("{key}{rest}")))
    })
}

/// Takes the command and the web hook out of a configuration. Returns their keys.
pub(crate) fn take_secrets(table: &mut Table) -> Vec<String> {
    let mut taken = Vec::new();
    while let Some(key) = secret_key(table).filter(|key| take(table, key).is_some()) {
        taken.push(key);
    }
    taken
}

/// Whether the text of a configuration holds a secret.
pub(crate) fn holds_secret(text: &str) -> bool {
    text.parse().is_ok_and(|table| secret_key(&table).is_some())
}

/// Creates an empty file that only its owner can read and change. Whatever replaces its content keeps that.
///
/// # Errors
/// The file exists, or cannot be created.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Checks that only its owner can read and change a file that holds a secret. Pipes and terminals pass, and so does
/// every file on systems without Unix permissions.
///
/// # Errors
/// Others can.
pub(crate) fn check_private(
    file: &File,
    path: &Path,
    what: impl FnOnce() -> String,
) -> Result<(), ExposedSecret> {
    match is_exposed(file) {
        true => Err(ExposedSecret { path: path.to_path_buf(), what: what() }),
        false => Ok(()),
    }
}

#[cfg(unix)]
fn is_exposed(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;

    const READ_OR_WRITTEN_BY_OTHERS: u32 = 0o066;
    file.metadata().is_ok_and(|metadata| {
        metadata.is_file() && metadata.permissions().mode() & READ_OR_WRITTEN_BY_OTHERS != 0
    })
}

#[cfg(not(unix))]
fn is_exposed(_file: &File) -> bool {
    false
}

/// An address without what may be secret in it: user, password, path and query.
pub(crate) fn shown_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}{host}{}", if path.len() > 1 { "/..." } else { path })
}

/// A message that quotes no value of the configuration, such as `invalid type, expected a sequence`.
pub(crate) fn without_value(reason: &str) -> String {
    match (reason.strip_prefix("invalid "), reason.rfind(", expected")) {
        (Some(rest), Some(at)) => {
            let kind = rest.split([':', ' ']).next().unwrap_or_default();
            format!("invalid {kind}{}", &reason[at..])
        }
        _ => reason.to_string(),
    }
}

/// The path to an address with a user or password in a value, if there is one.
fn credentials(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let (_, rest) = text.split_once("://")?;
            let authority = rest.split(['/', '?', '#']).next()?;
            authority.contains('@').then(String::new)
        }
        Value::Array(values) => values.iter().find_map(credentials),
        Value::Table(table) => table
            .iter()
            .find_map(|(key, value)| credentials(value).map(|rest| format!(".{key}{rest}"))),
        _ => None,
    }
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => text,
        false => format!("-- '{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_secrets() {
        for (url, shown) in [
            ("https://hooks.example.com/services/T0/B0/secret", "https://hooks.example.com/..."),
            ("http://user:secret@10.0.0.1:8000/x?key=secret", "http://10.0.0.1:8000/..."),
            ("http://10.0.0.1?key=secret", "http://10.0.0.1/..."),
            ("http://a/", "http://a/"),
            ("ftp://a", "ftp://a"),
            ("hooks.example.com/services/secret", "hooks.example.com/..."),
            ("nowhere", "nowhere"),
            ("http://", "http://"),
        ] {
            assert_eq!(shown_url(url), shown, "{url}");
        }
    }

    #[test]
    fn commands_web_hooks_and_passwords_are_secrets() {
        for (text, key) in [
            ("[notify]\ncommand = [\"a\"]", Some("notify.command")),
            ("[notify]\nwebhook = \"http://a\"", Some("notify.webhook")),
            ("[remote]\naddress = \"http://me:word@a:1\"", Some("remote.address")),
            ("[a]\nb = [{ c = \"ssh://me@a\" }]", Some("a.b.c")),
            ("[notify]\ncommand = []\ntimeout_secs = 1", None),
            ("[remote]\naddress = \"a:1\"\n[page]\ntoken_file = \"t\"", None),
            ("text = \"mail me@a, see http://a/@b\"", None),
        ] {
            assert_eq!(secret_key(&text.parse().unwrap()).as_deref(), key, "{text}");
        }
    }

    #[test]
    fn reasons_do_not_repeat_values() {
        let reason = "invalid type: string \"secret, expected\", expected a sequence";
        assert_eq!(without_value(reason), "invalid type, expected a sequence");
        let unknown = "unknown field `webhok`, expected one of `command`, `webhook`";
        assert_eq!(without_value(unknown), unknown);
    }

    #[test]
    fn a_shell_reads_the_path_of_the_advice() {
        for (path, quoted_path) in [
            ("my-cell.toml", "my-cell.toml"),
            ("my cell.toml", "-- 'my cell.toml'"),
            ("-x", "-- '-x'"),
        ] {
            assert_eq!(quoted(Path::new(path)), quoted_path);
        }
    }
}
