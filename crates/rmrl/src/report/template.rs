//! Pages with placeholders.

/// Replaces every `{{name}}` of a page.
pub(crate) fn fill(page: &str, values: &[(&str, String)]) -> String {
    let mut filled = page.to_string();
    for (name, value) in values {
        filled = filled.replace(&format!("{{{{{name}}}}}"), value);
    }
    filled
}

/// Text as HTML shows it literally.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
