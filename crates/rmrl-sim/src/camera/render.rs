//! An analytic ray tracer for the few things an overhead camera sees in the cell.
//!
//! Table, cuboids and plates are hit in closed form; lamp and window have a size, so their shadows
//! are soft. Each pixel has four rays for color and one for depth. The empty cell is traced once. Of
//! each later image, only the pixels that what moves and its shadows may change are traced again.

mod body_pixels;
mod change_detection;
mod empty_cell;
pub(super) mod hand_visibility;
mod image_plane;
mod light_source;
mod looked_plate;
mod moving_bodies;
mod pixel_record;
mod plate;
mod ray;
mod sampling;
mod shade;
mod surface;
mod tile_scene;
mod tracer;

use rayon::prelude::*;
use rmrl_vision::CameraModel;

use self::change_detection::ChangeDetector;
use self::empty_cell::{EmptyCell, Fixture};
use self::image_plane::ImagePlane;
use self::moving_bodies::MovingBodies;
use self::pixel_record::PixelRecord;
use self::ray::RayBody;
use self::shade::Lighting;
use self::surface::albedo_of;
use self::tracer::{TracedPixel, Tracer};
use super::ideal_frame::IdealFrame;
use super::moving_things::MovingThings;
use super::pixel_region::PixelRegion;
use super::scene_view::SceneView;
use crate::scene::cuboid::Cuboid;

/// Renders one cell.
#[derive(Debug, Clone)]
pub(super) struct Renderer {
    tracer: Tracer,
    empty: EmptyCell,
}

/// Side of the tiles that are traced at once, each with only what can be seen or cast shadows there,
/// in pixels.
const TILE_PX: usize = 16;
/// Side of the blocks of a tile that are checked at once for changes, in pixels.
const BLOCK_PX: usize = 4;

impl Renderer {
    /// A renderer for what `camera` (as it truly is) sees of a cell.
    pub(super) fn new(camera: CameraModel, view: &SceneView) -> Self {
        let tracer = Tracer {
            plane: ImagePlane::new(camera),
            lighting: Lighting::new(view.light, view.board),
        };
        let objects = view.clutter.iter().map(|object| {
            let body = ray_body(&object.cuboid);
            if object.is_round { body.round() } else { body }
        });
        let bodies = view.fixtures.iter().map(ray_body).chain(objects);
        let fixtures = bodies
            .map(|body| Fixture::new(body, &tracer.plane, &tracer.lighting.sources))
            .collect();
        let whole = tracer.plane.whole;
        let frame = IdealFrame {
            region: whole,
            color: Vec::new(),
            depth_m: Vec::new(),
            is_plate: Vec::new(),
        };
        let empty = EmptyCell { fixtures, frame, records: Vec::new() };
        let mut renderer = Self { tracer, empty };
        (renderer.empty.frame, renderer.empty.records) = renderer.trace(whole, None);
        renderer
    }

    /// The cell without all that moves.
    pub(super) fn empty(&self) -> &IdealFrame {
        &self.empty.frame
    }

    /// What moving things change about the empty cell.
    pub(super) fn render(&self, things: &MovingThings<'_>) -> IdealFrame {
        let moving = MovingBodies::new(things, &self.tracer);
        self.trace(moving.region(), Some(&moving)).0
    }

    /// Traces the pixels of `region`, tile by tile in parallel: all of them, or those that what is
    /// `moving` may change. Also returns what the rays of each pixel met.
    fn trace(
        &self,
        region: PixelRegion,
        moving: Option<&MovingBodies>,
    ) -> (IdealFrame, Vec<PixelRecord>) {
        let width = region.width();
        let mut frame = IdealFrame::black(region);
        let mut records = vec![PixelRecord::NOTHING; frame.color.len()];
        if records.is_empty() {
            return (frame, records);
        }
        let strip = width * TILE_PX;
        frame
            .color
            .par_chunks_mut(strip)
            .zip(frame.depth_m.par_chunks_mut(strip))
            .zip(frame.is_plate.par_chunks_mut(strip))
            .zip(records.par_chunks_mut(strip))
            .enumerate()
            .for_each(|(number, (((color, depth_m), is_plate), records))| {
                let top = region.top + number * TILE_PX;
                let bottom = top + color.len() / width;
                for left in (region.left..region.right).step_by(TILE_PX) {
                    let right = (left + TILE_PX).min(region.right);
                    let tile = PixelRegion { left, top, right, bottom };
                    self.trace_tile(tile, moving, |u, v, traced| {
                        let stored = (v - top) * width + u - region.left;
                        color[stored] = traced.color;
                        depth_m[stored] = traced.depth_m;
                        is_plate[stored] = traced.is_plate;
                        records[stored] = traced.record;
                    });
                }
            });
        (frame, records)
    }

    /// Traces the pixels of a tile, or takes from the empty cell those that do not change.
    fn trace_tile(
        &self,
        tile: PixelRegion,
        moving: Option<&MovingBodies>,
        mut keep: impl FnMut(usize, usize, TracedPixel),
    ) {
        let (tracer, empty) = (&self.tracer, &self.empty);
        let near = moving.map(|moving| moving.near(&tile));
        if near.as_ref().is_some_and(Vec::is_empty) {
            tile.pixels().for_each(|(u, v)| keep(u, v, empty.pixel(u, v)));
            return;
        }
        let detector = near.as_ref().map(|near| ChangeDetector { tracer, empty, moving: near });
        let near = near.as_deref().unwrap_or(&[]);
        let scene = empty.scene_of(&tile, near, tracer.lighting.sources.len());
        for block in tile.blocks(BLOCK_PX) {
            let block_changes = detector.as_ref().is_none_or(|one| one.may_change(block));
            for (u, v) in block.pixels() {
                let pixel_changes =
                    block_changes && detector.as_ref().is_none_or(|one| one.changes(&scene, u, v));
                let traced = if pixel_changes {
                    tracer.trace_pixel(&scene, u, v)
                } else {
                    empty.pixel(u, v)
                };
                keep(u, v, traced);
            }
        }
    }
}

fn ray_body(cuboid: &Cuboid) -> RayBody {
    RayBody::new(cuboid, albedo_of(cuboid.material))
}

#[cfg(test)]
mod tests;
