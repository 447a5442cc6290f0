//! The version of a robot, and the features of its firmware.

use std::fmt;

/// The version of a controller's firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FirmwareVersion {
    /// The first number.
    pub major: u16,
    /// The second.
    pub minor: u16,
    /// The third.
    pub revision: u16,
}

impl FirmwareVersion {
    /// The oldest supported version. From this version on fence and reduced mode can be read back.
    pub const OLDEST: Self = Self::new(1, 2, 11);

    /// A version from its numbers.
    pub const fn new(major: u16, minor: u16, revision: u16) -> Self {
        Self { major, minor, revision }
    }

    /// Whether it has [`crate::Protocol::Three`], in which a silent link is closed.
    pub fn has_keep_alive(self) -> bool {
        self >= Self::new(1, 8, 6)
    }

    /// Whether a line has [`crate::LineOptions`].
    pub fn has_line_options(self) -> bool {
        self >= Self::new(1, 11, 100)
    }

    /// Whether it sends feedback when a motion ends.
    pub fn has_feedback(self) -> bool {
        self >= Self::new(2, 0, 102)
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.revision)
    }
}

/// The version that a controller reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotVersion {
    /// The number of the arm's joints: 5, 6 or 7.
    pub joints: u8,
    /// The vendor's number of the model; 6 for an xArm 6, 9 for a Lite 6, 12 for an 850.
    pub model: u16,
    /// Serial number of the arm.
    pub arm_serial: String,
    /// Serial number of the control box.
    pub controller_serial: String,
    /// Version of the firmware.
    pub firmware: FirmwareVersion,
}

impl RobotVersion {
    /// Parses a text such as `6,6,XI1304...,AC1304...,v2.5.0`.
    ///
    /// Firmware of 2019 and before has another format, for which there is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let joints = parts.next()?.trim().parse().ok()?;
        let model = parts.next()?.trim().parse().ok()?;
        let arm_serial = parts.next()?.trim().to_owned();
        let controller_serial = parts.next()?.trim().to_owned();
        let firmware = parse_firmware(parts.next()?)?;
        Some(Self { joints, model, arm_serial, controller_serial, firmware })
    }
}

impl fmt::Display for RobotVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{},{},{},{},v{}",
            self.joints, self.model, self.arm_serial, self.controller_serial, self.firmware
        )
    }
}

fn parse_firmware(text: &str) -> Option<FirmwareVersion> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some(FirmwareVersion::new(next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_texts_of_several_firmwares_are_parsed() {
        for (text, joints, firmware) in [
            ("6,6,XI1304ABC123,AC1304DEF456,v1.9.0", 6, FirmwareVersion::new(1, 9, 0)),
            ("7,7,XS1300,AC1300,v1.12.10", 7, FirmwareVersion::new(1, 12, 10)),
            ("6,6,XI1304,AC1304,v2.5.0-beta", 6, FirmwareVersion::new(2, 5, 0)),
            ("5,5,,,V2.0.102", 5, FirmwareVersion::new(2, 0, 102)),
        ] {
            let version = RobotVersion::parse(text).unwrap();
            assert_eq!((version.joints, version.firmware), (joints, firmware), "{text}");
            assert_eq!(RobotVersion::parse(&version.to_string()), Some(version));
        }
        for text in ["", "6", "6,6,a,b", "6,6,a,b,v1.2", "x,6,a,b,v1.2.3", "6,6,a,b,v99999.0.0"] {
            assert_eq!(RobotVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn firmwares_have_their_features() {
        let can = |major, minor, revision| {
            let firmware = FirmwareVersion::new(major, minor, revision);
            (firmware.has_keep_alive(), firmware.has_line_options(), firmware.has_feedback())
        };
        assert_eq!(can(1, 8, 5), (false, false, false));
        assert_eq!(can(1, 9, 0), (true, false, false));
        assert_eq!(can(1, 11, 99), (true, false, false));
        assert_eq!(can(1, 12, 10), (true, true, false));
        assert_eq!(can(2, 0, 101), (true, true, false));
        assert_eq!(can(2, 5, 0), (true, true, true));
    }
}
