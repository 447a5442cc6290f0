//! Matrices cut into panels of columns, as the multiplication reads them.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::room::Room;

/// Vectors to a panel. With eight rows of output beside it, sixteen sums are under way at once:
/// enough to hide the latency of a multiplication, few enough for the registers.
const VECTORS: usize = 2;

/// A matrix `[depth, columns]`, cut into panels of columns that each lie in one piece.
pub(crate) struct Panels {
    values: Room,
    depth: usize,
    columns: usize,
    lanes: usize,
}

/// Some columns of the matrix, `[depth, width]`, filled up with zeros to whole vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) first_column: usize,
    /// Columns that are the matrix's.
    pub(crate) columns: usize,
    /// Vectors to a row, 1 or 2.
    pub(crate) vectors: usize,
}

/// The columns of a panel: where they begin, how many there are, and their vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) vectors: usize,
}

impl Columns {
    /// Numbers of a row in the panel: whole vectors.
    pub(crate) fn width(self) -> usize {
        self.vectors * lanes()
    }
}

/// Columns of the widest panel, of the widest vectors.
pub(crate) const WIDEST: usize = 32;

/// How `columns` are cut into panels.
pub(crate) fn cut(columns: usize) -> impl Iterator<Item = Columns> {
    let lanes = lanes();
    (0..columns).step_by(VECTORS * lanes).map(move |first| {
        let count = (columns - first).min(VECTORS * lanes);
        Columns { first, count, vectors: count.div_ceil(lanes) }
    })
}

/// Room for panels of a matrix; what fills up their last vectors is zero.
pub(crate) fn room(rows: usize, columns: usize) -> Room {
    let lanes = lanes();
    let len = rows * columns.next_multiple_of(lanes);
    if columns.is_multiple_of(lanes) { Room::of_any(len) } else { Room::of_zeros(len) }
}

impl Panels {
    /// The matrix whose panels `fill` writes: it is given a panel's columns and its room,
    /// a row of [`Columns::width`] numbers for each row of the matrix; those after its columns are
    /// zero.
    pub(crate) fn new(
        depth: usize,
        columns: usize,
        fill: impl Fn(Columns, &mut [f32]) + Sync,
    ) -> Self {
        let lanes = lanes();
        let mut values = room(depth, columns);
        let mut rest = &mut values[..];
        let mut parts = Vec::new();
        for part in cut(columns) {
            let panel = rest.split_off_mut(..depth * part.width()).expect("panels fill the matrix");
            parts.push((part, panel));
        }
        parts.into_par_iter().for_each(|(part, panel)| fill(part, panel));
        Self { values, depth, columns, lanes }
    }

    /// The panels without their rows above `first`.
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

/// Numbers to a vector of this machine.
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
