//! A request that is being carried out, and why one is refused.

use crate::emulator::machine::Machine;
use crate::emulator::origin::Origin;
use crate::emulator::parameters::Parameters;

/// Numbers of the vendor's table of warnings.
pub(super) const QUEUE_FULL: u8 = 11;
pub(super) const WRONG_PARAMETERS: u8 = 12;
pub(super) const NO_SUCH_REQUEST: u8 = 13;
pub(super) const NO_SOLUTION: u8 = 14;

/// A request with what it acts on.
pub(super) struct Call<'a> {
    pub machine: &'a mut Machine,
    pub origin: &'a Origin,
    pub parameters: Parameters<'a>,
    /// The bits of the feedback that the link wants from now on.
    pub feedback: &'a mut u8,
    /// The answer, from its status on.
    pub out: Vec<u8>,
}

/// Why a request is not carried out.
pub(super) enum Refusal {
    /// The request leaves a warning.
    Warning(u8),
    /// The state or the mode does not allow it.
    State,
    /// It failed; nothing more is said.
    Invalid,
}

/// Missing parameters are wrong parameters.
pub(super) trait OrWrong<T> {
    fn or_wrong(self) -> Result<T, Refusal>;
}

impl<T> OrWrong<T> for Option<T> {
    fn or_wrong(self) -> Result<T, Refusal> {
        self.ok_or(Refusal::Warning(WRONG_PARAMETERS))
    }
}

/// A number above zero.
pub(super) fn positive(number: Option<f64>) -> Result<f64, Refusal> {
    number.filter(|number| *number > 0.0 && number.is_finite()).or_wrong()
}

/// Numbers that are all finite.
pub(super) fn finite<const N: usize>(numbers: Option<[f64; N]>) -> Result<[f64; N], Refusal> {
    numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite())).or_wrong()
}
