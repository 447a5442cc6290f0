//! Rectangles of pixels.

/// A rectangle of pixels, upper ends exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelRegion {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl PixelRegion {
    /// No pixel.
    pub(super) const EMPTY: Self = Self { left: 0, top: 0, right: 0, bottom: 0 };

    /// A whole image.
    pub(super) fn whole(width: usize, height: usize) -> Self {
        Self { left: 0, top: 0, right: width, bottom: height }
    }

    /// A single pixel.
    pub(super) fn pixel(u: usize, v: usize) -> Self {
        Self { left: u, top: v, right: u + 1, bottom: v + 1 }
    }

    pub(super) fn width(&self) -> usize {
        self.right.saturating_sub(self.left)
    }

    pub(super) fn height(&self) -> usize {
        self.bottom.saturating_sub(self.top)
    }

    /// The region grown by `margin` pixels on every side, within `bounds`.
    pub(super) fn grown(self, margin: usize, bounds: Self) -> Self {
        Self {
            left: self.left.saturating_sub(margin).max(bounds.left),
            top: self.top.saturating_sub(margin).max(bounds.top),
            right: (self.right + margin).min(bounds.right),
            bottom: (self.bottom + margin).min(bounds.bottom),
        }
    }

    /// Where row `v` of the image lies in row-by-row storage of the region; `None` outside.
    pub(super) fn row(&self, v: usize) -> Option<std::ops::Range<usize>> {
        (self.top..self.bottom).contains(&v).then(|| {
            let start = (v - self.top) * self.width();
            start..start + self.width()
        })
    }

    /// The smallest region around both.
    pub(super) fn around(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The region in square blocks of at most `side` pixels.
    pub(super) fn blocks(self, side: usize) -> impl Iterator<Item = Self> {
        (self.top..self.bottom).step_by(side).flat_map(move |top| {
            (self.left..self.right).step_by(side).map(move |left| Self {
                left,
                top,
                right: (left + side).min(self.right),
                bottom: (top + side).min(self.bottom),
            })
        })
    }

    /// The pixels of the region, row by row.
    pub(super) fn pixels(self) -> impl Iterator<Item = (usize, usize)> {
        (self.top..self.bottom).flat_map(move |v| (self.left..self.right).map(move |u| (u, v)))
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}
