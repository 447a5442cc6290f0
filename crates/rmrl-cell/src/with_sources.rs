//! Errors in words.

use std::error::Error;

/// An error and all its sources as text, from the outermost to the first cause.
pub fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
