//! The names that programs give to a camera's numbers.

use crate::{Distortion, Intrinsics};

use super::error::ForeignCameraError;
use super::lens;
use super::tree::Node;

/// A camera of another program's file.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignCamera {
    /// Its name, or its place in the file.
    pub name: String,
    /// Width and height of its images in pixels, if the file has them.
    pub size: Option<[u32; 2]>,
    /// What the file has beside, which has no effect.
    pub ignored: Vec<&'static str>,
    /// `fx`, `fy`, `cx`, `cy`.
    pinhole: [f64; 4],
    lens: Result<Distortion, ForeignCameraError>,
}

const WIDTH: &[&str] = &["width", "imagewidth", "camerawidth", "w"];
const HEIGHT: &[&str] = &["height", "imageheight", "cameraheight", "h"];
const SIZE: &[&str] = &["resolution", "imagesize"];
const MATRIX: &[&str] =
    &["cameramatrix", "intrinsicmatrix", "k", "mtx", "cameramtx", "intrinsicsmatrix"];
const FX: &[&str] = &["fx", "camerafx", "camera1fx", "fu"];
const FY: &[&str] = &["fy", "camerafy", "camera1fy", "fv"];
const CX: &[&str] = &["cx", "ppx", "cameracx", "camera1cx", "pu", "cu"];
const CY: &[&str] = &["cy", "ppy", "cameracy", "camera1cy", "pv", "cv"];
const COEFFICIENTS: &[&str] = &[
    "distortioncoefficients",
    "distortioncoeffs",
    "distcoeffs",
    "distcoeff",
    "distcoefs",
    "coeffs",
    "coefficients",
    "distortion",
    "dist",
];
/// The key of ROS and of many scripts, also of those for fisheye lenses.
const D: &[&str] = &["d"];
/// Names of the lens model, and of the camera model, which Kalibr has beside it.
const LENS_MODEL: &[&str] = &["distortionmodel", "model"];
const CAMERA_MODEL: &[&str] = &["cameramodel", "modeltype", "cameratype"];

impl ForeignCamera {
    /// The intrinsics. `given` is the size of the images if the file has none.
    ///
    /// # Errors
    /// The lens is of an unknown model, or the size is missing or another one.
    pub fn intrinsics(&self, given: Option<[u32; 2]>) -> Result<Intrinsics, ForeignCameraError> {
        let distortion = self.lens.clone()?;
        let [width, height] = match (self.size, given) {
            (Some(size), Some(given)) if size != given => {
                return Err(ForeignCameraError::Value {
                    camera: self.name.clone(),
                    key: "images of".to_string(),
                    found: format!("{} x {} pixels", size[0], size[1]),
                    expected: "those of --image-size; intrinsics belong to one size",
                });
            }
            (Some(size), _) | (None, Some(size)) => size,
            (None, None) => {
                return Err(self.lacks(
                    "size of its images: give it by `rmrl calibrate import FILE --image-size WIDTHxHEIGHT \
                     --out camera.toml`",
                ));
            }
        };
        let [fx, fy, cx, cy] = self.pinhole;
        Ok(Intrinsics { width, height, fx, fy, cx, cy, distortion })
    }

    /// Whether two cameras have the same numbers.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let numbers = |camera: &Self| (camera.size, camera.pinhole, camera.lens.clone());
        numbers(self) == numbers(other)
    }

    fn lacks(&self, what: &'static str) -> ForeignCameraError {
        ForeignCameraError::Missing { camera: self.name.clone(), what }
    }
}

/// The camera that a value is; `None` if it is none. `size` is that of the image around it.
pub(super) fn camera_of(
    node: &Node,
    name: &str,
    size: Option<[u32; 2]>,
) -> Result<Option<ForeignCamera>, ForeignCameraError> {
    let name = match node.get(&["cameraname", "name"]).and_then(|(_, name)| name.text()) {
        Some(own) if name == "camera" && !own.is_empty() => own,
        _ => name,
    };
    let Some(pinhole) = pinhole_of(node, name)? else { return Ok(None) };
    check_whole_image(node, name)?;
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let is_rectified = node
        .get(&["rectificationmatrix", "r"])
        .and_then(|(_, matrix)| matrix.numbers())
        .is_some_and(|numbers| numbers.len() == 9 && numbers != identity);
    let mut ignored = Vec::new();
    if is_rectified {
        ignored
            .push("the rectification of a stereo pair: use the images as the sensor delivers them");
    }
    if node.get(&["tcamimu", "tbs", "tcncnm1"]).is_some() {
        ignored.push("poses to other sensors");
    }
    Ok(Some(ForeignCamera {
        name: name.to_string(),
        size: size_of(node, name)?.or(size),
        ignored,
        pinhole,
        lens: lens_of(node, name),
    }))
}

/// The size of the images that a value states.
pub(super) fn size_of(node: &Node, camera: &str) -> Result<Option<[u32; 2]>, ForeignCameraError> {
    let number = |keys: &[&str]| node.get(keys).and_then(|(_, value)| value.numbers());
    let (numbers, found) = match (number(WIDTH), number(HEIGHT), node.get(SIZE)) {
        (Some(width), Some(height), _) => ([width, height].concat(), "width and height"),
        (_, _, Some((_, size))) => (size.numbers().unwrap_or_default(), "the size"),
        _ => return Ok(None),
    };
    // Messages of drivers that are not ready have zeros.
    if numbers == [0.0, 0.0] {
        return Ok(None);
    }
    match numbers.as_slice() {
        [width, height]
            if [width, height]
                .iter()
                .all(|side| side.fract() == 0.0 && **side >= 1.0 && **side <= 65_535.0) =>
        {
            Ok(Some([*width as u32, *height as u32]))
        }
        _ => Err(ForeignCameraError::Value {
            camera: camera.to_string(),
            key: found.to_string(),
            found: format!("{numbers:?}"),
            expected: "two whole numbers of pixels",
        }),
    }
}

/// `fx`, `fy`, `cx`, `cy`; `None` if the value has none of their names.
fn pinhole_of(node: &Node, camera: &str) -> Result<Option<[f64; 4]>, ForeignCameraError> {
    let wrong = |key: &str, found: String, expected| ForeignCameraError::Value {
        camera: camera.to_string(),
        key: key.to_string(),
        found,
        expected,
    };
    let single = |keys: &[&str]| node.get(keys);
    if let (Some(fx), Some(fy), Some(cx), Some(cy)) =
        (single(FX), single(FY), single(CX), single(CY))
    {
        let mut numbers = [0.0; 4];
        for (number, (key, value)) in numbers.iter_mut().zip([fx, fy, cx, cy]) {
            *number = match value.numbers().as_deref() {
                Some([one]) => *one,
                _ => return Err(wrong(key, value.short(), "a number")),
            };
        }
        return Ok(Some(numbers));
    }
    if let Some((key, value)) = node.get(MATRIX) {
        let Some(k) = value.numbers() else {
            return Err(wrong(key, value.short(), "a matrix of 3 x 3 numbers"));
        };
        // Open3D writes column after column.
        return match k.as_slice() {
            [fx, skew, cx, zero, fy, cy, below, beside, one]
            | [fx, zero, below, skew, fy, beside, cx, cy, one]
                if [*zero, *below, *beside, *skew, one - 1.0] == [0.0; 5]
                    && (*cx, *cy) != (0.0, 0.0) =>
            {
                Ok(Some([*fx, *fy, *cx, *cy]))
            }
            _ => Err(wrong(key, format!("{k:?}"), "fx, 0, cx, 0, fy, cy, 0, 0, 1")),
        };
    }
    // Kalibr and EuRoC; a list of other numbers belongs to another camera model, which is refused by its name.
    match node.get(&["intrinsics"]) {
        Some((key, value @ Node::List(_))) => match value.numbers().as_deref() {
            Some([fu, fv, pu, pv]) => Ok(Some([*fu, *fv, *pu, *pv])),
            Some(_) if camera_model(node).is_some() => Ok(Some([0.0; 4])),
            _ => Err(wrong(key, value.short(), "fx, fy, cx, cy")),
        },
        _ => Ok(None),
    }
}

/// Refuses the camera of a part of the image.
fn check_whole_image(node: &Node, camera: &str) -> Result<(), ForeignCameraError> {
    let is_at_most = |node: &Node, keys: &[&str], most: f64| {
        let numbers = node.get(keys).and_then(|(_, value)| value.numbers()).unwrap_or_default();
        numbers.iter().all(|number| *number <= most)
    };
    let wrong = |key: &str, expected| ForeignCameraError::Value {
        camera: camera.to_string(),
        key: key.to_string(),
        found: "for images that are not its own".to_string(),
        expected,
    };
    if !is_at_most(node, &["binningx"], 1.0) || !is_at_most(node, &["binningy"], 1.0) {
        return Err(wrong("binning", "none: calibrate with the images that are used"));
    }
    if let Some((_, roi)) = node.get(&["roi"])
        && !(is_at_most(roi, &["xoffset"], 0.0) && is_at_most(roi, &["yoffset"], 0.0))
    {
        return Err(wrong("a roi", "none: calibrate with the images that are used"));
    }
    Ok(())
}

/// A camera model beside pinhole, which is a lens model of its own.
fn camera_model(node: &Node) -> Option<&str> {
    let model = node.get(CAMERA_MODEL).and_then(|(_, model)| model.text());
    model.filter(|model| !model.eq_ignore_ascii_case("pinhole"))
}

fn lens_of(node: &Node, camera: &str) -> Result<Distortion, ForeignCameraError> {
    let named = |keys: &[&str]| node.get(keys).and_then(|(_, model)| model.text());
    let is_fisheye =
        node.get(&["fisheyemodel"]).and_then(|(_, value)| value.numbers()) == Some(vec![1.0]);
    let fisheye = is_fisheye.then_some("fisheye");
    // `rs-enumerate-devices` has the model's name here, and the numbers beside it.
    let by_distortion = || named(&["distortion"]).filter(|name| name.parse::<f64>().is_err());
    let model = camera_model(node).or(fisheye).or_else(|| named(LENS_MODEL)).or_else(by_distortion);
    let model = model.filter(|model| !model.is_empty());
    let missing = |what| ForeignCameraError::Missing { camera: camera.to_string(), what };
    let wrong = |key: &str, value: &Node| ForeignCameraError::Value {
        camera: camera.to_string(),
        key: key.to_string(),
        found: value.short(),
        expected: "the numbers k1, k2, p1, p2, k3",
    };
    let coefficients = match (node.get(COEFFICIENTS), node.get(D)) {
        (Some((key, value)), _) => Some(coefficients_of(value).ok_or_else(|| wrong(key, value))?),
        (None, Some((key, value))) => {
            let numbers = coefficients_of(value).ok_or_else(|| wrong(key, value))?;
            let is_doubtful = numbers.len() == 4 && numbers.iter().any(|number| *number != 0.0);
            if model.is_none() && is_doubtful {
                return Err(missing(
                    "lens model: four numbers D may be k1, k2, p1, p2 or those of a fisheye lens; add \
                     distortion_model: plumb_bob or equidistant",
                ));
            }
            Some(numbers)
        }
        (None, None) => coefficients_of(node),
    };
    match coefficients {
        Some(coefficients) => lens::distortion(camera, model, &coefficients),
        // Open3D has no distortion in its format.
        None if node.get(&["intrinsicmatrix"]).is_some()
            || model.is_some_and(|model| model == "none") =>
        {
            Ok(Distortion::default())
        }
        None if model.is_some() => {
            lens::distortion(camera, model, &[]).and(Err(missing(LENS_MISSING)))
        }
        None => Err(missing(LENS_MISSING)),
    }
}

const LENS_MISSING: &str = "distortion coefficients: add them, or distortion_coefficients: [0, 0, 0, 0, 0] for images without distortion";

/// The coefficients of a list or matrix, or by their names, in OpenCV's order; `None` if there are none.
fn coefficients_of(node: &Node) -> Option<Vec<f64>> {
    if let Some(numbers) = node.numbers() {
        return Some(numbers);
    }
    const NAMES: [&str; 8] = ["k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"];
    let prefixed = |name: &str| {
        let number = |key: &str| {
            node.get(&[key])
                .and_then(|(_, value)| value.numbers())
                .and_then(|numbers| numbers.first().copied())
        };
        number(name)
            .or_else(|| number(&format!("camera{name}")))
            .or_else(|| number(&format!("camera1{name}")))
    };
    let found = NAMES.map(prefixed);
    found.iter().any(Option::is_some).then(|| found.map(|number| number.unwrap_or(0.0)).to_vec())
}
