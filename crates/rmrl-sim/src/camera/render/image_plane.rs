//! From pixels to rays, and from points of the cell to the pixels that they may cover.

use nalgebra::{Point2, Point3};
use rmrl_vision::CameraModel;

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
}

impl ImagePlane {
    pub(super) fn new(camera: CameraModel) -> Self {
        let intrinsics = camera.intrinsics;
        Self {
            camera,
            whole: PixelRegion::whole(intrinsics.width as usize, intrinsics.height as usize),
            pixel_m: (camera.position().z / intrinsics.fx.min(intrinsics.fy)) as f32,
        }
    }

    /// The ray of a pixel, scaled so that distances along it are depths along the optical axis.
    pub(super) fn primary_ray(&self, u: f64, v: f64) -> Ray {
        // Where the lens has no inverse it shows nothing, as if the ray left backwards.
        let in_camera = self.camera.intrinsics.unproject(Point2::new(u, v), 1.0);
        let in_camera = in_camera.unwrap_or_else(|| Point3::new(0.0, 0.0, -1.0));
        Ray {
            origin: self.camera.position().cast(),
            direction: (self.camera.world_from_camera * in_camera.coords).cast(),
        }
    }

    /// The color rays of a pixel, each with the point of the lights that it looks at, in their radii.
    pub(super) fn color_rays(&self, u: usize, v: usize) -> impl Iterator<Item = (Ray, [f32; 2])> {
        samples(u, v).map(move |sample| {
            let [right, down] = sample.offset;
            (self.primary_ray(u as f64 + right, v as f64 + down), sample.disc)
        })
    }

    /// The pixels that the hull of these points can cover, and a few more.
    pub(super) fn seen_region(&self, points: impl IntoIterator<Item = Point3<f32>>) -> PixelRegion {
        let (mut low, mut high) = ([f64::MAX; 2], [f64::MIN; 2]);
        for point in points {
            if let Some(pixel) = self.camera.project(point.cast()) {
                for axis in 0..2 {
                    low[axis] = low[axis].min(pixel[axis]);
                    high[axis] = high[axis].max(pixel[axis]);
                }
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

    /// The pixels that a body with these corners, or its shadow from `source`, can cover.
    pub(super) fn shaded_region(
        &self,
        corners: &[Point3<f32>],
        source: &LightSource,
    ) -> PixelRegion {
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
