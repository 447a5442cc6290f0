//! Whether the solver of the contacts threw a load in a time step.

use rapier3d::prelude::*;

/// A load that gains more than this in one time step was thrown by the solver, in meters and radians per second: 60 N on a load of
/// the least mass, twice what the jaws press with.
const THROWN_M_S: f32 = 1.0;
const THROWN_RAD_S: f32 = 30.0;

/// Where a load is, and how it moves, before a time step.
pub(super) struct LoadMotion {
    pose: Pose,
    linear_m_s: Vector,
    angular_rad_s: Vector,
}

impl LoadMotion {
    /// That of a load.
    pub(super) fn of(load: &RigidBody) -> Self {
        let (linear_m_s, angular_rad_s) = (load.linvel(), load.angvel());
        Self { pose: *load.position(), linear_m_s, angular_rad_s }
    }

    /// Whether the load has become faster in the time step than jaws, gravity and walls can make it.
    pub(super) fn is_thrown(&self, after: &RigidBody) -> bool {
        let gained_m_s = (after.linvel() - self.linear_m_s).length();
        let gained_rad_s = (after.angvel() - self.angular_rad_s).length();
        // Not a number is thrown, too.
        !(gained_m_s < THROWN_M_S && gained_rad_s < THROWN_RAD_S)
    }

    /// Puts the load back.
    pub(super) fn restore(&self, load: &mut RigidBody) {
        load.set_position(self.pose, true);
        load.set_linvel(self.linear_m_s, true);
        load.set_angvel(self.angular_rad_s, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What gravity and jaws do in a time step is no throw; what the solver did to loads in two of 4,600 transfers is.
    #[test]
    fn a_thrown_load_is_noticed_and_put_back() {
        let load = || RigidBodyBuilder::dynamic().linvel(Vector::new(0.05, 0.0, -0.01)).build();
        let before = LoadMotion::of(&load());
        for (linear, angular, expected) in [
            ([0.05, 0.0, -0.02], [0.0; 3], false),
            ([0.3, 0.0, 0.0], [1.0, 0.0, 0.0], false),
            ([-21.2, 24.5, -2.8], [2.2, 33.2, -492.0], true),
            ([2.8, -6.6, -0.2], [0.0; 3], true),
            ([0.05, 0.0, 0.0], [0.0, 0.0, 436.0], true),
            ([f32::NAN, 0.0, 0.0], [0.0; 3], true),
        ] {
            let mut after = load();
            after.set_position(Pose::from_translation(Vector::new(0.1, 0.0, 0.0)), true);
            after.set_linvel(Vector::from(linear), true);
            after.set_angvel(Vector::from(angular), true);
            assert_eq!(before.is_thrown(&after), expected, "{linear:?} {angular:?}");
            before.restore(&mut after);
            assert!(!before.is_thrown(&after) && *after.position() == *load().position());
        }
    }
}
