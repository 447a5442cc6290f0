//! What surfaces are made of: how much light they scatter, and what they mirror.

use nalgebra::{Point3, Vector3};

use super::light::mirrored;
use super::plate::{Clear, PlateSurface};
use super::unit_hash;
use crate::PlateLook;
use crate::layout::{Material, Paint, TableBoard};
use rmrl_vision::Print;

/// Albedo of the table.
const TABLE_ALBEDO: [f32; 3] = [0.50, 0.49, 0.47];
/// Albedo of a black polystyrene plate.
const PLATE_ALBEDO: [f32; 3] = [0.028, 0.029, 0.032];
/// Of the rims of its wells, which are polished by the mould.
const RIM_ALBEDO: [f32; 3] = [0.06, 0.06, 0.065];
/// Of the inside of its wells.
const WELL_ALBEDO: [f32; 3] = [0.02, 0.02, 0.022];
/// Of a dark blue one.
const BLUE_PLATE_ALBEDO: [f32; 3] = [0.016, 0.026, 0.052];
/// How much of the lamp's image the lid's top shows. More would hide plates: a person would move
/// the lamp.
const LID_GLOSS: f32 = 0.03;
/// How much of the window's image its bevel shows: brighter than the table. The lamp hangs behind a
/// diffuser, too dull to glint.
const LID_BEVEL_GLOSS: f32 = 2.5;
/// How much of them a plate's top shows.
pub(super) const PLATE_GLOSS: f32 = 0.012;
/// How far a surface may be turned from the mirror's direction and still show a light, in radians:
/// the light's own size and the surface's roughness.
const TOP_SPREAD_RAD: f32 = 0.11;
/// The same of a polished bevel.
const BEVEL_SPREAD_RAD: f32 = 0.11;
/// Of a printed board's white and black.
const BOARD_ALBEDO: [f32; 2] = [0.75, 0.04];
/// How far a table's brightness varies from place to place, as a share of it.
const TABLE_GRAIN: f32 = 0.03;

impl Material {
    /// The share of light that it scatters.
    pub(super) fn albedo(self) -> Vector3<f32> {
        Vector3::from(match self {
            Self::Box => [0.40, 0.45, 0.52],
            Self::Shelf => [0.62, 0.61, 0.58],
            Self::Gripper => [0.17, 0.17, 0.18],
            Self::Object(Paint::White) => [0.74, 0.74, 0.72],
            Self::Object(Paint::Cream) => [0.62, 0.58, 0.49],
            Self::Object(Paint::Grey) => [0.47, 0.48, 0.50],
            Self::Object(Paint::Blue) => [0.30, 0.44, 0.66],
            Self::Object(Paint::Green) => [0.34, 0.58, 0.38],
            Self::Object(Paint::Orange) => [0.78, 0.44, 0.16],
            Self::Object(Paint::Black) => [0.03, 0.03, 0.03],
        })
    }
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
        // Wells take their colour from the body.
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

    /// How much of a light's image it sends to the camera; `to_light` is a unit vector.
    pub(super) fn towards(&self, to_light: Vector3<f32>, from_camera: Vector3<f32>) -> f32 {
        let to_camera = -from_camera.normalize();
        self.strength * mirrored(self.normal, to_light, to_camera, self.spread_rad)
    }
}

/// The table's at a point of it, or that of the board that is glued to it.
pub(super) fn table_albedo(point: Point3<f32>, board: Option<&TableBoard>) -> Vector3<f32> {
    let print = board.and_then(|board| board.print_at(point.x.into(), point.y.into()));
    if let Some(print) = print {
        let [white, black] = BOARD_ALBEDO;
        return Vector3::repeat(if print == Print::White { white } else { black });
    }
    Vector3::from(TABLE_ALBEDO) * (1.0 + TABLE_GRAIN * grain(point.x, point.y))
}

/// A fixed pattern of the table's surface, about -1 to 1, with features of a few centimetres and of
/// a millimetre.
fn grain(x: f32, y: f32) -> f32 {
    let cloud =
        (23.0 * x + 3.0 * (17.0 * y).sin()).sin() * (29.0 * y + 2.0 * (13.0 * x).sin()).sin();
    let cell = |coordinate: f32| (coordinate * 1000.0).floor() as i32 as u32;
    let speck = 2.0 * unit_hash(cell(x), cell(y)) - 1.0;
    0.6 * cloud + 0.4 * speck
}
