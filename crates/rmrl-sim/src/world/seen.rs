//! What moves before the camera.

use crate::camera::moving_things::SeenPlate;
use crate::laboratory_config::ItemKind;
use crate::scene::cuboid::{Cuboid, Material, Paint};
use crate::world::laboratory_contact::LaboratoryContact;
use crate::world::state::WorldState;

/// What moves before the camera.
pub(crate) struct Seen {
    pub plates: Vec<SeenPlate>,
    pub bodies: Vec<Cuboid>,
    pub hand: Vec<Cuboid>,
}

impl LaboratoryContact {
    /// What the camera may see of the items and the hand. A lid on its plate is part of the plate's look; one that lies by
    /// itself is drawn as a light body.
    pub(crate) fn seen(&self, state: &WorldState) -> Seen {
        let items = &self.items;
        let (mut plates, mut bodies) = (Vec::new(), Vec::new());
        for (index, block) in items.present() {
            let below = items.places[index].and_then(|place| place.lies_on);
            let lies_on_plate = below.is_some_and(|below| items.all[below].kind == ItemKind::Plate);
            match items.all[index].kind {
                ItemKind::Plate => plates.push(SeenPlate {
                    world_from_plate: block.world_from_block,
                    geometry: items.all[index].geometry,
                    look: items.look(index),
                }),
                ItemKind::Lid if lies_on_plate => {}
                ItemKind::Lid => bodies.push(Cuboid {
                    material: Material::Object(Paint::White),
                    ..block.enclosing(block.planar().yaw_rad)
                }),
            }
        }
        Seen { plates, bodies, hand: self.shape().cuboids(&state.hand) }
    }
}
