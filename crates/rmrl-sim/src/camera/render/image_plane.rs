//! From pixels to rays, and from points of the cell to the pixels that they may cover.

use nalgebra::{Point2, Point3};
use rmrl_vision::{CameraModel, Distortion};

use super::light_source::LightSource;
use super::ray::Ray;
use super::sampling::samples;
use crate::camera::pixel_region::PixelRegion;

/// The image of a camera that looks straight down.
#[derive(Debug, Clone)]
pub(super) struct ImagePlane {
    pub camera: CameraModel,
    /// All pixels.
    pub whole: PixelRegion,
    /// The side of a pixel on the table, in meters. The camera looks straight down, so all are alike,
    /// and higher surfaces cover more of them.
    pub pixel_m: f32,
    /// Where the rays of the pixels' middles meet the plane at a depth of 1, row by row; `None` without distortion,
    /// and for a lens without an inverse in some of them.
    undistorted: Option<Vec<Point2<f64>>>,
}

impl ImagePlane {
    pub(super) fn new(camera: CameraModel) -> Self {
        let intrinsics = camera.intrinsics;
        let whole = PixelRegion::whole(intrinsics.width as usize, intrinsics.height as usize);
        let undistorted = match intrinsics.distortion == Distortion::default() {
            true => None,
            false => {
                let middles = whole.pixels().map(|(u, v)| Point2::new(u as f64, v as f64));
                middles.map(|middle| Some(intrinsics.unproject(middle, 1.0)?.xy())).collect()
            }
        };
        Self {
            camera,
            whole,
            pixel_m: (camera.position().z / intrinsics.fx.min(intrinsics.fy)) as f32,
            undistorted,
        }
    }

    /// The ray of a pixel, scaled so that distances along it are depths along the optical axis.
    pub(super) fn primary_ray(&self, u: f64, v: f64) -> Ray {
        let in_camera = self.in_camera(u, v);
        Ray {
            origin: self.camera.position().cast(),
            direction: (self.camera.world_from_camera * in_camera.coords).cast(),
        }
    }

    /// Where the ray of a point of the image meets the plane at a depth of 1.
    fn in_camera(&self, u: f64, v: f64) -> Point3<f64> {
        let intrinsics = &self.camera.intrinsics;
        let Some(undistorted) = &self.undistorted else {
            // Where the lens has no inverse it shows nothing, as if the ray left backwards.
            let point = intrinsics.unproject(Point2::new(u, v), 1.0);
            return point.unwrap_or_else(|| Point3::new(0.0, 0.0, -1.0));
        };
        // Within a pixel the displacement changes by less than 0.005 px.
        let nearest = |at: f64, count: usize| (at.max(0.0).round() as usize).min(count - 1);
        let (column, row) = (nearest(u, self.whole.right), nearest(v, self.whole.bottom));
        let middle = undistorted[row * self.whole.right + column];
        Point3::new(
            middle.x + (u - column as f64) / intrinsics.fx,
            middle.y + (v - row as f64) / intrinsics.fy,
            1.0,
        )
    }

    /// The color rays of a pixel, each with the point of the lights that it looks at, in their radii.
    pub(super) fn color_rays(&self, u: usize, v: usize) -> impl Iterator<Item = (Ray, [f32; 2])> {
        samples(u, v).map(move |sample| {
            let [right, down] = sample.offset;
            (self.primary_ray(u as f64 + right, v as f64 + down), sample.disc)
        })
    }

    /// The pixels that the hull of these points can cover, and a few more: all, where one of them has no image because it
    /// is behind the camera or far aside.
    pub(super) fn seen_region(&self, points: impl IntoIterator<Item = Point3<f32>>) -> PixelRegion {
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        for point in points {
            let Some(pixel) = self.camera.project(point.cast()) else { return self.whole };
            for axis in 0..2 {
                low[axis] = low[axis].min(pixel[axis]);
                high[axis] = high[axis].max(pixel[axis]);
            }
        }
        let PixelRegion { right, bottom, .. } = self.whole;
        let within = |value: f64, limit: usize| value.clamp(0.0, limit as f64) as usize;
        PixelRegion {
            left: within(low[0] - 2.0, right),
            top: within(low[1] - 2.0, bottom),
            right: within(high[0] + 3.0, right),
            bottom: within(high[1] + 3.0, bottom),
        }
    }

    /// The pixels that a body with these corners, or its shadow from `source`, can cover: all, where the body is as high as
    /// the source.
    pub(super) fn shaded_region(
        &self,
        corners: &[Point3<f32>],
        source: &LightSource,
    ) -> PixelRegion {
        if corners.iter().any(|corner| corner.z >= source.lowest()) {
            return self.whole;
        }
        let edges = source.corners();
        // Shadows reach farthest on the lowest surface, the table.
        let shadows = corners.iter().flat_map(|corner| {
            edges.iter().map(move |edge| {
                let down = corner - edge;
                edge + down * (edge.z / (edge.z - corner.z))
            })
        });
        self.seen_region(corners.iter().copied().chain(shadows))
    }
}
