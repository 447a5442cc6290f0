//! XML, as OpenCV writes it.

use roxmltree::{Document, ParsingOptions};

use super::error::ForeignCameraError;
use super::tree::{DEEPEST, MOST_NODES, Node};

pub(super) fn parse(text: &str) -> Result<Node, ForeignCameraError> {
    let wrong = |reason: String| ForeignCameraError::Syntax { syntax: "XML", reason };
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES as u32, ..Default::default() };
    let document = Document::parse_with_options(text, options);
    let document = document.map_err(|error| wrong(error.to_string()))?;
    node(document.root_element(), 0).map_err(wrong)
}

fn node(element: roxmltree::Node<'_, '_>, depth: usize) -> Result<Node, String> {
    if depth > DEEPEST {
        return Err(format!("elements are within each other more than {DEEPEST} times"));
    }
    let children: Vec<_> = element.children().filter(roxmltree::Node::is_element).collect();
    // OpenCV names the elements of a list `_`.
    let is_list = !children.is_empty() && children.iter().all(|child| child.has_tag_name("_"));
    if is_list {
        let list = children.into_iter().map(|child| node(child, depth + 1));
        return Ok(Node::List(list.collect::<Result<_, _>>()?));
    }
    if children.is_empty() {
        let text = element.text().unwrap_or_default().trim().trim_matches('"');
        return Ok(Node::Scalar(text.to_string()));
    }
    let entries = children
        .into_iter()
        .map(|child| Ok((child.tag_name().name().to_string(), node(child, depth + 1)?)));
    Ok(Node::Map(entries.collect::<Result<_, String>>()?))
}
