//! The text of `rs-enumerate-devices -c`, which has the intrinsics of every stream and size.

use super::tree::Node;

/// The beginning of a stream's intrinsics.
const HEAD: &str = "Intrinsic of \"";

/// Whether a text is such a list.
pub(super) fn is_list(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with(HEAD))
}

/// The streams by names such as `Color 640x480`. Streams that differ in their pixels' format only are one.
pub(super) fn parse(text: &str) -> Node {
    let mut streams: Vec<(String, Node)> = Vec::new();
    let mut open: Option<(String, Vec<(String, Node)>)> = None;
    for line in text.lines().map(str::trim).chain([""]) {
        if let Some(head) = line.strip_prefix(HEAD) {
            let (stream, rest) = head.split_once('"').unwrap_or((head, ""));
            let size = rest.split('/').nth(1).unwrap_or_default().trim();
            open = Some((format!("{stream} {size}").trim().to_string(), Vec::new()));
        } else if let (Some((key, value)), Some((_, entries))) = (line.split_once(':'), &mut open) {
            entries.push((key.trim().to_string(), Node::Scalar(value.trim().to_string())));
        } else if let Some((name, entries)) = open.take_if(|_| line.is_empty())
            && !streams
                .iter()
                .any(|(other, node)| *other == name && *node == Node::Map(entries.clone()))
        {
            streams.push((name, Node::Map(entries)));
        }
    }
    Node::Map(streams)
}
