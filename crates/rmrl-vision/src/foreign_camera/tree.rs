//! The values of a file, whatever its syntax.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A number, a text, or nothing.
    Scalar(String),
    /// Values in their order.
    List(Vec<Node>),
    /// Values by their keys.
    Map(Vec<(String, Node)>),
}

/// No camera file has values within values within values, and so on, deeper than this.
pub(super) const DEEPEST: usize = 24;
/// No camera file has more values.
pub(super) const MOST_NODES: usize = 200_000;

impl Node {
    /// The value of a key, whose upper case and punctuation do not matter: `Camera.fx` is `camerafx`.
    pub(super) fn get(&self, wanted: &[&str]) -> Option<(&str, &Node)> {
        let Self::Map(entries) = self else { return None };
        wanted.iter().find_map(|wanted| {
            let entry = entries.iter().find(|(key, _)| plain(key) == *wanted);
            entry.map(|(key, node)| (key.as_str(), node))
        })
    }

    /// The values within, with their keys or places.
    pub(super) fn children(&self) -> Vec<(String, &Node)> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::List(list) => {
                list.iter().enumerate().map(|(place, node)| (place.to_string(), node)).collect()
            }
            Self::Map(entries) => entries.iter().map(|(key, node)| (key.clone(), node)).collect(),
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// All numbers: of a list, of a list of rows, of a matrix with `data`, or of a text with spaces.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Scalar(text) => text.split_whitespace().map(number).collect(),
            Self::List(list) => {
                let parts: Option<Vec<Vec<f64>>> = list.iter().map(Self::numbers).collect();
                parts.map(|parts| parts.concat())
            }
            Self::Map(_) => self.get(&["data"]).and_then(|(_, data)| data.numbers()),
        }
    }

    /// A short text for messages.
    pub(super) fn short(&self) -> String {
        match (self, self.numbers()) {
            (Self::Scalar(text), _) => format!("{text:?}"),
            (_, Some(numbers)) => format!("{numbers:?}"),
            _ => "a group of values".to_string(),
        }
    }
}

/// A number as YAML writes it, too: `.nan`.
fn number(text: &str) -> Option<f64> {
    let plain = match text.to_lowercase().as_str() {
        ".nan" | ".inf" | "-.inf" => "nan",
        _ => text,
    };
    plain.parse().ok()
}

/// A key without upper case and punctuation.
pub(super) fn plain(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
