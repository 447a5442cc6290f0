//! The image on the page.

use std::fmt;
use std::sync::Arc;

/// An image for the page, drawn and encoded by the caller.
#[derive(Clone)]
pub struct PageImage {
    /// The file's bytes, shared with all who read.
    pub bytes: Arc<[u8]>,
    /// How `bytes` are encoded.
    pub format: PageImageFormat,
    /// What the image shows; also its text for screen readers.
    pub caption: String,
}

/// How an image is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageImageFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl PageImageFormat {
    pub(crate) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

impl fmt::Debug for PageImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, format, caption } = self;
        write!(f, "PageImage({caption:?}, {format:?}, {} bytes)", bytes.len())
    }
}
