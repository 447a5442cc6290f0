//! YAML, also in the dialect of OpenCV.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

use super::error::ForeignCameraError;
use super::tree::{DEEPEST, MOST_NODES, Node};

/// The documents of a file.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, ForeignCameraError> {
    let wrong = |reason: String| ForeignCameraError::Syntax { syntax: "YAML", reason };
    // OpenCV writes the version in a way that no YAML parser accepts.
    let text = match text.trim_start().strip_prefix("%YAML:") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    };
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| wrong(error.to_string()))?;
        builder.take(event).map_err(wrong)?;
    }
    Ok(builder.documents)
}

/// A list or map that is not complete.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<(usize, Open)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, _, anchor, _) => self.add(anchor, Node::Scalar(text.into_owned())),
            Event::SequenceStart(anchor, _) => self.begin(anchor, Open::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(anchor, Open::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((anchor, Open::List(list))) => self.add(anchor, Node::List(list)),
                Some((anchor, Open::Map(entries, _))) => self.add(anchor, Node::Map(entries)),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or("an alias has no anchor before it")?;
                self.nodes += count(&node);
                self.add(0, node)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, open: Open) -> Result<(), String> {
        self.open.push((anchor, open));
        match self.open.len() > DEEPEST {
            true => Err(format!("values are within each other more than {DEEPEST} times")),
            false => Ok(()),
        }
    }

    fn add(&mut self, anchor: usize, node: Node) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(format!("it has more than {MOST_NODES} values"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
            self.nodes += count(&node);
        }
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some((_, Open::List(list))) => list.push(node),
            Some((_, Open::Map(entries, key))) => match (key.take(), node) {
                (None, Node::Scalar(text)) => *key = Some(text),
                (None, _) => return Err("a key is no text".to_string()),
                (Some(name), _) if entries.iter().any(|(other, _)| *other == name) => {
                    return Err(format!("the key {name} is there twice"));
                }
                (Some(name), node) => entries.push((name, node)),
            },
        }
        Ok(())
    }
}

/// The number of values in a value.
fn count(node: &Node) -> usize {
    1 + node.children().into_iter().map(|(_, child)| count(child)).sum::<usize>()
}
