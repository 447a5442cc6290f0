//! Aligns a pose to the plate's edges in the image, to a fraction of a pixel.
//!
//! A mask consists of whole pixels. The mask of a plate that lies parallel to the image's rows, as a placed
//! plate does, moves in steps of half a pixel, which is 0.65 mm at 0.8 m. The brightness across an edge
//! shows where inside the pixel the edge is.

use std::sync::OnceLock;

use image::RgbImage;
use nalgebra::{Matrix4, Point2, Point3, Vector2, Vector3, Vector4};
use rmrl_core::PlanarPose;

use crate::silhouette::Silhouette;
use crate::{CameraModel, PlateGeometry};

/// How far the brightness is sampled on both sides of an edge, in pixels. Small, because the walls of a slot
/// are close.
const REACH_PX: f64 = 2.0;
/// Within this distance lies the blurred edge itself; beyond it, plate and table, in pixels.
const BLUR_PX: f64 = 1.5;
/// Distance of the samples across an edge, in pixels.
const ACROSS_STEP_PX: f64 = 0.5;
/// Another object within this many steps behind a side may bias its edge: 4.5 pixels. From `REACH_PX` on.
const REACH_STEPS: u8 = 4;
const CLEAR_STEPS: u8 = 9;
/// Distance of the samples along an edge, in pixels.
const ALONG_STEP_PX: f64 = 1.0;
/// Corners are rounded; at this distance from them an edge is straight, in pixels.
const CORNER_PX: f64 = 4.0;
/// The table must be brighter than the plate by this share of its brightness to make an edge.
const MIN_CONTRAST: f64 = 0.4;
/// Fewer samples do not determine a pose.
const MIN_SAMPLES: usize = 40;
/// Gauss-Newton converges in two steps from a mask's pose.
const ITERATIONS: usize = 3;

/// A point of the expected outline, its outward direction, and how far along that direction the edge is.
struct Sample {
    at: Point2<f64>,
    outward: Vector2<f64>,
    offset_px: f64,
}

/// A pose that was aligned to the edges in the image.
pub(crate) struct Aligned {
    pub pose: PlanarPose,
    /// How well the edges fit; `None` if they do not show the plate's size.
    pub fit: Option<Fit>,
}

/// How well the edges in the image fit the outline of a plate.
pub(crate) struct Fit {
    /// How much higher than assumed the plate would have to lie to appear as large as it does, in meters.
    pub rise_m: f64,
    /// The root mean square of what is left between edges and outline, in pixels.
    pub rms_px: f64,
}

/// Which of the image's edges count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum EdgeRule {
    /// All.
    #[default]
    All,
    /// Those behind which no other dark object follows at once.
    Clear,
    /// Of those, only edges of the plate's top: another plate lies under it, and need not lie exactly under it.
    ClearTop,
}

/// The edges of plates in an image.
pub(crate) struct Edges<'a> {
    image: &'a RgbImage,
    plate: PlateGeometry,
    camera: &'a CameraModel,
    rule: EdgeRule,
}

impl<'a> Edges<'a> {
    pub fn new(
        image: &'a RgbImage,
        plate: PlateGeometry,
        camera: &'a CameraModel,
        rule: EdgeRule,
    ) -> Self {
        Self { image, plate, camera, rule }
    }

    /// Moves `pose` so that the outline of a plate centered at `height_m` lies on the edges in the
    /// image, by least squares over all samples along all sides. `None` if too few edges are visible.
    pub fn align(&self, pose: PlanarPose, height_m: f64) -> Option<Aligned> {
        let (mut aligned, mut fit) = (pose, None);
        for _ in 0..ITERATIONS {
            let samples = self.samples(aligned, height_m)?;
            let (normal, right) = normal_equations(&samples, aligned, height_m, self.camera)?;
            let step = normal.fixed_view::<3, 3>(0, 0).cholesky()?.solve(&right.xyz());
            fit = self.fit(&samples, &normal, &right, height_m);
            aligned = moved(aligned, step);
        }
        // A fit that moves far from its mask has found another object's edges.
        if aligned.distance_m(pose) >= MAX_CORRECTION_M {
            return None;
        }
        let fit = fit.and_then(|fit| self.at_its_height(fit, aligned, height_m));
        Some(Aligned { pose: aligned, fit })
    }

    /// The fit with a free height.
    fn fit(
        &self,
        samples: &[Sample],
        normal: &Matrix4<f64>,
        right: &Vector4<f64>,
        height_m: f64,
    ) -> Option<Fit> {
        if self.rule != EdgeRule::All && !self.shows_size(samples.len(), normal, height_m) {
            return None;
        }
        let step = normal.cholesky()?.solve(right);
        let squares: f64 = samples.iter().map(|sample| sample.offset_px.powi(2)).sum();
        let left = (squares - step.dot(right)).max(0.0);
        Some(Fit { rise_m: step.w, rms_px: (left / samples.len() as f64).sqrt() })
    }

    /// Follows a large rise to where it leads: edges farther out than the profiles reach seem nearer than they are.
    fn at_its_height(&self, mut fit: Fit, mut pose: PlanarPose, height_m: f64) -> Option<Fit> {
        let distance_m = self.camera.position().z - height_m;
        let mut step_m = fit.rise_m;
        for _ in 0..ITERATIONS {
            if step_m.abs() < SMALL_RISE_RATIO * distance_m {
                break;
            }
            let height_m = height_m + fit.rise_m;
            let samples = self.samples(pose, height_m)?;
            let (normal, right) = normal_equations(&samples, pose, height_m, self.camera)?;
            let step = normal.cholesky()?.solve(&right);
            step_m = step.w;
            fit.rise_m += step_m;
            pose = moved(pose, step.xyz());
        }
        Some(fit)
    }

    /// The image's edges along the outline of a plate; `None` if there are too few.
    fn samples(&self, pose: PlanarPose, height_m: f64) -> Option<Vec<Sample>> {
        let outline = Silhouette::of_plate(pose, height_m, self.plate, self.camera)?;
        let top = match self.rule {
            EdgeRule::ClearTop => {
                let top_m = height_m + 0.5 * self.plate.height_m;
                Some(Silhouette::of_face(pose, top_m, self.plate, self.camera)?)
            }
            _ => None,
        };
        let is_used = |ends: [Point2<f64>; 2]| {
            top.as_ref().is_none_or(|top| ends.iter().all(|end| top.outline().contains(end)))
        };
        let must_be_clear = self.rule != EdgeRule::All;
        let samples = samples(self.image, outline.outline(), is_used, must_be_clear);
        (samples.len() >= MIN_SAMPLES).then_some(samples)
    }

    /// Whether the samples show how large the outline is: those of two adjacent sides do not.
    fn shows_size(&self, count: usize, normal: &Matrix4<f64>, height_m: f64) -> bool {
        let distance_m = self.camera.position().z - height_m;
        // How far a long side moves outward in the image, in pixels, for each meter that the plate is nearer.
        let growth = 0.5 * self.plate.width_m * self.camera.intrinsics.fx / distance_m.powi(2);
        // What the samples say of the height beside x, y and yaw.
        let information = normal.try_inverse().map_or(0.0, |inverse| 1.0 / inverse.m44);
        information >= MIN_SIZE_SHARE * count as f64 * growth.powi(2)
    }
}

/// The least share of what a whole outline says of its size.
const MIN_SIZE_SHARE: f64 = 0.3;

/// The largest correction of a mask's pose, in meters: the mask's error stays well below it.
const MAX_CORRECTION_M: f64 = 0.004;

/// A smaller rise, as a share of the camera's distance, is measured well enough: 6 mm at 0.8 m.
const SMALL_RISE_RATIO: f64 = 0.0075;

fn moved(pose: PlanarPose, step: Vector3<f64>) -> PlanarPose {
    PlanarPose::new(pose.x_m + step.x, pose.y_m + step.y, pose.yaw_rad + step.z)
}

/// The image's edges along the outline's sides of which `is_used` says so, by their ends.
fn samples(
    image: &RgbImage,
    outline: &[Point2<f64>],
    is_used: impl Fn([Point2<f64>; 2]) -> bool,
    must_be_clear: bool,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (index, corner) in outline.iter().enumerate() {
        let next = outline[(index + 1) % outline.len()];
        if !is_used([*corner, next]) {
            continue;
        }
        let side = next - corner;
        let length = side.norm();
        let along = side / length;
        // The outline turns from u towards v, so its inside lies to the left of each side.
        let outward = Vector2::new(along.y, -along.x);
        let mut position = CORNER_PX;
        while position <= length - CORNER_PX {
            let at = corner + along * position;
            if let Some(edge) = edge_at(image, at, outward)
                && !(must_be_clear && edge.is_followed(image, at, outward))
            {
                samples.push(Sample { at, outward, offset_px: edge.offset_px });
            }
            position += ALONG_STEP_PX;
        }
    }
    samples
}

/// The edge of a plate along a line across it.
struct Edge {
    /// How far from the line's middle the edge is, in pixels.
    offset_px: f64,
    /// The brightness of the plate and of the table.
    inside: f64,
    outside: f64,
}

impl Edge {
    /// Whether another dark object follows behind the edge. It darkens what seems to be the table.
    fn is_followed(&self, image: &RgbImage, at: Point2<f64>, outward: Vector2<f64>) -> bool {
        let half = 0.5 * (self.inside + self.outside);
        let mut behind = (REACH_STEPS..=CLEAR_STEPS).map(|step| f64::from(step) * ACROSS_STEP_PX);
        behind.any(|offset_px| {
            brightness(image, at + outward * offset_px).is_some_and(|value| value < half)
        })
    }
}

/// How far from `at` along `outward` the plate ends and the table begins; `None` if there is no such
/// edge.
///
/// The integral of the missing light between the two levels gives the length that the plate covers. It is
/// right wherever inside a pixel the edge is. The position of the steepest rise, or of half the
/// brightness, would be biased towards the pixels' borders.
fn edge_at(image: &RgbImage, at: Point2<f64>, outward: Vector2<f64>) -> Option<Edge> {
    const COUNT: usize = (2.0 * REACH_PX / ACROSS_STEP_PX) as usize + 1;
    const LEVEL_COUNT: usize = ((REACH_PX - BLUR_PX) / ACROSS_STEP_PX) as usize + 1;
    let mut profile = [0.0; COUNT];
    for (index, value) in profile.iter_mut().enumerate() {
        let offset_px = index as f64 * ACROSS_STEP_PX - REACH_PX;
        *value = brightness(image, at + outward * offset_px)?;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let inside = mean(&profile[..LEVEL_COUNT]);
    let outside = mean(&profile[COUNT - LEVEL_COUNT..]);
    if outside - inside < MIN_CONTRAST * outside {
        return None;
    }
    let covered = |value: f64| (outside - value) / (outside - inside);
    // The trapezoidal rule.
    let ends = 0.5 * (covered(profile[0]) + covered(profile[COUNT - 1]));
    let between: f64 = profile[1..COUNT - 1].iter().map(|value| covered(*value)).sum();
    let offset_px = ACROSS_STEP_PX * (ends + between) - REACH_PX;
    Some(Edge { offset_px, inside, outside })
}

/// The normal equations of least squares for the change of x, y, yaw and height that moves the outline onto the
/// samples' edges.
fn normal_equations(
    samples: &[Sample],
    pose: PlanarPose,
    height_m: f64,
    camera: &CameraModel,
) -> Option<(Matrix4<f64>, Vector4<f64>)> {
    let (mut normal, mut right) = (Matrix4::zeros(), Vector4::zeros());
    for sample in samples {
        let point = camera.intersect_plane(sample.at, height_m)?;
        // How a point of the plate moves with x, y, yaw and height.
        let directions = [
            Vector3::new(1.0, 0.0, 0.0),
            Vector3::new(0.0, 1.0, 0.0),
            Vector3::new(-(point.y - pose.y_m), point.x - pose.x_m, 0.0),
            Vector3::new(0.0, 0.0, 1.0),
        ];
        const STEP: f64 = 1e-4;
        let mut row = Vector4::zeros();
        for (slope, direction) in row.iter_mut().zip(directions) {
            let moved: Point3<f64> = point + direction * STEP;
            *slope = sample.outward.dot(&(camera.project(moved)? - sample.at)) / STEP;
        }
        normal += row * row.transpose();
        right += row * sample.offset_px;
    }
    Some((normal, right))
}

/// Linear brightness of a pixel, 0 to 1.
pub(crate) fn linear_brightness([red, green, blue]: [u8; 3]) -> f64 {
    let linear = linear_levels();
    0.2126 * linear[usize::from(red)]
        + 0.7152 * linear[usize::from(green)]
        + 0.0722 * linear[usize::from(blue)]
}

/// Whether something of this brightness is as dark as a plate: no edge is seen between them.
pub(crate) fn is_as_dark(value: f64, plate: f64) -> bool {
    value - plate < MIN_CONTRAST * value
}

/// Linear brightness at a point, bilinearly interpolated, 0 to 1; `None` outside of the image.
fn brightness(image: &RgbImage, at: Point2<f64>) -> Option<f64> {
    let (left, top) = (at.x.floor(), at.y.floor());
    if left < 0.0 || top < 0.0 {
        return None;
    }
    let (across, down) = (at.x - left, at.y - top);
    let (left, top) = (left as u32, top as u32);
    if left + 1 >= image.width() || top + 1 >= image.height() {
        return None;
    }
    let value = |u: u32, v: u32| linear_brightness(image.get_pixel(left + u, top + v).0);
    let upper = value(0, 0) * (1.0 - across) + value(1, 0) * across;
    let lower = value(0, 1) * (1.0 - across) + value(1, 1) * across;
    Some(upper * (1.0 - down) + lower * down)
}

/// The inverse of the sRGB transfer function, because the light of a pixel is proportional to the area that an
/// edge leaves uncovered.
fn linear_levels() -> &'static [f64; 256] {
    static LEVELS: OnceLock<[f64; 256]> = OnceLock::new();
    LEVELS.get_or_init(|| {
        std::array::from_fn(|level| {
            let encoded = level as f64 / 255.0;
            if encoded <= 0.040_45 {
                encoded / 12.92
            } else {
                ((encoded + 0.055) / 1.055).powf(2.4)
            }
        })
    })
}
