//! Tensors and threads.

use burn::tensor::Tensor;

/// Computes on the thread pool: a computation of many parallel parts moves there once instead of
/// once for each part.
pub(crate) fn on_all_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// The numbers of a tensor.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("a tensor of floats can be read back")
}
