//! Who says which plate is in the jaws.

use std::fmt;
use std::sync::Arc;

use super::keep_outs_config::HeldPlate;

/// A function that says which plate the plant holds now; none if nothing is held.
#[derive(Clone)]
pub struct HeldPlateSource(Arc<dyn Fn() -> Option<HeldPlate> + Send + Sync>);

impl HeldPlateSource {
    /// A source that asks `held`. It must not call the running emulator, which waits for the answer.
    pub fn new(held: impl Fn() -> Option<HeldPlate> + Send + Sync + 'static) -> Self {
        Self(Arc::new(held))
    }

    /// What is held now. A plate of invalid sizes is none.
    pub(in crate::emulator) fn held(&self) -> Option<HeldPlate> {
        (self.0)().filter(|plate| plate.validate().is_ok())
    }
}

impl fmt::Debug for HeldPlateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldPlateSource")
    }
}
