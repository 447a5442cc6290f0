//! Draws estimated and true poses of the plate into what the camera saw.

use std::path::Path;

use image::RgbImage;
use image::imageops::crop_imm;
use rmrl_core::PlanarPose;
use rmrl_data::TrialRecord;
use rmrl_vision::{CameraModel, PlateGeometry, draw_plate, read_color_image};

use crate::config::RunConfig;
use crate::run::world_record::WorldRecord;

/// Green: where the camera localized the plate.
pub(crate) const LOCALIZED: [u8; 3] = [40, 220, 90];
/// Magenta: where the plate truly was.
pub(crate) const TRUE: [u8; 3] = [255, 60, 220];
/// Yellow: where the arm picked, or should have placed.
pub(crate) const AIM: [u8; 3] = [255, 210, 40];

/// Size of the shown part of an image, in pixels.
const CROP: (u32, u32) = (240, 180);

/// What is needed to draw poses into the images of a cell.
pub(crate) struct Overlay {
    /// The camera as calibrated, to draw estimated poses.
    camera: CameraModel,
    /// The camera as it truly hangs, to draw true poses; `None` where it is unknown.
    true_camera: Option<CameraModel>,
    /// The plate.
    plate: PlateGeometry,
    /// Height of the plate's center before the action, in meters.
    start_height_m: f64,
    /// Height of a seated plate's center in its place, in meters.
    place_height_m: f64,
}

impl Overlay {
    /// That of the cell of a configuration, seen by `camera`.
    pub(crate) fn of(
        config: &RunConfig,
        camera: CameraModel,
        true_camera: Option<CameraModel>,
    ) -> Self {
        let plate = config.vision.localizer.plate;
        Self {
            camera,
            true_camera,
            plate,
            start_height_m: config.start_height_m(),
            place_height_m: config.task.place.surface_m + 0.5 * plate.height_m,
        }
    }

    /// The part around the plate of a trial's first image, with the localized, picked and true pose;
    /// `None` if the trial has no such image.
    pub(crate) fn start(
        &self,
        root: &Path,
        record: &TrialRecord,
        world: Option<&WorldRecord>,
    ) -> Option<anyhow::Result<RgbImage>> {
        let (name, localized) = (record.images.start.as_ref()?, record.estimated_pose?);
        let pick = record.adjustment.map(|adjustment| localized.adjusted(adjustment));
        let truth = world.and_then(|world| world.start);
        self.crop(&root.join(name), self.start_height_m, localized, pick, truth).into()
    }

    /// The part around the plate of a trial's last image, with the localized, target and true pose;
    /// `None` if the trial has no such image.
    pub(crate) fn end(
        &self,
        root: &Path,
        record: &TrialRecord,
        world: Option<&WorldRecord>,
    ) -> Option<anyhow::Result<RgbImage>> {
        let (name, localized) = (record.images.end.as_ref()?, record.final_pose?);
        let truth = world.and_then(|world| world.end);
        self.crop(&root.join(name), self.place_height_m, localized, record.target_pose, truth)
            .into()
    }

    fn crop(
        &self,
        path: &Path,
        height_m: f64,
        localized: PlanarPose,
        aim: Option<PlanarPose>,
        truth: Option<PlanarPose>,
    ) -> anyhow::Result<RgbImage> {
        let mut image = read_color_image(path)?;
        let mut draw = |camera: &CameraModel, pose: PlanarPose, color: [u8; 3]| {
            draw_plate(&mut image, camera, self.plate, pose, height_m, color);
        };
        if let (Some(camera), Some(truth)) = (&self.true_camera, truth) {
            draw(camera, truth, TRUE);
        }
        if let Some(aim) = aim {
            draw(&self.camera, aim, AIM);
        }
        draw(&self.camera, localized, LOCALIZED);
        let center = self
            .camera
            .project([localized.x_m, localized.y_m, height_m].into())
            .map_or((0.0, 0.0), |pixel| (pixel.x, pixel.y));
        Ok(crop_around(&image, center))
    }
}

/// The part of the image around a point, moved inside where it would extend beyond an edge.
fn crop_around(image: &RgbImage, (u, v): (f64, f64)) -> RgbImage {
    let (width, height) = (CROP.0.min(image.width()), CROP.1.min(image.height()));
    let corner = |center: f64, size: u32, limit: u32| {
        (center - f64::from(size) / 2.0).clamp(0.0, f64::from(limit - size)) as u32
    };
    let (left, top) = (corner(u, width, image.width()), corner(v, height, image.height()));
    crop_imm(image, left, top, width, height).to_image()
}
