//! The camera and the operator of a cell that another program serves over TCP.
//!
//! `rmrl xarm emulate` serves the simulated camera in this way to the training that drives its emulated arm. You can
//! serve a camera that this project has no driver for likewise. A request is a line of JSON, and so is the response;
//! the line of a frame is followed by the frame's bytes.
//!
//! | request | response |
//! |-|-|
//! | `{"ask":"camera"}` | `{"camera":"..."}`: a camera file, TOML, with its `[calibration]` |
//! | `{"ask":"picture"}` | `{"width":640,"height":480}`, then color (3 bytes a pixel, by rows) and depth aligned to it (2 bytes, the lower first, in millimeters) |
//! | `{"ask":"permit_motion","motion":{...}}`, with the fields of [`FirstMotion`](rmrl_cell::FirstMotion) | `{"done":true}` lets the arm move, any other response does not |
//! | `{"ask":"exchange_plate","scene":3}` | `{"done":true}` when the scene's plate lies there |
//! | `{"ask":"put_plate_at_target"}` | `{"done":true}` |
//! | `{"ask":"put_plate_near","pose":{"x_m":0.3,"y_m":-0.1,"yaw_rad":0.2}}` | `{"done":true}` |
//! | `{"ask":"seat_item","item":"plate-1","slot":"hotel:1"}` | `{"done":true}` when the item lies in the slot exactly where it should |
//!
//! `{"done":false}` means that the operator declined, and ends the run; in response to `seat_item`, that the item is taken as it lies.
//! `{"error":"..."}` may replace any response.
//!
//! A run starts only if the served `[calibration]` passes the check that a file's has to pass, or if
//! `camera.calibration` names a file instead.
//!
//! - `protocol`: the requests and responses
//! - `connection`: a client's connection, made again after it was lost
//! - `deadline_stream`: a TCP stream whose reads have a deadline
//! - `client`: the remote camera and the remote operator
//! - `server`: the program that has both

mod client;
mod connection;
mod deadline_stream;
mod protocol;
mod server;

pub use self::client::{RemoteCamera, RemoteOperator, check_reachable, served_camera};
pub use self::server::CellServer;
