//! Labware: what a robot arm carries between places, and whether its jaws hold it.
//!
//! Frame of a labware: x along its long side, y along its short side, z up from its bottom. Lengths are in meters and
//! angles in radians.
//!
//! - `labware`: the dimensions of one kind of labware, and the checks between them
//! - `kind`, `side`, `grip`, `lid`, `jaws`: their parts
//! - `built_in`: labware by the ANSI/SLAS standards, with the source of each number
//! - `library`: labware by name, built in or from TOML; `library_error`: its errors
//! - `pylabrobot`: import of PyLabRobot's JSON; `json_key`: one key of it, with its path
//! - `judge_grip`: the width that the gripper measured, compared with the labware; `grip_fault`: what can be wrong
//! - `turned`: a rectangle that is turned between parallel jaws
//!
//! ```
//! use rmrl_labware::{GripFault, GripReading, Held, Jaws, Library, judge_grip};
//!
//! let library = Library::built_in();
//! let plate = library.get("96-well")?;
//! let jaws = Jaws { closed_m: 0.071, open_m: 0.150 };
//! plate.check(&jaws)?;
//!
//! let held = judge_grip(plate, &GripReading { width_m: Some(0.0858), jaws })?;
//! assert!(matches!(held, Held::AsExpected { .. }));
//! let fault = judge_grip(plate, &GripReading { width_m: Some(0.0712), jaws });
//! assert!(matches!(fault, Err(GripFault::NothingHeld { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod built_in;
mod grip;
mod grip_fault;
mod jaws;
mod json_key;
mod judge_grip;
mod kind;
mod labware;
mod library;
mod library_error;
mod lid;
mod pylabrobot;
mod side;
mod turned;

pub use built_in::{
    SLAS_HEIGHT_M, SLAS_LENGTH_M, SLAS_SIDE_TOLERANCE_M, SLAS_WIDTH_M, built_in_labware,
};
pub use grip::{DEFAULT_GRIP_TOLERANCE_M, Grip};
pub use grip_fault::GripFault;
pub use jaws::Jaws;
pub use judge_grip::{GripReading, Held, judge_grip};
pub use kind::LabwareKind;
pub use labware::Labware;
pub use library::Library;
pub use library_error::LibraryError;
pub use lid::Lid;
pub use pylabrobot::{ImportGrip, PyLabRobotError, parse_pylabrobot, read_pylabrobot};
pub use side::Side;
pub use turned::{width_between_jaws, yaw_between_jaws};
