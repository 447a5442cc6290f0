//! What the camera says of an item: where it lies, and whether a slot is free.

use std::sync::Arc;

use rmrl_cell::with_sources;
use rmrl_core::{Observation, PlanarPose};
use rmrl_inventory::SlotAddress;
use rmrl_labware::{Labware, LabwareKind};
use rmrl_vision::{
    CameraModel, ExpectedPlate, Localization, LocalizeError, PlateInView, RgbdFrame,
};

use crate::cell::{ComeHomeError, TransferCell};
use crate::job::{At, geometry_of};
use crate::knowledge::Lies;

/// How many frames are taken before an item counts as not localizable.
const LOOKS: usize = 3;
/// An item is looked for within this distance of where it should be seen, in meters: well above any calibration error, and less
/// than half the distance of two plates that lie beside each other.
const WITHIN_M: f64 = 0.04;
/// A plate whose middle is seen nearer than this to a slot's keeps it from being free, in meters: half the length of one.
const OCCUPIES_M: f64 = 0.06;

/// What a look for an item came to.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It lies here, in the image in which it was found.
    Here(Observation),
    /// The camera sees that it does not lie there; why, in words.
    NotThere(String),
    /// The camera cannot say; why, in words.
    Unclear(String),
}

impl TransferCell {
    /// Whether the camera sees items of this labware in a slot: lids are clear.
    pub(crate) fn is_visible(&self, at: &At, labware: &Labware) -> bool {
        at.site.is_seen && labware.kind != LabwareKind::Lid
    }

    /// A frame of the cell, with the tool out of view.
    pub(crate) fn frame(&mut self) -> Result<RgbdFrame, ComeHomeError> {
        let frame = self.camera.take_frame()?;
        self.last_image = Some(Arc::clone(&frame.color));
        Ok(frame)
    }

    /// Looks for a plate that should be seen at `expected` in a slot, with its bottom at `bottom_m`. The tool is at home.
    pub(crate) fn look_for(
        &mut self,
        labware: &Labware,
        bottom_m: f64,
        expected: PlanarPose,
    ) -> Result<Seen, ComeHomeError> {
        let plate = ExpectedPlate {
            pose: expected,
            height_m: bottom_m + 0.5 * labware.height_m,
            within_m: WITHIN_M,
            mean_surface_depth_m: self.camera.localizer().config().mean_surface_depth_m,
            geometry: geometry_of(labware),
        };
        let mut last = Seen::Unclear(String::new());
        for _ in 0..LOOKS {
            let frame = self.frame()?;
            let camera = self.camera.model();
            last = match self.camera.localizer().localize_near(&frame, &camera, &plate) {
                Ok(found) => return Ok(Seen::Here(self.read(&frame, &camera, &found))),
                Err(error @ (LocalizeError::NotThere { .. } | LocalizeError::NoPlate { .. })) => {
                    Seen::NotThere(with_sources(&error))
                }
                Err(error) => Seen::Unclear(with_sources(&error)),
            };
        }
        Ok(last)
    }

    /// The look at a plate that was found, with what its picture says of the localizer's error.
    fn read(
        &mut self,
        frame: &RgbdFrame,
        camera: &CameraModel,
        found: &Localization,
    ) -> Observation {
        let look_error_m = self
            .reader
            .as_mut()
            .map(|reader| camera.along_world(reader.look_error_m(&frame.color, found.in_image)));
        Observation {
            features: None,
            image: Arc::clone(&frame.color),
            estimated_pose: found.pose,
            look_error_m,
            plate_in_image: found.in_image,
            carries: Vec::new(),
        }
    }

    /// Whether the camera sees a plate in a slot that should be free; where, in words.
    pub(crate) fn occupied(
        &mut self,
        at: &At,
        labware: &Labware,
    ) -> Result<Option<String>, ComeHomeError> {
        let frame = self.frame()?;
        let camera = self.camera.model();
        let tool = at.slot.tool;
        let offset = self.knowledge.offsets().of(at.address.site());
        let belief = self.knowledge.belief();
        let expected = belief.seen_from(tool, offset.by(belief).mean);
        let seen = self.camera.localizer().plates_in_view(
            &frame,
            &camera,
            at.bottom_m + 0.5 * labware.height_m,
        );
        // What the camera cannot say is no plate: the jaws still feel one.
        let distance_m = |plate: PlateInView| {
            let [x_m, y_m] = plate.at_m;
            (x_m - expected.x_m).hypot(y_m - expected.y_m)
        };
        let nearest = seen.unwrap_or_default().into_iter().map(distance_m);
        let nearest_m = nearest.fold(f64::INFINITY, f64::min);
        Ok((nearest_m < OCCUPIES_M).then(|| {
            format!(
                "the camera sees a plate {:.0} mm from the middle of {}, which should be free",
                1e3 * nearest_m,
                at.address
            )
        }))
    }

    /// Where the camera should see an item that lies in a slot as is known.
    pub(crate) fn expected_look(
        &self,
        item: &str,
        address: &SlotAddress,
        tool: PlanarPose,
    ) -> PlanarPose {
        let belief = self.knowledge.belief();
        match self.knowledge.lies(item, &address.to_string()) {
            Lies::ByArm { seen: Some(seen), .. } if !belief.is_suspicious() => seen.pose,
            Lies::ByArm { tool, offset, .. } => belief.seen_from(tool, offset.by(belief).mean),
            Lies::ByHand { .. } => {
                let offset = self.knowledge.offsets().of(address.site());
                belief.seen_from(tool, offset.by(belief).mean)
            }
        }
    }
}
