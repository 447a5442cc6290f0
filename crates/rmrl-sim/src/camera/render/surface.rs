//! How much light surfaces scatter, and how they mirror lamp and window.

use nalgebra::{Point3, Vector3};
use rmrl_vision::Print;

use super::light_source::mirrored;
use super::plate::{Clear, PlateSurface};
use super::sampling::unit_hash;
use crate::scene::appearance::PlateLook;
use crate::scene::cuboid::{Material, Paint};
use crate::scene::table_board::TableBoard;

/// Albedo of the table.
const TABLE_ALBEDO: [f32; 3] = [0.50, 0.49, 0.47];
/// Albedo of a black polystyrene plate.
const PLATE_ALBEDO: [f32; 3] = [0.028, 0.029, 0.032];
/// Albedo of the rims of its wells, which the mold has polished.
const RIM_ALBEDO: [f32; 3] = [0.06, 0.06, 0.065];
/// Albedo of the inside of its wells.
const WELL_ALBEDO: [f32; 3] = [0.02, 0.02, 0.022];
/// Albedo of a dark blue plate.
const BLUE_PLATE_ALBEDO: [f32; 3] = [0.016, 0.026, 0.052];
/// How much of the lamp's image the top of a lid shows. More would hide plates, and an operator would
/// move the lamp.
const LID_GLOSS: f32 = 0.03;
/// How much of the window's image the bevel of a lid shows: brighter than the table. The lamp hangs
/// behind a diffuser, too dull to glint.
const LID_BEVEL_GLOSS: f32 = 2.5;
/// How much of a light's image the top of a plate shows.
pub(super) const PLATE_GLOSS: f32 = 0.012;
/// How far a surface may be turned from the mirror's direction and still show a light, in radians:
/// the light's own size and the surface's roughness.
const TOP_SPREAD_RAD: f32 = 0.11;
/// The spread of a polished bevel, in radians.
const BEVEL_SPREAD_RAD: f32 = 0.11;
/// Albedo of a printed board's white and black.
const BOARD_ALBEDO: [f32; 2] = [0.75, 0.04];
/// Variation of the table's brightness from place to place, as a share of it.
const TABLE_GRAIN: f32 = 0.03;

/// The share of light that a material scatters.
pub(super) fn albedo_of(material: Material) -> Vector3<f32> {
    Vector3::from(match material {
        Material::Box => [0.40, 0.45, 0.52],
        Material::Shelf => [0.62, 0.61, 0.58],
        Material::Gripper => [0.17, 0.17, 0.18],
        Material::Object(Paint::White) => [0.74, 0.74, 0.72],
        Material::Object(Paint::Cream) => [0.62, 0.58, 0.49],
        Material::Object(Paint::Gray) => [0.47, 0.48, 0.50],
        Material::Object(Paint::Blue) => [0.30, 0.44, 0.66],
        Material::Object(Paint::Green) => [0.34, 0.58, 0.38],
        Material::Object(Paint::Orange) => [0.78, 0.44, 0.16],
        Material::Object(Paint::Black) => [0.03, 0.03, 0.03],
    })
}

/// How the parts of a plate reflect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Albedos {
    body: Vector3<f32>,
    rim: Vector3<f32>,
    well: Vector3<f32>,
}

impl Albedos {
    pub(super) fn new(look: &PlateLook) -> Self {
        let (brightness, tint) = (look.brightness as f32, look.tint as f32);
        let plate = Vector3::from(PLATE_ALBEDO);
        // Wells take their color from the body.
        let tinted = plate.lerp(&Vector3::from(BLUE_PLATE_ALBEDO), tint).component_div(&plate);
        let tinted = |albedo| Vector3::from(albedo).component_mul(&tinted) * brightness;
        Self {
            body: tinted(PLATE_ALBEDO),
            rim: Vector3::from(RIM_ALBEDO) * look.rim_brightness as f32,
            well: tinted(WELL_ALBEDO),
        }
    }

    pub(super) fn of(&self, surface: PlateSurface) -> Vector3<f32> {
        match surface {
            PlateSurface::Body => self.body,
            PlateSurface::Rim => self.rim,
            PlateSurface::Well => self.well,
        }
    }
}

/// How a surface mirrors lights.
pub(super) struct Gloss {
    normal: Vector3<f32>,
    pub strength: f32,
    spread_rad: f32,
    pub shows_lamp: bool,
}

impl Gloss {
    pub(super) const NONE: Self = Self {
        normal: Vector3::new(0.0, 0.0, 1.0),
        strength: 0.0,
        spread_rad: 1.0,
        shows_lamp: false,
    };

    pub(super) fn of_top(normal: Vector3<f32>, strength: f32) -> Self {
        Self { normal, strength, spread_rad: TOP_SPREAD_RAD, shows_lamp: strength > 0.0 }
    }

    pub(super) fn of_lid(clear: Clear) -> Self {
        if clear.is_bevel {
            Self {
                normal: clear.normal,
                strength: LID_BEVEL_GLOSS,
                spread_rad: BEVEL_SPREAD_RAD,
                shows_lamp: false,
            }
        } else {
            Self::of_top(clear.normal, LID_GLOSS)
        }
    }

    /// How much of a light's image the surface sends to the camera; `to_light` is a unit vector.
    pub(super) fn towards(&self, to_light: Vector3<f32>, from_camera: Vector3<f32>) -> f32 {
        let to_camera = -from_camera.normalize();
        self.strength * mirrored(self.normal, to_light, to_camera, self.spread_rad)
    }
}

/// The albedo of the table at a point, or of the board that is glued to it.
pub(super) fn table_albedo(point: Point3<f32>, board: Option<&TableBoard>) -> Vector3<f32> {
    let print = board.and_then(|board| board.print_at(point.x.into(), point.y.into()));
    if let Some(print) = print {
        let [white, black] = BOARD_ALBEDO;
        return Vector3::repeat(if print == Print::White { white } else { black });
    }
    Vector3::from(TABLE_ALBEDO) * (1.0 + TABLE_GRAIN * grain(point.x, point.y))
}

/// A fixed pattern of the table's surface, about -1 to 1, with features of a few centimeters and of
/// a millimeter.
fn grain(x: f32, y: f32) -> f32 {
    let cloud =
        (23.0 * x + 3.0 * (17.0 * y).sin()).sin() * (29.0 * y + 2.0 * (13.0 * x).sin()).sin();
    let cell = |coordinate: f32| (coordinate * 1000.0).floor() as i32 as u32;
    let speck = 2.0 * unit_hash(cell(x), cell(y)) - 1.0;
    0.6 * cloud + 0.4 * speck
}
