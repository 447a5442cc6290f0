//! The picture on the page.

use std::fmt;
use std::sync::Arc;

/// A picture for the page, drawn and encoded by whoever took it.
#[derive(Clone)]
pub struct Picture {
    /// The file's bytes, shared with all who read.
    pub bytes: Arc<[u8]>,
    /// What they are.
    pub format: PictureFormat,
    /// What the picture shows, for those who do not see it, too.
    pub caption: String,
}

/// How a picture is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl PictureFormat {
    pub(crate) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, format, caption } = self;
        write!(f, "Picture({caption:?}, {format:?}, {} bytes)", bytes.len())
    }
}
