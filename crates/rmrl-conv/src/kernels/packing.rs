//! Matrices cut into panels of columns, in the order in which the multiplication reads them.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::buffer_pool::PooledBuffer;

/// Vectors in a row of a panel. With eight rows of output this keeps sixteen sums in flight: enough to hide the
/// latency of a multiplication, few enough for the registers.
const VECTORS: usize = 2;

/// A matrix `[depth, columns]`, cut into panels of columns that are each contiguous in memory.
pub(crate) struct Panels {
    values: PooledBuffer,
    depth: usize,
    columns: usize,
    lanes: usize,
}

/// Some columns of the matrix, `[depth, width]`, padded with zeros to whole vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) first_column: usize,
    /// Columns of the matrix, without the padding.
    pub(crate) columns: usize,
    /// Vectors in a row, 1 or 2.
    pub(crate) vectors: usize,
}

/// The columns of a panel: the first, their number, and the vectors that hold them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) vectors: usize,
}

impl Columns {
    /// Values in a row of the panel: whole vectors.
    pub(crate) fn width(self) -> usize {
        self.vectors * lanes()
    }
}

/// Columns of the widest panel, with the widest vectors.
pub(crate) const MAX_PANEL_WIDTH: usize = 32;

/// Cuts `columns` into the columns of panels.
pub(crate) fn cut(columns: usize) -> impl Iterator<Item = Columns> {
    let lanes = lanes();
    (0..columns).step_by(VECTORS * lanes).map(move |first| {
        let count = (columns - first).min(VECTORS * lanes);
        Columns { first, count, vectors: count.div_ceil(lanes) }
    })
}

/// A buffer for the panels of a matrix, in which the padding of the last vectors is zero.
pub(crate) fn panel_buffer(rows: usize, columns: usize) -> PooledBuffer {
    let lanes = lanes();
    let len = rows * columns.next_multiple_of(lanes);
    if columns.is_multiple_of(lanes) {
        PooledBuffer::arbitrary(len)
    } else {
        PooledBuffer::zeroed(len)
    }
}

impl Panels {
    /// Packs a matrix. `fill` gets the columns and the buffer of a panel, with a row of [`Columns::width`]
    /// values for each row of the matrix. It writes the columns; the padding after them is already zero.
    pub(crate) fn new(
        depth: usize,
        columns: usize,
        fill: impl Fn(Columns, &mut [f32]) + Sync,
    ) -> Self {
        let lanes = lanes();
        let mut values = panel_buffer(depth, columns);
        let mut rest = &mut values[..];
        let mut parts = Vec::new();
        for part in cut(columns) {
            let panel = rest.split_off_mut(..depth * part.width()).expect("panels fill the matrix");
            parts.push((part, panel));
        }
        parts.into_par_iter().for_each(|(part, panel)| fill(part, panel));
        Self { values, depth, columns, lanes }
    }

    /// The panels from row `first` on.
    pub(crate) fn below(&self, first: usize) -> impl Iterator<Item = Panel<'_>> {
        let mut rest = &self.values[..];
        cut(self.columns).map(move |part| {
            let width = part.vectors * self.lanes;
            let (values, after) = rest.split_at(self.depth * width);
            rest = after;
            Panel {
                values: &values[first * width..],
                first_column: part.first,
                columns: part.count,
                vectors: part.vectors,
            }
        })
    }
}

/// Values in a vector of this machine.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}
