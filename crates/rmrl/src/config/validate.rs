//! Checks of every value of a configuration, and of the values against each other.

use std::f64::consts::FRAC_PI_2;

use rmrl_cell::{SafetyEnvelope, ToolPose};
use rmrl_core::{ActionSpace, Check, ConfigKeys, InvalidKey, PlanarPose, wrap_angle};
use rmrl_learn::MethodName;

use crate::config::costs::check_costs;
use crate::config::error::ConfigError;
use crate::config::run_config::RunConfig;
use crate::config::sections::{CameraSource, CellKind, OperatorKind};
use crate::config::sizes::check_sizes;

/// How far a plate's yaw has to stay from half a turn off its reference, beside what actions and
/// jitter add: calibration and tool are off by a few degrees.
const YAW_MARGIN_RAD: f64 = 0.1;

impl RunConfig {
    /// Checks every value, and the values against each other. Whether a real arm gets everywhere is proven when
    /// its cell is assembled.
    ///
    /// # Errors
    /// The first invalid one.
    pub fn validate(&self) -> Result<(), ConfigError> {
        // First, so that no error repeats a text of megabytes. Where a value is no TOML, the check of its key says so.
        if let Ok(table) = toml::Table::try_from(self) {
            check_sizes(&table)?;
        }
        self.check_keys("")?;
        check_costs(self)?;
        let check = Check::new("");
        if let Some(claim) = self.until {
            let least = claim.least_tests();
            let valid = least <= self.trials;
            let expected = format!(
                "a share that {} trials can prove; this one takes {least} tests",
                self.trials
            );
            check.require("until", format!("\"{claim}\""), valid, expected)?;
        }
        if self.pretrained.is_some() {
            let valid = self.method == MethodName::RmRlPretrained;
            let expected = "\"rm-rl-pretrained\", because pretrained is given";
            check.require("method", format!("\"{}\"", self.method), valid, expected)?;
        }
        if self.method.compares_trials_of_a_scene() {
            let count = self.schedule.trials_per_scene;
            let expected = "2 or more, because PPO compares the trials of a scene";
            check.require("schedule.trials_per_scene", count, count >= 2, expected)?;
        }
        self.check_cell(&check)?;
        let actions = self
            .action_space()
            .map_err(|error| InvalidKey::new("actions", "not a space of candidates", error))?;
        let envelope = SafetyEnvelope::new(self.safety).map_err(|error| error.within("safety"))?;
        envelope.check_actions(&actions).map_err(ConfigError::Actions)?;
        self.check_grasp(&check)?;
        self.check_yaw(&check, &actions)?;
        self.check_reach(&envelope, &actions)?;
        let expected = "that of vision.localizer.plate, or the localizer would look for another plate than there is";
        let is_same = self.simulation.plate == self.vision.localizer.plate;
        check.require("simulation.plate", "another plate", is_same, expected)?;
        if self.cell.kind == CellKind::Simulated {
            self.simulation.check_task(&self.task)?;
        }
        Ok(())
    }

    /// Checks that the camera shows what the arm does and that the arm reports how it is set, which is more
    /// than looking needs.
    ///
    /// # Errors
    /// Frames were recorded earlier, or there are no reports.
    pub(crate) fn check_live(&self) -> Result<(), ConfigError> {
        let check = Check::new("");
        let is_live = self.camera.source != CameraSource::Playback;
        let expected = "a camera that sees what the arm does; a recording is for `rmrl cell doctor` and \
                        `rmrl cell teach place --from camera`";
        check.require("camera.source", "\"playback\"", is_live, expected)?;
        let is_reported = self.cell.kind != CellKind::XArm || self.xarm.reports_at().is_some();
        let expected = "30002: nothing moves without the controller's reports, by which its settings are read back";
        Ok(check.require("xarm.report_port", "not given", is_reported, expected)?)
    }

    /// Checks the devices, and that all of them see and move the same cell.
    fn check_cell(&self, check: &Check) -> Result<(), InvalidKey> {
        let is_simulated = self.cell.kind == CellKind::Simulated;
        let is_seen = is_simulated == (self.camera.source == CameraSource::Simulated);
        let expected = match is_simulated {
            true => "\"simulated\", because cell.kind is: no other camera sees that cell",
            false => {
                "\"realsense\", \"remote\", \"external\" or \"playback\": a simulated camera does not see a real cell"
            }
        };
        let source = format!("{:?}", self.camera.source).to_lowercase();
        check.require("camera.source", format!("{source:?}"), is_seen, expected)?;
        let is_alone = !is_simulated || self.cell.operator == OperatorKind::Terminal;
        let expected = "\"terminal\", the default: a simulated cell helps itself";
        let operator = format!("{:?}", format!("{:?}", self.cell.operator).to_lowercase());
        check.require("cell.operator", &operator, is_alone, expected)?;
        if is_simulated {
            let speed = self.task.first_contact_speed_m_s;
            let expected = "none: a simulated cell cannot be set up wrongly, and an interrupted run has to continue \
                            as it would have";
            let value = speed.unwrap_or_default();
            return check.require("task.first_contact_speed_m_s", value, speed.is_none(), expected);
        }
        let brings_its_own = matches!(
            self.camera.source,
            CameraSource::Remote | CameraSource::External | CameraSource::Playback
        );
        let is_calibrated = brings_its_own || self.camera.calibration.is_some();
        let expected =
            "the file of `rmrl calibrate overhead`: without it nobody knows where the camera hangs";
        check.require("camera.calibration", "not given", is_calibrated, expected)?;
        match self.cell.kind {
            CellKind::XArm => self.check_controller(check),
            CellKind::Simulated | CellKind::External => Ok(()),
        }
    }

    /// Checks that the envelope refuses before the controller of an xArm does.
    fn check_controller(&self, check: &Check) -> Result<(), InvalidKey> {
        let limit = self.xarm.reduced_speed_m_s;
        let speed = self.safety.max_speed_m_s;
        let expected =
            format!("at most xarm.reduced_speed_m_s = {limit}, or the controller refuses");
        check.require("safety.max_speed_m_s", speed, speed <= limit, expected)?;
        let limits = [self.safety.x_m, self.safety.y_m, self.safety.z_m];
        for ((key, [low, high]), [fence_low, fence_high]) in
            ["x_m", "y_m", "z_m"].into_iter().zip(limits).zip(self.xarm.fence_m)
        {
            let expected = format!(
                "within xarm.fence_m, {fence_low} to {fence_high}: the envelope is to refuse before \
                 the controller does"
            );
            let inside = fence_low <= low && high <= fence_high;
            check.require(
                &format!("safety.{key}"),
                format!("[{low}, {high}]"),
                inside,
                expected,
            )?;
        }
        Ok(())
    }

    /// Checks that the jaws get around the plate and meet it where contact is expected.
    fn check_grasp(&self, check: &Check) -> Result<(), InvalidKey> {
        let (task, plate) = (&self.task, &self.vision.localizer.plate);
        let (height_m, contact_m) = (task.grasp_height_m, task.contact_height_m);
        let expected = "less than vision.localizer.plate.height_m";
        check.require("task.grasp_height_m", height_m, height_m < plate.height_m, expected)?;
        let expected = "at least vision.localizer.plate.height_m - task.grasp_height_m";
        let valid = contact_m >= plate.height_m - height_m;
        check.require("task.contact_height_m", contact_m, valid, expected)?;
        let expected = "more than vision.localizer.plate.width_m";
        let (opening_m, careful_m) = (task.jaw_opening_m, task.careful_opening_m);
        check.require("task.jaw_opening_m", opening_m, opening_m > plate.width_m, expected)?;
        check.require("task.careful_opening_m", careful_m, careful_m > plate.width_m, expected)
    }

    /// Checks that no plate comes to lie half a turn from where the localizer takes it to be.
    fn check_yaw(&self, check: &Check, actions: &ActionSpace) -> Result<(), InvalidKey> {
        let reference_rad = self.vision.localizer.reference_yaw_rad;
        let (_, adjustment_rad) = actions.largest_adjustment();
        let jitter_rad = self.task.start_jitter_deg.to_radians();
        let limit_rad = FRAC_PI_2 - adjustment_rad - jitter_rad - YAW_MARGIN_RAD;
        let expected = "yaws within a right angle of vision.localizer.reference_yaw_rad, jitter and actions included";
        for (key, yaw_deg) in [
            ("start.yaw_deg", self.task.start.yaw_deg[0]),
            ("start.yaw_deg", self.task.start.yaw_deg[1]),
            ("place.yaw_deg", self.task.place.yaw_deg),
        ] {
            let valid = wrap_angle(yaw_deg.to_radians() - reference_rad).abs() < limit_rad;
            check.require(&format!("task.{key}"), yaw_deg, valid, expected)?;
        }
        let [from, to] = self.task.start.yaw_deg;
        check.require("task.start.yaw_deg", format!("[{from}, {to}]"), to - from < 180.0, expected)
    }

    /// Checks that every pose a trial may ask for lies inside the workspace: starts anywhere in
    /// their region, adjusted by any action, and the fixed path.
    fn check_reach(
        &self,
        envelope: &SafetyEnvelope,
        actions: &ActionSpace,
    ) -> Result<(), ConfigError> {
        let task = &self.task;
        let check = |key: &str, pose: ToolPose, speed_m_s: f64| {
            envelope
                .check_motion(pose, speed_m_s)
                .map_err(|refusal| ConfigError::Unsafe { key: key.to_string(), refusal })
        };
        let home = task.home.tool_pose();
        let (contact_m_s, travel_m_s) = (task.contact_speed_m_s, task.travel_speed_m_s);
        check("task.home, at task.travel_speed_m_s,", home, travel_m_s)?;
        check("task.contact_speed_m_s", home, contact_m_s)?;
        let (adjustment_m, _) = actions.largest_adjustment();
        let margin_m = adjustment_m + task.start_jitter_m;
        let grow = |[from, to]: [f64; 2]| [from - margin_m, to + margin_m];
        for x_m in grow(task.start.x_m) {
            for y_m in grow(task.start.y_m) {
                let corner = PlanarPose::new(x_m, y_m, 0.0);
                let pick = task.grasp_pose(corner, task.start_surface_m);
                let key = "task.start (with jitter and the largest action)";
                check(key, pick, contact_m_s)?;
                check("task.travel_height_m", pick.at_height(task.travel_height_m), travel_m_s)?;
            }
        }
        let trajectory = task.trajectory();
        check("task.place", trajectory.place, contact_m_s)?;
        check("task.place", trajectory.above_place(), travel_m_s)?;
        for (index, waypoint) in trajectory.via.iter().enumerate() {
            check(&format!("task.via[{index}]"), *waypoint, travel_m_s)?;
        }
        Ok(())
    }
}
