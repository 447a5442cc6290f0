//! Decoding and encoding of reports.

use super::layout::{
    BASE_OFFSET_AT, COUNTER_AT, FENCE_AT, LONGEST_REPORT, NORMAL_LENGTH, REAL_LENGTH, REDUCED_AT,
    RICH_LENGTH, SERVOS_AT, SHORTEST_REPORT, SIMULATED_AT, SIMULATED_FROM, SPEEDS_AT,
    TEMPERATURES_AT, VERSION_AT,
};
use super::{Details, Health, More, Report, ReportError, ReportPort};
use crate::protocol::byte_order::Cursor;
use crate::protocol::command::ArmState;

impl Report {
    /// Decodes a whole report, the bytes of its length included.
    ///
    /// # Errors
    /// The length is not one of this port's reports.
    pub fn decode(port: ReportPort, bytes: &[u8]) -> Result<Self, ReportError> {
        let got = bytes.len();
        let expected = match port {
            ReportPort::Real => SHORTEST_REPORT,
            ReportPort::Normal => NORMAL_LENGTH,
            ReportPort::Rich => SERVOS_AT,
        };
        let error = ReportError::Length { got, expected };
        if !(expected..=LONGEST_REPORT).contains(&got) {
            return Err(error);
        }
        let mut cursor = Cursor::new(bytes);
        let said = usize::try_from(cursor.u32_be().ok_or(error)?).unwrap_or(usize::MAX);
        if said != got {
            return Err(ReportError::Contradiction { got, said });
        }
        read_report(port, bytes, &mut cursor).ok_or(error)
    }

    /// Encodes the report in the layout of firmware 2.5; unknown parts are 0.
    ///
    /// Returns the used beginning of `out`. Allocates no memory.
    pub fn encode<'a>(&self, out: &'a mut [u8; LONGEST_REPORT]) -> &'a [u8] {
        out.fill(0);
        let mut writer = Writer { out, at: 4 };
        writer.bytes(&[(self.mode << 4) | (self.state.number() & 0x0f)]);
        writer.bytes(&self.commands.to_be_bytes());
        writer.f32s(&self.joints_rad);
        writer.f32s(&self.pose);
        writer.f32s(&self.torques_nm);
        let length = match &self.more {
            More::Nothing => SHORTEST_REPORT,
            More::Forces { external, raw } => {
                writer.f32s(external);
                writer.f32s(raw);
                REAL_LENGTH
            }
            More::Health(health) => {
                health.encode(&mut writer);
                NORMAL_LENGTH
            }
            More::Everything(health, details) => {
                health.encode(&mut writer);
                details.encode(&mut writer);
                RICH_LENGTH
            }
        };
        // `LONGEST_REPORT` is far below 2^32.
        #[allow(clippy::cast_possible_truncation, reason = "at most 1024")]
        out[..4].copy_from_slice(&(length as u32).to_be_bytes());
        &out[..length]
    }
}

fn read_report(port: ReportPort, bytes: &[u8], cursor: &mut Cursor<'_>) -> Option<Report> {
    let state_and_mode = cursor.u8()?;
    Some(Report {
        state: ArmState::from_number(state_and_mode & 0x0f),
        mode: state_and_mode >> 4,
        commands: cursor.u16_be()?,
        joints_rad: cursor.f32s_le()?,
        pose: cursor.f32s_le()?,
        torques_nm: cursor.f32s_le()?,
        more: match port {
            ReportPort::Real if bytes.len() < REAL_LENGTH => More::Nothing,
            ReportPort::Real => {
                More::Forces { external: cursor.f32s_le()?, raw: cursor.f32s_le()? }
            }
            ReportPort::Normal => More::Health(Health::decode(cursor)?),
            ReportPort::Rich => More::Everything(Health::decode(cursor)?, Details::decode(bytes)?),
        },
    })
}

impl Health {
    fn decode(cursor: &mut Cursor<'_>) -> Option<Self> {
        let [brakes, enabled, error, warning] = cursor.array()?;
        let tcp_offset = cursor.f32s_le()?;
        let load = cursor.f32s_le()?;
        let [collision_sensitivity, teach_sensitivity] = cursor.array()?;
        let gravity = cursor.f32s_le()?;
        Some(Self {
            brakes,
            enabled,
            error,
            warning,
            tcp_offset,
            load,
            collision_sensitivity,
            teach_sensitivity,
            gravity,
        })
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&[self.brakes, self.enabled, self.error, self.warning]);
        writer.f32s(&self.tcp_offset);
        writer.f32s(&self.load);
        writer.bytes(&[self.collision_sensitivity, self.teach_sensitivity]);
        writer.f32s(&self.gravity);
    }
}

impl Details {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let from = |at: usize| Cursor::new(bytes.get(at..).unwrap_or_default());
        let [model, joints] = from(NORMAL_LENGTH).array()?;
        let servos: Option<[u8; 14]> = from(SERVOS_AT).array();
        let mut speeds = from(SPEEDS_AT);
        Some(Self {
            model,
            joints,
            version: from(VERSION_AT).array()?,
            servos: servos
                .map(|codes| std::array::from_fn(|joint| [codes[2 * joint], codes[2 * joint + 1]])),
            temperatures_c: from(TEMPERATURES_AT).array().map(|bytes| bytes.map(u8::cast_signed)),
            tool_speed_mm_s: speeds.f32_le(),
            joint_speeds_rad_s: speeds.f32s_le(),
            counter: from(COUNTER_AT).u32_be(),
            base_offset: from(BASE_OFFSET_AT).f32s_le(),
            simulated: from(SIMULATED_AT)
                .u8()
                .filter(|_| bytes.len() >= SIMULATED_FROM)
                .map(|on| on == 1),
            reduced: from(REDUCED_AT).u8().map(|on| on == 1),
            fence: from(FENCE_AT).u8().map(|on| on == 1),
        })
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&[self.model, self.joints]);
        writer.at = VERSION_AT;
        writer.bytes(&self.version);
        writer.at = SERVOS_AT;
        writer.bytes(self.servos.unwrap_or_default().as_flattened());
        writer.at = TEMPERATURES_AT;
        writer.bytes(&self.temperatures_c.unwrap_or_default().map(i8::cast_unsigned));
        writer.f32s(&[self.tool_speed_mm_s.unwrap_or_default()]);
        writer.f32s(&self.joint_speeds_rad_s.unwrap_or_default());
        writer.bytes(&self.counter.unwrap_or_default().to_be_bytes());
        writer.at = BASE_OFFSET_AT;
        writer.f32s(&self.base_offset.unwrap_or_default());
        writer.at = SIMULATED_AT;
        writer.bytes(&[u8::from(self.simulated == Some(true))]);
        let (reduced, fence) = (self.reduced == Some(true), self.fence == Some(true));
        // The bits of the flags, for older readers.
        writer.at = REDUCED_AT - 1;
        writer.bytes(&[u8::from(reduced) | u8::from(fence) << 1, u8::from(reduced)]);
        writer.at = FENCE_AT;
        writer.bytes(&[u8::from(fence)]);
    }
}

/// Writes into a report that is long enough by construction.
struct Writer<'a> {
    out: &'a mut [u8; LONGEST_REPORT],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn f32s(&mut self, values: &[f32]) {
        for value in values {
            self.bytes(&value.to_le_bytes());
        }
    }
}
