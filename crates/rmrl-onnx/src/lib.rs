//! A trained policy as an ONNX model: one file that takes the whole picture and the plate's pose and gives the correction, for
//! programs that know nothing of this project.
//!
//! - `messages`: the messages of ONNX's file format
//! - `graph`: a graph in the making
//! - `projection`: where the picture shows the plate; `view`: what the network sees of it, byte by byte; `network`: the
//!   network; `decision`: scaled pose, abstention, correction
//! - `description`: what a model says of itself
//! - `policy_model`: all of these together

mod decision;
mod description;
mod graph;
mod messages;
mod network;
mod policy_model;
mod projection;
mod view;

pub use description::ModelNotes;
pub use policy_model::onnx_model;
