//! Learning beside the motion of the arm.

/// Learns on another thread, if there is one, beside `motion` on this one. Returns the result of the
/// motion after both have ended.
pub(super) fn beside<T>(learning: impl FnOnce() + Send, motion: impl FnOnce() -> T) -> T {
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| learning());
        motion()
    })
}
