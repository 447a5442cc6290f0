//! Images within a page.

use std::fmt::Write;

use base64::Engine;

use super::template::escape;

/// Writes an image with its caption. A report with a gap is better than none, so an image that
/// cannot be shown leaves only its caption.
pub(super) fn write_figure(
    html: &mut String,
    caption: &str,
    image: Option<anyhow::Result<String>>,
) -> std::fmt::Result {
    let caption = escape(caption);
    match image {
        Some(Ok(image)) => write!(
            html,
            "<figure><img alt=\"{caption}\" src=\"{image}\"><figcaption>{caption}</figcaption></figure>"
        ),
        Some(Err(error)) => {
            tracing::warn!("{error:#}");
            write!(
                html,
                "<figure><figcaption>{caption} (the image is missing or damaged)</figcaption></figure>"
            )
        }
        None => Ok(()),
    }
}

/// The bytes of a PNG as a data URI, so that the page needs no other file.
pub(super) fn data_uri(png: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(png);
    format!("data:image/png;base64,{encoded}")
}

/// A colored line, as a legend has it.
pub(super) fn key([red, green, blue]: [u8; 3]) -> String {
    format!("<span class=\"key\" style=\"border-color: rgb({red}, {green}, {blue})\"></span>")
}
