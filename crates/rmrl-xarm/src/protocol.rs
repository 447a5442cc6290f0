//! The bytes of the controller's protocol, in both directions, without any input or output.
//!
//! - `frame`, `frame_reader`: requests, answers and feedback of the control port
//! - `command`: the registers, their parameters, and their answers
//! - `report`: what the report ports send
//! - `modbus_rtu`, [`bio_gripper`]: requests to devices on the bus at the flange
//! - `version`: the robot and its firmware; `error_tables`: the meaning of error numbers
//! - `pose`: poses in the controller's numbers; `byte_order`: numbers in bytes

pub mod bio_gripper;
pub(crate) mod byte_order;
pub(crate) mod command;
pub(crate) mod error_tables;
pub(crate) mod frame;
pub(crate) mod frame_reader;
pub(crate) mod modbus_rtu;
pub(crate) mod pose;
pub(crate) mod report;
pub(crate) mod version;
