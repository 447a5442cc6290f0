//! One object of a JSON file, whose keys are read with their paths.

use serde_json::{Map, Value};

/// A key of a JSON file that is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrongKey {
    pub(crate) key: String,
    pub(crate) found: String,
    pub(crate) expected: String,
}

/// An object, and where it is in its file.
#[derive(Clone)]
pub(crate) struct JsonObject<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> JsonObject<'a> {
    /// The object at `path`; at "" it is the whole file.
    pub(crate) fn at(path: &str, value: &'a Value) -> Result<Self, WrongKey> {
        let map = value.as_object().ok_or_else(|| WrongKey {
            key: if path.is_empty() { "the file".to_string() } else { path.to_string() },
            found: shown(Some(value)),
            expected: "an object".to_string(),
        })?;
        Ok(Self { path: path.to_string(), map })
    }

    /// The error that `key` is not as expected.
    pub(crate) fn wrong(&self, key: &str, expected: &str) -> WrongKey {
        let found = shown(self.map.get(key));
        WrongKey { key: self.path_of(key), found, expected: expected.to_string() }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key; `None` if it is not there or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A text; `None` if it is not there or null.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<&'a str>, WrongKey> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(key, "a text"));
        self.get(key).map(text).transpose()
    }

    pub(crate) fn text(&self, key: &str) -> Result<&'a str, WrongKey> {
        self.optional_text(key)?.ok_or_else(|| self.wrong(key, "a text"))
    }

    /// A length in millimeters, as meters; `None` if it is not there or null.
    pub(crate) fn optional_length_m(&self, key: &str) -> Result<Option<f64>, WrongKey> {
        const EXPECTED: &str = "a number from 0 to 1000, in millimeters";
        let Some(value) = self.get(key) else { return Ok(None) };
        let length_mm = value.as_f64().filter(|length_mm| (0.0..=1000.0).contains(length_mm));
        let length_mm = length_mm.ok_or_else(|| self.wrong(key, EXPECTED))?;
        // In whole nanometers, so that 14.2 mm are 0.0142 m to the last bit.
        Ok(Some((length_mm * 1e6).round() / 1e9))
    }

    /// A length above zero in millimeters, as meters.
    pub(crate) fn length_m(&self, key: &str) -> Result<f64, WrongKey> {
        const EXPECTED: &str = "a number above 0 and at most 1000, in millimeters";
        let length_m = self.optional_length_m(key).map_err(|_| self.wrong(key, EXPECTED))?;
        length_m.filter(|length_m| *length_m > 0.0).ok_or_else(|| self.wrong(key, EXPECTED))
    }

    /// The objects of a list; none if it is not there or null.
    pub(crate) fn objects(&self, key: &str) -> Result<Vec<JsonObject<'a>>, WrongKey> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.wrong(key, "a list"))?;
        let path = self.path_of(key);
        let at = |(index, value)| JsonObject::at(&format!("{path}[{index}]"), value);
        list.iter().enumerate().map(at).collect()
    }
}

/// A value in an error: short ones as they are, others by what they are.
fn shown(value: Option<&Value>) -> String {
    /// The longest text that is shown.
    const LONGEST: usize = 60;
    match value {
        None => "not there".to_string(),
        Some(Value::Array(list)) => format!("a list of {}", list.len()),
        Some(Value::Object(_)) => "an object".to_string(),
        Some(value) => {
            let text = value.to_string();
            if text.len() > LONGEST { "a long text".to_string() } else { text }
        }
    }
}
