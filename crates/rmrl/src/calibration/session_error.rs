//! Why the files of a calibration cannot be used.

use std::path::PathBuf;

use rmrl_vision::{ImageFileError, RecordingError};

/// Why the files of a calibration cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A line that cannot be read as a row.
    #[error("{}: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A table with other columns than expected.
    #[error("{} has the columns {found}, expected {expected}{hint}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns of the file.
        found: String,
        /// The expected columns.
        expected: String,
        /// What is probably wrong, after a colon; may be empty.
        hint: String,
    },
    /// A value that is not a number.
    #[error("{} {place}: {column} is {value:?}, expected a number", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The line, where the header is line 1, or the entry of a list.
        place: String,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A row whose image does not exist.
    #[error("{} {place}: there is no image {}{similar}", path.display(), image.display())]
    MissingImage {
        /// The file.
        path: PathBuf,
        /// The line or entry.
        place: String,
        /// The image.
        image: PathBuf,
        /// An image with almost the same name, after a semicolon; may be empty.
        similar: String,
    },
    /// Two rows with the same image.
    #[error("{} {place}: {image} has a pose in {before} already", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The line or entry.
        place: String,
        /// The image.
        image: String,
        /// The earlier line or entry.
        before: String,
    },
    /// An image that cannot be read.
    #[error(transparent)]
    Image(#[from] ImageFileError),
    /// A recording whose list of frames cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A folder without images.
    #[error("{} contains no image (.png, .jpg, .bmp or .tif){found}", path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// What it contains instead, after a semicolon; may be empty.
        found: String,
    },
    /// An image of another size than the camera's intrinsics.
    #[error(
        "{name} is {} x {} pixels, but the camera {} has {} x {}",
        size[0], size[1], camera.display(), expected[0], expected[1]
    )]
    Size {
        /// The image.
        name: String,
        /// The size of the image, in pixels.
        size: [u32; 2],
        /// The camera's file.
        camera: PathBuf,
        /// The size that the camera was calibrated at, in pixels.
        expected: [u32; 2],
    },
}
