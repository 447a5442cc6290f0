//! Pages with placeholders.

/// What all pages look like; the value of `{{style}}`.
pub(super) const STYLE: &str = include_str!("page.css");

/// Replaces every `{{name}}` of a page. What looks like a placeholder in a value stays as it is.
pub(crate) fn fill(page: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(start) = rest.find("{{") {
        let (before, from_braces) = rest.split_at(start);
        filled.push_str(before);
        let replaced = values.iter().find_map(|(name, value)| {
            let after = from_braces[2..].strip_prefix(name)?.strip_prefix("}}")?;
            Some((value, after))
        });
        match replaced {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push_str("{{");
                rest = &from_braces[2..];
            }
        }
    }
    filled + rest
}

/// Text as HTML shows it literally.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_values_are_not_read_again() {
        let values = [("a", "{{b}} {{".to_string()), ("b", "x".to_string())];
        assert_eq!(fill("{{a}}, {{b}}{{b}} {{c}} {{", &values), "{{b}} {{, xx {{c}} {{");
    }

    #[test]
    fn no_text_is_read_as_html() {
        assert_eq!(escape("<a href=\"x\"> & b"), "&lt;a href=&quot;x&quot;&gt; &amp; b");
    }
}
