//! Seeded random streams.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The project's random-number generator: portable, seedable, the same bits on every machine.
pub type Rng = ChaCha8Rng;

/// An independent random stream for one purpose at one place in a run.
///
/// A stream depends on its arguments alone, so whatever draws from one (an action, a minibatch, a
/// scene) needs no generator state to be stored: a resumed run derives the same stream again.
///
/// ```
/// use rand::Rng as _;
/// use rmrl_core::random_stream;
/// let mut first = random_stream(7, "explore", [12, 1]);
/// let mut again = random_stream(7, "explore", [12, 1]);
/// assert_eq!(first.next_u64(), again.next_u64());
/// assert_ne!(first.next_u64(), random_stream(7, "replay", [12, 1]).next_u64());
/// ```
pub fn random_stream(seed: u64, purpose: &str, place: [u64; 2]) -> Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&fnv1a(purpose).to_le_bytes());
    key[16..24].copy_from_slice(&place[0].to_le_bytes());
    key[24..].copy_from_slice(&place[1].to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// The 64-bit FNV-1a hash, fixed here because the standard library's may change.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
