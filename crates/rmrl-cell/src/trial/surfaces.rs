//! The surfaces that plates lie on, and the heights at which the camera sees plates there.

use rmrl_core::{Fault, FaultKind};
use rmrl_vision::{Localization, PlateGeometry};

use super::target::Target;
use crate::TaskConfig;

/// The known surfaces of a task. Depth is too coarse to lower fingers by, so a plate that is seen lies on one of these.
pub(crate) struct Surfaces {
    /// Under the start region, in meters.
    pub start_m: f64,
    /// Under the plate in its place, in meters.
    pub place_m: f64,
    /// The target, once it is recorded.
    pub target: Option<Target>,
    plate: PlateGeometry,
}

impl Surfaces {
    /// The surfaces of `task`, before the target is recorded.
    pub fn new(task: &TaskConfig, plate: PlateGeometry) -> Self {
        let (start_m, place_m) = (task.start_surface_m, task.place.surface_m);
        Self { start_m, place_m, target: None, plate }
    }

    /// The surface under a plate that is seen, in meters, if it is known.
    pub fn under(&self, found: &Localization) -> Option<f64> {
        let is_in_place = self.target.is_some_and(|target| {
            target.is_reached_by(found.pose) && target.is_level_with(found.height_m)
        });
        if is_in_place {
            return Some(self.place_m);
        }
        let distance = |surface_m: &f64| (found.height_m - self.seen_height_m(*surface_m)).abs();
        [self.start_m, self.place_m]
            .into_iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .filter(|surface_m| distance(surface_m) <= self.plate.height_tolerance_m())
    }

    /// The height at which a plate on a surface at `surface_m` should be seen, in meters. The target's shows what
    /// the camera adds to every height; before it is recorded, nothing is known of that.
    fn seen_height_m(&self, surface_m: f64) -> f64 {
        match self.target {
            Some(target) => target.height_m + (surface_m - self.place_m),
            None => surface_m + 0.5 * self.plate.height_m,
        }
    }

    /// Checks that a plate lies on the start's surface.
    ///
    /// # Errors
    /// See [`check_height`](Self::check_height).
    pub fn check_start_height(&self, height_m: f64) -> Result<(), Fault> {
        self.check_height(height_m, self.seen_height_m(self.start_m))
    }

    /// Checks that a plate that was put at the target lies on the place's surface. Uses no earlier target.
    ///
    /// # Errors
    /// See [`check_height`](Self::check_height).
    pub fn check_target_height(&self, height_m: f64) -> Result<(), Fault> {
        self.check_height(height_m, self.place_m + 0.5 * self.plate.height_m)
    }

    /// Checks that a plate lies on the surface it should lie on. If not, it lies on something else, or the camera is
    /// not where its calibration says, and no pose of it can be trusted.
    fn check_height(&self, height_m: f64, expected_m: f64) -> Result<(), Fault> {
        let above_m = height_m - expected_m;
        let tolerance_m = self.plate.height_tolerance_m();
        if above_m.abs() <= tolerance_m {
            return Ok(());
        }
        let stacked = match above_m > tolerance_m {
            true => {
                "does it lie on another plate, or on its lid? Take away what lies under it, or "
            }
            false => "",
        };
        Err(Fault {
            kind: FaultKind::Localization,
            reason: format!(
                "the plate was seen at a height of {:.0} mm instead of {:.0} mm; {stacked}check the camera's \
                 extrinsics and the surfaces in the task",
                1000.0 * height_m,
                1000.0 * expected_m
            ),
        })
    }
}
