//! The requests and responses, and the limits of their size.

use std::io::{Error, ErrorKind};

use rmrl_cell::FirstMotion;
use rmrl_core::PlanarPose;
use serde::{Deserialize, Serialize};

/// A request, one line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RemoteRequest {
    Camera {},
    #[serde(rename = "picture")]
    Frame {},
    PermitMotion {
        motion: FirstMotion,
    },
    ExchangePlate {
        scene: u32,
    },
    PutPlateAtTarget {},
    PutPlateNear {
        pose: PlanarPose,
    },
    SeatItem {
        item: String,
        slot: String,
    },
}

/// The line of a response.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum RemoteResponse {
    Error { error: String },
    Camera { camera: String },
    Frame { width: u32, height: u32 },
    Done { done: bool },
}

/// The longest valid line: a camera file has less than a kilobyte.
pub(super) const MAX_LINE_BYTES: u64 = 64 << 10;
/// The longest side of a valid frame: no RGB-D camera makes larger ones.
pub(super) const MAX_SIDE_PX: u32 = 4096;

/// The error of data that the protocol does not allow.
pub(super) fn invalid_data(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs of other authors serve cells: the JSON of a request must not change.
    #[test]
    fn requests_have_the_documented_json() {
        let near = PlanarPose::new(0.3, -0.1, 0.2);
        for (request, json) in [
            (RemoteRequest::Camera {}, r#"{"ask":"camera"}"#),
            (RemoteRequest::Frame {}, r#"{"ask":"picture"}"#),
            (RemoteRequest::ExchangePlate { scene: 3 }, r#"{"ask":"exchange_plate","scene":3}"#),
            (RemoteRequest::PutPlateAtTarget {}, r#"{"ask":"put_plate_at_target"}"#),
            (
                RemoteRequest::SeatItem { item: "plate-1".into(), slot: "hotel:1".into() },
                r#"{"ask":"seat_item","item":"plate-1","slot":"hotel:1"}"#,
            ),
            (
                RemoteRequest::PutPlateNear { pose: near },
                r#"{"ask":"put_plate_near","pose":{"x_m":0.3,"y_m":-0.1,"yaw_rad":0.2}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), json);
            serde_json::from_str::<RemoteRequest>(json).unwrap();
        }
    }
}
