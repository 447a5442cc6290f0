//! A cell assembled from a configuration: real devices or simulated ones, and what is proven before anything moves.
//!
//! - `assembly`: the [`Laboratory`](assembly::Laboratory), which is a cell with the trial that runs on it
//! - `simulated`: the simulated cell of a configuration
//! - `external`: the devices that a program brings; `external_start`: how they start
//! - `world`: what lies behind the devices, a simulation that knows the ground truth or reality
//! - `perception`: the camera and the localizer of a configuration
//! - `calibration_gate`: the check of the camera's calibration before a run
//! - `emulated_calibration`: the calibration record of an emulated cell's camera
//! - `emulated_laboratory`: a laboratory that is emulated on this computer; `emulated_keep_outs`: what its controller judges motions by
//! - `reachability`: the proof that the arm can reach every pose a run may send it to
//! - `site_reach`: the same proof for the sites between which plates are moved
//! - `site_clearance`: the proof that the ways between them are clear of everything
//! - `transfer_cell`: the cell that transfers between the sites of a configuration
//! - `inventory_view`: what lies where, as people and programs read it; `protocol_chains`: a protocol, run in that cell
//! - `transfer_policies`: its trained policies; `transfer_trials`: its transfers as trials to learn from
//! - `simulated_places`: the simulated laboratory with these sites; `kept_laboratory`: its state, kept between programs
//! - `calibration_arm`: the arm with a calibration board on its flange, and the camera that it is shown to
//! - `first_motion`: the permission of the operator, the connection to the arm, and its stop switch
//! - `terminal_operator`, `page_operator`: an operator who answers on the terminal, and one on the status page
//! - `terminal`: lines from standard input, and to standard error
//! - `remote`: a camera and an operator that another program serves over TCP
//! - `laboratory_error`: why a cell could not be assembled

pub(crate) mod assembly;
pub(crate) mod calibration_arm;
pub(crate) mod calibration_gate;
pub(crate) mod emulated_calibration;
pub(crate) mod emulated_keep_outs;
pub(crate) mod emulated_laboratory;
pub(crate) mod external;
mod external_start;
pub(crate) mod first_motion;
pub(crate) mod inventory_view;
mod kept_laboratory;
pub(crate) mod laboratory_error;
mod page_operator;
pub(crate) mod perception;
pub(crate) mod protocol_chains;
pub(crate) mod reachability;
pub(crate) mod remote;
pub(crate) mod simulated;
pub(crate) mod simulated_places;
pub(crate) mod site_clearance;
pub(crate) mod site_reach;
pub(crate) mod terminal;
mod terminal_operator;
pub(crate) mod transfer_cell;
pub(crate) mod transfer_policies;
pub(crate) mod transfer_trials;
pub(crate) mod world;
