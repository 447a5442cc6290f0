//! Draws localizations into images.

use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_hollow_rect_mut, draw_line_segment_mut};
use imageproc::rect::Rect;
use nalgebra::Point3;
use rmrl_core::PlanarPose;

use crate::{BoundingBox, CameraModel, Localization, Mask, PlateGeometry};

/// Draws a localization: the mask (red), the detector's box (yellow) and the plate's outline at the
/// localized pose with an arrow along its x axis (green).
pub fn draw_localization(
    image: &mut RgbImage,
    found: &Localization,
    camera: &CameraModel,
    plate: PlateGeometry,
) {
    draw_mask(image, &found.mask, [255, 40, 40]);
    draw_bounding_box(image, found.bounding_box, [255, 220, 40]);
    draw_plate(image, camera, plate, found.pose, found.height_m, [40, 220, 90]);
}

/// Draws the outline of a box.
pub fn draw_bounding_box(image: &mut RgbImage, bounding_box: BoundingBox, color: [u8; 3]) {
    let [left, top, width, height] = bounding_box.pixels_within(image.width(), image.height(), 0.0);
    if width > 0 && height > 0 {
        let rectangle = Rect::at(left as i32, top as i32).of_size(width, height);
        draw_hollow_rect_mut(image, rectangle, Rgb(color));
    }
}

/// Tints the mask's pixels half-way to `color`.
pub fn draw_mask(image: &mut RgbImage, mask: &Mask, color: [u8; 3]) {
    for (u, v) in mask.pixels() {
        if let Some(pixel) = image.get_pixel_mut_checked(u, v) {
            for (channel, tint) in pixel.0.iter_mut().zip(color) {
                *channel = u8::midpoint(*channel, tint);
            }
        }
    }
}

/// Draws the outline of a plate's top face at `pose`, its center, and its x axis as an arrow.
///
/// `center_height_m` is the height of the plate's center above the table.
pub fn draw_plate(
    image: &mut RgbImage,
    camera: &CameraModel,
    plate: PlateGeometry,
    pose: PlanarPose,
    center_height_m: f64,
    color: [u8; 3],
) {
    let top_m = center_height_m + 0.5 * plate.height_m;
    let (half_length, half_width) = (0.5 * plate.length_m, 0.5 * plate.width_m);
    let corners = [
        (half_length, half_width),
        (-half_length, half_width),
        (-half_length, -half_width),
        (half_length, -half_width),
    ];
    let mut line = |from: (f64, f64), to: (f64, f64)| {
        let pixel = |(along, across): (f64, f64)| {
            let (sin, cos) = pose.yaw_rad.sin_cos();
            camera.project(Point3::new(
                pose.x_m + cos * along - sin * across,
                pose.y_m + sin * along + cos * across,
                top_m,
            ))
        };
        if let (Some(from), Some(to)) = (pixel(from), pixel(to)) {
            let ends = [from, to].map(|end| (end.x as f32, end.y as f32));
            draw_line_segment_mut(image, ends[0], ends[1], Rgb(color));
        }
    };
    for (corner, from) in corners.iter().enumerate() {
        line(*from, corners[(corner + 1) % corners.len()]);
    }
    let tip = (0.6 * half_length, 0.0);
    line((0.0, 0.0), tip);
    line(tip, (tip.0 - 0.008, 0.006));
    line(tip, (tip.0 - 0.008, -0.006));
    line((0.0, -0.01), (0.0, 0.01));
}
