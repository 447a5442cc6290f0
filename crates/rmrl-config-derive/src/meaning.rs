//! The first sentence of a doc comment: what a key means.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Words that end in a full stop without ending a sentence.
const ABBREVIATIONS: [&str; 6] = ["Eq.", "Sec.", "Fig.", "e.g.", "i.e.", "cf."];

/// The first sentence of a field's doc comment, on one line; `None` without one.
pub(crate) fn meaning(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    let paragraph: Vec<&str> = lines
        .iter()
        .map(|line| line.trim())
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty())
        .collect();
    let sentence = first_sentence(&paragraph.join(" "));
    (!sentence.is_empty()).then(|| without_links(&sentence))
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn first_sentence(paragraph: &str) -> String {
    let mut sentence: Vec<&str> = Vec::new();
    for word in paragraph.split_whitespace() {
        sentence.push(word);
        let bare = word.trim_start_matches('(');
        if word.ends_with('.') && !ABBREVIATIONS.contains(&bare) {
            break;
        }
    }
    sentence.join(" ")
}

/// Writes links of rustdoc as their text: both ``[`a`]`` and ``[`a`](crate::a)`` become `` `a` ``.
fn without_links(sentence: &str) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        text.push_str(&format!("{before}`{name}`"));
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_ends_at_its_full_stop_and_not_at_an_abbreviation() {
        for (paragraph, sentence) in [
            ("Trials of a scene, `N`. Default 10.", "Trials of a scene, `N`."),
            ("The one-hot label (Eq. 7). 0 is none.", "The one-hot label (Eq. 7)."),
            ("As in (Sec. 3.3), e.g. 0.5 m. More.", "As in (Sec. 3.3), e.g. 0.5 m."),
            ("Without a stop", "Without a stop"),
            ("Power, 0 to 360; 0 turns it off. Default none.", "Power, 0 to 360; 0 turns it off."),
        ] {
            assert_eq!(first_sentence(paragraph), sentence);
        }
    }

    #[test]
    fn links_become_their_text() {
        assert_eq!(
            without_links("Adds ([`a::b`]), or [`c`](crate::c), to [least, most]."),
            "Adds (`a::b`), or `c`, to [least, most]."
        );
        assert_eq!(without_links("An open [`bracket"), "An open [`bracket");
    }
}
