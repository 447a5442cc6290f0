//! Lamp and window as discs that light surfaces and are mirrored by them.

use nalgebra::{Point3, Vector3};

use crate::scene::light::Light;

/// A disc that shines.
#[derive(Debug, Clone, Copy)]
pub(super) struct LightSource {
    center: Point3<f32>,
    /// Half its extent in two directions.
    across: [Vector3<f32>; 2],
    /// Its light, as a share of ambient light and the lamp's together.
    pub light: Vector3<f32>,
    /// The square of the distance at which it has that light, in square meters.
    distance2: f32,
}

/// Daylight is a little bluer than lamps.
const DAYLIGHT: [f32; 3] = [0.96, 1.0, 1.07];

impl LightSource {
    /// The lamp, and the window by day; `middle` is the point that the window faces.
    pub(super) fn of(light: &Light, middle: [f64; 2]) -> Vec<LightSource> {
        let point = |position: [f64; 3]| Point3::from(position.map(|value| value as f32));
        let direct = 1.0 - light.ambient as f32;
        let (lamp, radius) = (point(light.lamp_m), light.lamp_radius_m as f32);
        let mut sources = vec![LightSource {
            center: lamp,
            across: [Vector3::x() * radius, Vector3::y() * radius],
            light: Vector3::repeat(direct),
            // Relative to the table right under the lamp.
            distance2: lamp.z.powi(2),
        }];
        let window = light.window;
        if window.strength > 0.0 {
            let (center, radius) = (point(window.center_m), window.radius_m as f32);
            let inwards = point([middle[0], middle[1], 0.0]) - center;
            let sideways = Vector3::new(-inwards.y, inwards.x, 0.0).normalize();
            sources.push(LightSource {
                center,
                across: [sideways * radius, Vector3::z() * radius],
                light: Vector3::from(DAYLIGHT) * (direct * window.strength as f32),
                distance2: inwards.norm_squared(),
            });
        }
        sources
    }

    /// A point of the disc; `disc` is in radii.
    pub(super) fn point(&self, disc: [f32; 2]) -> Point3<f32> {
        self.center + self.across[0] * disc[0] + self.across[1] * disc[1]
    }

    /// The height of its lowest part, in meters.
    pub(super) fn lowest(&self) -> f32 {
        self.center.z - self.across[0].z.abs() - self.across[1].z.abs()
    }

    /// How far its parts are from its middle, in meters.
    pub(super) fn radius(&self) -> f32 {
        self.across[0].norm().max(self.across[1].norm())
    }

    /// The corners of a square around the disc.
    pub(super) fn corners(&self) -> [Point3<f32>; 4] {
        [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]].map(|corner| self.point(corner))
    }

    /// The inverse square law.
    pub(super) fn falloff(&self, distance2: f32) -> f32 {
        self.distance2 / distance2
    }
}

/// How much of a light's image a surface sends from `to_light` to `to_camera`, both unit vectors, 0 to
/// 1: all of it if the normal lies half-way between them, and less the farther it is from that, by
/// `spread_rad`.
pub(super) fn mirrored(
    normal: Vector3<f32>,
    to_light: Vector3<f32>,
    to_camera: Vector3<f32>,
    spread_rad: f32,
) -> f32 {
    let both = to_light + to_camera;
    // 1 - cos(angle) = angle^2 / 2 for the small angles that count.
    let angle2 = 2.0 * (1.0 - normal.dot(&both) / both.norm());
    let exponent = -0.5 * angle2 / (spread_rad * spread_rad);
    if exponent < LEAST_EXPONENT { 0.0 } else { exponent.exp() }
}

/// Less of an image than this power of e is not worth computing.
const LEAST_EXPONENT: f32 = -8.0;
