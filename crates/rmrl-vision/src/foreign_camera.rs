//! Cameras in the files of other programs: ROS, OpenCV, Kalibr, RealSense, and scripts that write the same
//! numbers.
//!
//! - `tree.rs`: the values of a file, whatever its syntax.
//! - `yaml.rs`, `xml.rs`, `json.rs`, `sensor_list.rs`: the syntaxes.
//! - `keys.rs`: the names that programs give to a camera's numbers.
//! - `lens.rs`: lens models by name.
//! - `error.rs`: why a file has no camera that can be used.

mod error;
mod json;
mod keys;
mod lens;
mod sensor_list;
mod tree;
mod xml;
mod yaml;

pub use error::ForeignCameraError;
pub use keys::ForeignCamera;
use keys::camera_of;
use tree::Node;

/// The cameras of another program's file; `None` if the text is TOML or of no known syntax.
///
/// # Errors
/// The text is damaged, or has no camera.
pub(crate) fn foreign_cameras(
    text: &str,
) -> Option<Result<Vec<ForeignCamera>, ForeignCameraError>> {
    let documents = match Syntax::of(text)? {
        Syntax::SensorList => Ok(vec![sensor_list::parse(text)]),
        Syntax::Xml => xml::parse(text).map(|root| vec![root]),
        Syntax::Json => json::parse(text).map(|root| vec![root]),
        Syntax::Yaml => yaml::parse(text),
    };
    Some(documents.and_then(|documents| cameras_in(&documents)))
}

/// The one camera of a file.
///
/// # Errors
/// The file has several, one whose lens is unknown, or one without an image size.
pub(crate) fn only(cameras: &[ForeignCamera]) -> Result<&ForeignCamera, ForeignCameraError> {
    match cameras {
        [one] => Ok(one),
        _ => Err(ForeignCameraError::Several { names: names(cameras) }),
    }
}

/// The names of cameras, for messages.
pub(crate) fn names(cameras: &[ForeignCamera]) -> String {
    cameras.iter().map(|camera| camera.name.as_str()).collect::<Vec<_>>().join(", ")
}

enum Syntax {
    SensorList,
    Xml,
    Json,
    Yaml,
}

impl Syntax {
    fn of(text: &str) -> Option<Self> {
        if sensor_list::is_list(text) {
            return Some(Self::SensorList);
        }
        let mut lines = text.lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
        match first.chars().next()? {
            '<' => return Some(Self::Xml),
            '{' => return Some(Self::Json),
            // A table of TOML begins with a bracket, too.
            '[' => return json::parse(text).is_ok().then_some(Self::Json),
            '%' => return Some(Self::Yaml),
            _ if first.starts_with("---") || first.starts_with("- ") => return Some(Self::Yaml),
            _ => {}
        }
        let (colon, equals) = (first.find(':'), first.find('='));
        colon.filter(|colon| equals.is_none_or(|equals| *colon < equals)).map(|_| Self::Yaml)
    }
}

fn cameras_in(documents: &[Node]) -> Result<Vec<ForeignCamera>, ForeignCameraError> {
    let mut cameras: Vec<ForeignCamera> = Vec::new();
    for document in documents {
        collect(document, "camera", None, &mut cameras)?;
    }
    // Messages that were printed one after the other have one camera.
    if documents.len() > 1 {
        cameras.dedup_by(|a, b| a.is_same_as(b));
    }
    match cameras.is_empty() {
        true => Err(ForeignCameraError::NoCamera),
        false => Ok(cameras),
    }
}

/// Collects the cameras of a value and of those within it. `size` is that of the image around it.
fn collect(
    node: &Node,
    name: &str,
    size: Option<[u32; 2]>,
    cameras: &mut Vec<ForeignCamera>,
) -> Result<(), ForeignCameraError> {
    if let Some(camera) = camera_of(node, name, size)? {
        cameras.push(camera);
        return Ok(());
    }
    let size = keys::size_of(node, name)?.or(size);
    for (key, child) in node.children() {
        if matches!(child, Node::Map(_) | Node::List(_)) {
            collect(child, &key, size, cameras)?;
        }
    }
    Ok(())
}
