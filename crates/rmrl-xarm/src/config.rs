//! Which arm it is, what it carries, and how it may move.

mod address;
mod gripper;

use std::path::PathBuf;
use std::time::Duration;

use nalgebra::{Isometry3, UnitQuaternion, Vector3};
use rmrl_core::{Check, ConfigKeys, InvalidKey};
use serde::{Deserialize, Serialize};

use crate::ArmModel;
use crate::kinematics::ArmKinematics;
use crate::protocol::pose::isometry;
pub use address::Address;
pub use gripper::{BioGripperConfig, GenerationChoice};

/// How an arm is connected and set up. A session gives the controller all of these settings when it connects,
/// and reads back those that the controller reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ConfigKeys)]
#[serde(default, deny_unknown_fields)]
#[config(rules = Self::check_together)]
pub struct XArmConfig {
    /// Name or address of the controller. Default 192.168.1.217, the middle of the range the vendor
    /// ships them with; the label on the control box has the last number.
    pub host: String,
    /// The control port. Default 502.
    #[key(at_least = 1, at_most = u16::MAX)]
    pub control_port: u16,
    /// The port of the reports, from which settings are read back before every motion. Default 30002, whose
    /// reports have all settings. Without a port, or with 0, nothing moves, and only `rmrl cell doctor` and
    /// `rmrl cell stop` work.
    #[key(at_least = 0, at_most = u16::MAX, valid = has_settings, expected = "a port whose reports have settings: not 30000 or 30003")]
    pub report_port: Option<u16>,
    /// A folder with sockets `xarmcontroller_uds_<port>`, used instead of the network. Default none. It is
    /// meant for a program on the control box itself, and for tests.
    pub socket_folder: Option<PathBuf>,
    /// The robot. Another robot is refused by its name, before it is set up.
    /// Default `xarm6`.
    #[key(kind = "\"xarm5\", \"xarm6\" or \"850\"")]
    pub model: ArmModel,
    /// The number of joints, a key of older files, which must agree with `model`. It is not written any more.
    /// Default: not given.
    #[serde(skip_serializing)]
    #[key(at_least = 5, at_most = 7)]
    pub joints: Option<u8>,
    /// How long an answer may take, in seconds. Default 2, the vendor's.
    #[key(at_least = 0.01, at_most = 60)]
    pub answer_timeout_secs: f64,
    /// How much longer than its length at its speed a motion may take, in seconds. Default 5, because gathering
    /// speed and turning on the spot take one or two.
    #[key(at_least = 0.1, at_most = 600)]
    pub motion_margin_secs: f64,
    /// How long to try to make a lost link again, in seconds. Default 10: a cable is back by then. A controller
    /// that restarts is not, and needs an operator.
    #[key(at_least = 0, at_most = 3600)]
    pub reconnect_secs: f64,
    /// How long the arm must have stood still before it is taken over, in seconds, so that an arm which another
    /// computer moves is left alone. Default 2, longer than the usual pause of a run between two motions.
    #[key(at_least = 0, at_most = 60)]
    pub standstill_secs: f64,
    /// How often errors are cleared before giving up. Default 3: the first error may be an old one, and the
    /// second shows what is wrong.
    #[key(at_least = 1, at_most = 10)]
    pub recover_attempts: u32,
    /// The tool's point, midway between the finger tips at their lower ends, seen from the flange: x, y, z in
    /// mm, roll, pitch, yaw in degrees. Default the vendor's for the BIO gripper, whose fingers point
    /// sideways, along the flange's x; measure it, because it decides where the finger tips are.
    #[key(at_least = -1000, at_most = 1000)]
    pub tcp_offset_mm_deg: [f64; 6],
    /// Where along the fingers the middle of a plate is held, seen from the tool's point: positive beyond
    /// the tips, negative towards the flange, in mm. Default 0: in the vendor's drawing the pads of the BIO
    /// gripper are 63.5 mm long, half a plate, so that they hold the near half of a plate whose middle is
    /// at their tips, and none of it comes under the gripper's body, whose underside is only 14 mm above
    /// the lower ends of the fingers.
    #[key(at_least = -200, at_most = 200)]
    pub grasp_offset_mm: f64,
    /// Mass at the flange, in kg. Default 0.72, the vendor's for the BIO gripper; weigh it, because the
    /// controller takes a wrong mass for a collision.
    #[key(at_least = 0, at_most = 10)]
    pub load_kg: f64,
    /// The center of this mass, seen from the flange, in mm. Default the vendor's for the BIO gripper.
    #[key(at_least = -1000, at_most = 1000)]
    pub center_of_mass_mm: [f64; 3],
    /// Collision sensitivity: 0 is off, and at 5 the least force counts as a collision. Default 3, the
    /// vendor's, because at 5 fast starts count as collisions.
    #[key(at_least = 0, at_most = 5)]
    pub collision_sensitivity: u8,
    /// Acceleration of the tool, in m/s². Default 1: 0.25 m/s within 31 mm. Untuned.
    #[key(at_least = 0.01, at_most = 50)]
    pub acceleration_m_s2: f64,
    /// The tool's rotation about its axis at which the jaws close along the world's y, in degrees, as
    /// the controller reports its yaw. Two values half a turn apart close the jaws along the same line; they
    /// differ in which way the fingers point. Default 180: the BIO gripper's fingers point back towards the
    /// base, so that the arm reaches over the plate and stays away from its singular poses near the base.
    /// It depends on how the gripper is screwed on.
    #[key(at_least = -360, at_most = 360)]
    pub jaw_yaw_deg: f64,
    /// The limits of x, y and z of the tool's point, in meters, enforced by the controller itself.
    /// Default the table of the safety envelope and 20 mm beyond, so that the envelope refuses first.
    #[key(interval(strict), at_least = -2, at_most = 2)]
    pub fence_m: [[f64; 2]; 3],
    /// The greatest speed of the tool that the controller allows, in m/s. Default 0.25, the limit
    /// of ISO 10218 beside people.
    #[key(at_least = 0.001, at_most = 1)]
    pub reduced_speed_m_s: f64,
    /// The greatest speed of a joint that the controller allows, in degrees per second. Default 60, a
    /// third of the joints' limit; no line at 0.25 m/s needs more. Untuned.
    #[key(at_least = 0.1, at_most = 180)]
    pub reduced_joint_speed_deg_s: f64,
    /// Lower and upper limit of each joint in reduced mode, in degrees, from the first on. Default none, which is
    /// the arm's own range. They replace the controller's range.
    #[key(interval, at_least = -360, at_most = 360, max_len = 7)]
    pub joint_range_deg: Vec<[f64; 2]>,
    /// How far from its target the tool may stop, in mm. Default 0.5, five times the arm's repeatability.
    #[key(at_least = 0.01, at_most = 10)]
    pub position_tolerance_mm: f64,
    /// How far turned from its target the tool may stop, in degrees. Default 0.2, which is 0.2 mm at the end of
    /// a plate.
    #[key(at_least = 0.01, at_most = 10)]
    pub angle_tolerance_deg: f64,
    /// Makes the controller stop the arm by its own timer when a motion takes too long, in case this
    /// computer is gone by then. Default off: no controller was available to check that its timers do so, and a
    /// line ends by itself.
    pub stop_timer: bool,
    /// The gripper.
    #[key(nested)]
    pub gripper: BioGripperConfig,
}

impl Default for XArmConfig {
    fn default() -> Self {
        Self {
            host: "192.168.1.217".to_owned(),
            control_port: 502,
            report_port: Some(30002),
            socket_folder: None,
            model: ArmModel::default(),
            joints: None,
            answer_timeout_secs: 2.0,
            motion_margin_secs: 5.0,
            reconnect_secs: 10.0,
            standstill_secs: 2.0,
            recover_attempts: 3,
            tcp_offset_mm_deg: [159.5, 0.0, 59.5, 0.0, 0.0, 0.0],
            grasp_offset_mm: 0.0,
            load_kg: 0.72,
            center_of_mass_mm: [22.39, 3.22, 23.55],
            collision_sensitivity: 3,
            acceleration_m_s2: 1.0,
            jaw_yaw_deg: 180.0,
            fence_m: [[0.13, 0.62], [-0.37, 0.37], [-0.019, 0.42]],
            reduced_speed_m_s: 0.25,
            reduced_joint_speed_deg_s: 60.0,
            joint_range_deg: Vec::new(),
            position_tolerance_mm: 0.5,
            angle_tolerance_deg: 0.2,
            stop_timer: false,
            gripper: BioGripperConfig::default(),
        }
    }
}

impl XArmConfig {
    /// Rules between the keys.
    fn check_together(&self, check: &Check) -> Result<(), InvalidKey> {
        let (model, key, axes) = (self.model, self.model.key(), self.model.axes());
        if let Some(joints) = self.joints {
            let expected =
                format!("{axes}, because model is \"{key}\"; leave joints out and set model");
            check.require("joints", joints, joints == axes, expected)?;
        }
        let [_, _, _, roll_deg, pitch_deg, _] = self.tcp_offset_mm_deg;
        let is_possible = model != ArmModel::XArm5 || (roll_deg, pitch_deg) == (0.0, 0.0);
        let expected = format!(
            "roll 0 and pitch 0, because the {model} points its flange straight down and no other way"
        );
        let value = format!("tilted by roll {roll_deg} and pitch {pitch_deg} degrees");
        check.require("tcp_offset_mm_deg", value, is_possible, expected)
    }

    /// The point where the middle of a plate is held, seen from the flange: x, y, z in mm, roll, pitch, yaw in
    /// degrees. The arm moves this point, and the controller gets it as its tool offset.
    pub fn grasp_point_mm_deg(&self) -> [f64; 6] {
        let [x, y, z, roll, pitch, yaw] = self.tcp_offset_mm_deg;
        let turn = UnitQuaternion::from_euler_angles(
            roll.to_radians(),
            pitch.to_radians(),
            yaw.to_radians(),
        );
        let along = turn * Vector3::new(self.grasp_offset_mm, 0.0, 0.0);
        [x + along.x, y + along.y, z + along.z, roll, pitch, yaw]
    }

    /// [`Self::grasp_point_mm_deg`] as an isometry, in meters.
    pub fn flange_from_tool(&self) -> Isometry3<f64> {
        let [x, y, z, roll, pitch, yaw] = self.grasp_point_mm_deg();
        isometry([x, y, z, roll.to_radians(), pitch.to_radians(), yaw.to_radians()])
    }

    /// [`Self::flange_from_tool`], turned so that the jaws close along y at a yaw of zero, however the gripper
    /// is screwed on: the tool's pose in a cell.
    pub fn flange_from_jaws(&self) -> Isometry3<f64> {
        let turn = Vector3::z() * self.jaw_yaw_deg.to_radians();
        self.flange_from_tool() * Isometry3::rotation(turn)
    }

    /// The configured arm, with the limits of its joints in reduced mode.
    pub fn kinematics(&self) -> ArmKinematics {
        let mut arm = ArmKinematics::new(self.model);
        for (index, [lower_deg, upper_deg]) in self.joint_range_deg.iter().take(6).enumerate() {
            let limits = &mut arm.limits;
            limits.lower_rad[index] = limits.lower_rad[index].max(lower_deg.to_radians());
            limits.upper_rad[index] = limits.upper_rad[index].min(upper_deg.to_radians());
        }
        arm
    }

    /// The port of the reports, where there is one.
    pub fn reports_at(&self) -> Option<u16> {
        self.report_port.filter(|port| *port != 0)
    }

    /// The address of a port of the controller.
    pub fn address(&self, port: u16) -> Address {
        #[cfg(unix)]
        if let Some(folder) = &self.socket_folder {
            return Address::Unix { path: folder.join(format!("xarmcontroller_uds_{port}")) };
        }
        Address::Tcp { host: self.host.clone(), port }
    }

    /// How long an answer may take.
    pub fn answer_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.answer_timeout_secs)
    }
}

/// Whether the reports of a port have settings.
fn has_settings(port: u16) -> bool {
    !matches!(port, 30000 | 30003)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_a_file() {
        let config = XArmConfig::default();
        assert_eq!(config.validate(), Ok(()));
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<XArmConfig>(&text).unwrap(), config);
        assert_eq!(toml::from_str::<XArmConfig>("").unwrap(), config);
        let error = toml::from_str::<XArmConfig>("hots = \"a\"").unwrap_err().to_string();
        assert!(error.contains("hots"), "{error}");
        // Files from before there were models.
        let old: XArmConfig = toml::from_str("joints = 6").unwrap();
        assert_eq!((old.joints, old.validate()), (Some(6), Ok(())));
        assert!(!toml::to_string(&old).unwrap().contains("joints ="));
        let named: XArmConfig = toml::from_str("gripper.generation = \"second\"").unwrap();
        assert_eq!(named.gripper.generation, GenerationChoice::Second);
    }

    #[test]
    fn an_invalid_value_is_refused_by_key() {
        let sound = XArmConfig::default;
        let mut fence = sound();
        fence.fence_m[1] = [0.3, -0.3];
        let mut tilted = XArmConfig { model: ArmModel::XArm5, ..sound() };
        tilted.tcp_offset_mm_deg[4] = 10.0;
        let mut force = sound();
        force.gripper.force_percent = 0;
        for (broken, named) in [
            (
                XArmConfig { joints: Some(7), ..sound() },
                "joints is 7, expected 6, because model is \"xarm6\"",
            ),
            (
                XArmConfig { model: ArmModel::XArm5, joints: Some(6), ..sound() },
                "joints is 6, expected 5",
            ),
            (tilted, "tcp_offset_mm_deg is tilted by roll 0 and pitch 10"),
            (XArmConfig { load_kg: f64::NAN, ..sound() }, "load_kg"),
            (XArmConfig { collision_sensitivity: 6, ..sound() }, "collision_sensitivity"),
            (XArmConfig { reduced_speed_m_s: 250.0, ..sound() }, "reduced_speed_m_s"),
            (XArmConfig { report_port: Some(30003), ..sound() }, "report_port"),
            (fence, "fence_m[1] is [0.3, -0.3], expected two rising numbers"),
            (XArmConfig { joint_range_deg: vec![[10.0, -10.0]], ..sound() }, "joint_range_deg[0]"),
            (XArmConfig { joint_range_deg: vec![[-10.0, 10.0]; 8], ..sound() }, "joint_range_deg"),
            (force, "gripper.force_percent"),
        ] {
            let message = broken.validate().unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
