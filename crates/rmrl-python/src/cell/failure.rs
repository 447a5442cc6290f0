//! Why something was not done, on its way to an exception of `rmrl_robot.errors`.

use pyo3::prelude::*;
use rmrl::rmrl_cell::with_sources;
use rmrl::rmrl_inventory::{InventoryError, Refusal, StorageError};
use rmrl::rmrl_transfer::{ComeHomeError, TransferError};
use rmrl::{FirstMotionError, LaboratoryError, TransferCellError};

/// Why something was not done.
#[derive(Debug)]
pub enum Failure {
    /// It was refused before anything moved.
    Refused { kind: String, message: String },
    /// The cell could not be opened or used.
    Cell { kind: &'static str, message: String },
    /// The configuration, or a protocol, is invalid.
    Configuration(String),
}

impl Failure {
    /// Something that is refused.
    pub fn refused(kind: &str, message: impl Into<String>) -> Self {
        Self::Refused { kind: kind.to_string(), message: message.into() }
    }

    /// A cell that cannot be used.
    pub fn cell(kind: &'static str, message: impl Into<String>) -> Self {
        Self::Cell { kind, message: message.into() }
    }

    /// The exception of `rmrl_robot.errors`.
    pub fn exception(self, py: Python<'_>) -> PyErr {
        let exception = |name: &str, kind: Option<&str>, message: &str| -> PyResult<PyErr> {
            let class = py.import("rmrl_robot.errors")?.getattr(name)?;
            let value = match kind {
                Some(kind) => class.call1((kind, message))?,
                None => class.call1((message,))?,
            };
            Ok(PyErr::from_value(value))
        };
        let made = match &self {
            Self::Refused { kind, message } => exception("TransferRefused", Some(kind), message),
            Self::Cell { kind, message } => {
                let class = match *kind {
                    "busy" => "CellBusyError",
                    "closed" => "CellClosedError",
                    _ => "CellError",
                };
                exception(class, Some(kind), message)
            }
            Self::Configuration(message) => exception("ConfigurationError", None, message),
        };
        made.unwrap_or_else(|missing| missing)
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let message = with_sources(&error);
        let kind = match error {
            TransferError::Inventory(error) => return error.into(),
            TransferError::Knowledge { .. } => return Self::cell("not_recorded", message),
            TransferError::NoSuchSlot { .. } => "no_such_slot",
            TransferError::Labware(_) => "no_such_labware",
            TransferError::NoLid { .. } => "no_lid",
            TransferError::LiftTooLow { .. } => "lift_too_low",
            TransferError::Safety(_) => return Self::Configuration(message),
            TransferError::NotClear { .. } => "not_clear",
            TransferError::Jaws(_) => "jaws",
        };
        Self::refused(kind, message)
    }
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        let message = with_sources(&error);
        match error {
            InventoryError::Refused(refusal) => Self::refused(&kind_of(&refusal), message),
            InventoryError::Storage(error) => error.into(),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let kind = match error {
            StorageError::InUse { .. } => "in_use",
            StorageError::NoInventory { .. } => "no_inventory",
            StorageError::Damaged { .. } => "damaged",
            StorageError::Io { .. } => "not_recorded",
        };
        Self::cell(kind, with_sources(&error))
    }
}

impl From<ComeHomeError> for Failure {
    fn from(error: ComeHomeError) -> Self {
        let message = with_sources(&error);
        match error {
            ComeHomeError::Motion(_) => Self::cell("motion", message),
            ComeHomeError::HoldsUnknown => Self::refused("jaws", message),
            ComeHomeError::NotClear(_) => Self::refused("not_clear", message),
        }
    }
}

impl From<TransferCellError> for Failure {
    fn from(error: TransferCellError) -> Self {
        let message = with_sources(&error);
        match error {
            TransferCellError::Laboratory(error) => of_laboratory(&error, message),
            TransferCellError::Inventory(error) => error.into(),
            TransferCellError::Transfer(error) => error.into(),
            TransferCellError::NoSites
            | TransferCellError::External
            | TransferCellError::NotSimulated => Self::Configuration(message),
            TransferCellError::Reach(_) => Self::cell("reach", message),
            TransferCellError::Kept(_) => Self::cell("damaged", message),
        }
    }
}

fn of_laboratory(error: &LaboratoryError, message: String) -> Failure {
    match error {
        LaboratoryError::Simulation(_)
        | LaboratoryError::Camera(_)
        | LaboratoryError::NotLive(_)
        | LaboratoryError::Config(_)
        | LaboratoryError::Localizer(_)
        | LaboratoryError::Cell(_) => Failure::Configuration(message),
        LaboratoryError::Calibration(_) => Failure::cell("calibration", message),
        LaboratoryError::Reach(_) => Failure::cell("reach", message),
        LaboratoryError::FirstMotion(FirstMotionError::NobodyToAsk { reason }) => {
            let message = format!(
                "nobody can be asked whether the arm may move: {reason}; pass operator=, a function that asks somebody, or \
                 permit=True if an interlock keeps people away from the arm"
            );
            Failure::cell("nobody_to_ask", message)
        }
        LaboratoryError::FirstMotion(FirstMotionError::Declined) => {
            Failure::cell("declined", message)
        }
        LaboratoryError::FirstMotion(error) if error.stopped().is_some() => {
            Failure::cell("stopped", message)
        }
        _ => Failure::cell("device", message),
    }
}

/// The name of a refusal, such as `not_stated`: that of its variant.
fn kind_of(refusal: &Refusal) -> String {
    let shown = format!("{refusal:?}");
    let name: String = shown.chars().take_while(char::is_ascii_alphanumeric).collect();
    let mut kind = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kind.is_empty() {
            kind.push('_');
        }
        kind.push(letter.to_ascii_lowercase());
    }
    kind
}
