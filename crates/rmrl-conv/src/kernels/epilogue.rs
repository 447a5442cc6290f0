//! What follows a convolution.

/// What follows a convolution, in the same pass over its output: `relu(y + bias + residual)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// One value for each output channel.
    pub bias: Option<&'a [f32]>,
    /// Values added to the output, `[batch, height, width, channels_out]`.
    pub residual: Option<&'a [f32]>,
    /// Whether negative values become zero.
    pub relu: bool,
}

impl<'a> Epilogue<'a> {
    /// The epilogue of a chunk of the output that begins at `offset` and has `len` values.
    pub(crate) fn of_chunk(self, offset: usize, len: usize) -> Self {
        let residual = self.residual.map(|residual: &'a [f32]| &residual[offset..][..len]);
        Self { residual, ..self }
    }
}
