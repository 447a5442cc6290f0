//! Errors of a library of labware.

use std::path::PathBuf;

use rmrl_core::InvalidKey;

/// Why there is no such labware, or why a table of one is invalid.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No labware has that name.
    #[error("there is no labware {name:?}, expected one of: {}", known.join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// All names, sorted.
        known: Vec<String>,
    },
    /// A table is like a labware that is not there.
    #[error("labware.{name}.like is {like:?}, expected one of: {}", known.join(", "))]
    UnknownLike {
        /// The name of the table.
        name: String,
        /// What it is like.
        like: String,
        /// All names, sorted.
        known: Vec<String>,
    },
    /// Tables are like each other in a circle.
    #[error("labware.{}.like leads back to it ({}), expected one that says its own dimensions", names[0], names.join(" -> "))]
    Circular {
        /// The names, each like the next one; the last is the first.
        names: Vec<String>,
    },
    /// The name is taken.
    #[error("labware.{name} is there already, expected another name{hint}")]
    Taken {
        /// The name.
        name: String,
        /// What to do instead.
        hint: String,
    },
    /// A table does not have the form of labware.
    #[error("{key}: {reason}")]
    Form {
        /// The key's full path.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value is out of its range, or does not fit to another one.
    #[error(transparent)]
    Invalid(#[from] InvalidKey),
    /// A file cannot be read.
    #[error("cannot read the labware file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A file is no TOML.
    #[error("{} is no labware file: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A table of a file is invalid.
    #[error("{}: {reason}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The error.
        reason: Box<LibraryError>,
    },
}
