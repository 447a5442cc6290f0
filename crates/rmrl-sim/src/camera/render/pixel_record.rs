//! What the rays of a pixel met, which decides whether something that moves can change it.

use super::sampling::SAMPLES;

/// What the rays of a pixel met.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelRecord {
    /// The height of the lowest point, in meters.
    pub lowest_m: f32,
    /// The height of the highest point, in meters.
    pub highest_m: f32,
    /// Which rays met a point that a source was found to light: a bit for each ray, source after
    /// source.
    lit: u8,
}

impl PixelRecord {
    pub(super) const NOTHING: Self = Self { lowest_m: f32::MAX, highest_m: f32::MIN, lit: 0 };

    /// Records that a ray met a point this high, in meters.
    pub(super) fn note(&mut self, height_m: f32) {
        self.lowest_m = self.lowest_m.min(height_m);
        self.highest_m = self.highest_m.max(height_m);
    }

    /// Records that light of a source reaches what a ray met.
    pub(super) fn note_lit(&mut self, sample: usize, source: usize) {
        self.lit |= 1 << (source * SAMPLES + sample);
    }

    /// What the rays of two pixels met.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            lowest_m: self.lowest_m.min(other.lowest_m),
            highest_m: self.highest_m.max(other.highest_m),
            lit: self.lit | other.lit,
        }
    }

    /// Whether light of a source was found to reach what any ray met.
    pub(super) fn is_lit_by(self, source: usize) -> bool {
        (0..SAMPLES).any(|sample| self.is_lit_at(sample, source))
    }

    /// Whether light of any source was found to reach what a ray met.
    pub(super) fn is_lit(self, sample: usize) -> bool {
        self.is_lit_at(sample, 0) || self.is_lit_at(sample, 1)
    }

    /// Whether light of a source was found to reach what a ray met.
    pub(super) fn is_lit_at(self, sample: usize, source: usize) -> bool {
        self.lit >> (source * SAMPLES + sample) & 1 == 1
    }
}
