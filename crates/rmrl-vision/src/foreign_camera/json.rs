//! JSON, as OpenCV and scripts around RealSense cameras write it.

use serde_json::Value;

use super::error::ForeignCameraError;
use super::tree::Node;

pub(super) fn parse(text: &str) -> Result<Node, ForeignCameraError> {
    // The parser refuses what is too deep.
    let value: Value = serde_json::from_str(text).map_err(|error| ForeignCameraError::Syntax {
        syntax: "JSON",
        reason: error.to_string(),
    })?;
    Ok(node(value))
}

fn node(value: Value) -> Node {
    match value {
        Value::Null => Node::Scalar(String::new()),
        Value::Bool(value) => Node::Scalar(value.to_string()),
        Value::Number(number) => Node::Scalar(number.to_string()),
        Value::String(text) => Node::Scalar(text),
        Value::Array(list) => Node::List(list.into_iter().map(node).collect()),
        Value::Object(entries) => {
            Node::Map(entries.into_iter().map(|(key, value)| (key, node(value))).collect())
        }
    }
}
