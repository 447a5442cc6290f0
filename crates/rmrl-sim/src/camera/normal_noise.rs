//! Fast streams of normal numbers, one for each row of an image.

use std::sync::OnceLock;

use rand::Rng as _;
use rmrl_core::{normal_pair, random_stream};

/// A fast stream of standard normal numbers: random indices into a table of them.
pub(super) struct NormalNoise {
    table: &'static [f32; TABLE_SIZE],
    state: u64,
}

const TABLE_SIZE: usize = 1 << 16;

impl NormalNoise {
    /// The stream of one image row.
    pub(super) fn new(seed: u64, row: usize) -> Self {
        Self {
            table: normal_table(),
            state: splitmix(seed ^ (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        }
    }

    /// Fills `values` with the stream, from its beginning.
    pub(super) fn fill(mut self, values: &mut [f32]) {
        // Each number of 64 random bits makes four indices, the lowest bits first.
        for values in values.chunks_mut(4) {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let bits = splitmix(self.state);
            for (place, value) in values.iter_mut().enumerate() {
                *value = self.table[(bits >> (16 * place)) as usize % TABLE_SIZE];
            }
        }
    }
}

fn normal_table() -> &'static [f32; TABLE_SIZE] {
    static TABLE: OnceLock<Box<[f32; TABLE_SIZE]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut rng = random_stream(0, "normal table", [0, 0]);
        let mut uniform = || (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
        let mut table = Box::new([0.0; TABLE_SIZE]);
        for pair in table.chunks_exact_mut(2) {
            let [first, second] = normal_pair(uniform(), uniform());
            pair[0] = first as f32;
            pair[1] = second as f32;
        }
        table
    })
}

/// SplitMix64's output function.
pub(super) fn splitmix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
