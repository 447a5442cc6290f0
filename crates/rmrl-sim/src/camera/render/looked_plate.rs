//! A plate with its look, as rays see it.

use super::plate::RayPlate;
use super::surface::Albedos;
use crate::camera::moving_things::SeenPlate;

/// A plate with its look.
pub(super) struct LookedPlate {
    pub shape: RayPlate,
    pub albedos: Albedos,
}

impl LookedPlate {
    pub(super) fn new(seen: &SeenPlate) -> Self {
        Self {
            shape: RayPlate::new(&seen.world_from_plate, seen.geometry, &seen.look),
            albedos: Albedos::new(&seen.look),
        }
    }
}
