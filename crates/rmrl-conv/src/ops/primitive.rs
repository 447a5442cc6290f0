//! Converts between burn's tensors and slices.

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Shape, Tensor, TensorData};

/// A tensor with gradients, on burn's CPU backend.
pub(super) type Tracked = FloatTensor<Autodiff<Flex>>;

/// A tensor on burn's CPU backend, without or with gradients.
pub(super) enum OnCpu {
    Plain(FlexTensor),
    Tracked(Tracked),
}

impl OnCpu {
    /// The tensor, if it is on the CPU backend in 32 bits.
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let tracked = tensor.clone().try_into_primitive::<Autodiff<Flex>>().map(Self::Tracked);
        tracked
            .or_else(|_| tensor.clone().try_into_primitive::<Flex>().map(Self::Plain))
            .ok()
            .filter(|tensor| tensor.plain().dtype() == burn::tensor::DType::F32)
    }

    /// An optional tensor; the outer `None` means that the tensor is not on the CPU backend.
    pub(super) fn of_optional<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Option<Self>> {
        match tensor {
            Some(tensor) => Self::of(tensor).map(Some),
            None => Some(None),
        }
    }

    /// Whether a tensor is on the CPU backend and has no gradients.
    pub(super) fn is_plain<const D: usize>(tensor: &Tensor<D>) -> bool {
        matches!(Self::of(tensor), Some(Self::Plain(_)))
    }

    pub(super) fn is_tracked(&self) -> bool {
        matches!(self, Self::Tracked(_))
    }

    pub(super) fn plain(&self) -> &FlexTensor {
        match self {
            Self::Plain(tensor) => tensor,
            Self::Tracked(tensor) => tensor.primitive(),
        }
    }

    pub(super) fn into_tracked(self) -> Tracked {
        match self {
            Self::Plain(tensor) => Tracked::new(tensor),
            Self::Tracked(tensor) => tensor,
        }
    }
}

/// The output of an operation with gradients: `backward` computes those of `parents` from `state`.
pub(super) fn tracked<B: Backward<Flex, N>, const N: usize>(
    backward: B,
    parents: [Tracked; N],
    state: B::State,
    output: FlexTensor,
) -> Tracked {
    let nodes = parents.each_ref().map(|parent| parent.node());
    match backward.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}

/// An empty tensor in the place of a missing one; it gets no gradient.
pub(super) fn absent() -> Tracked {
    Tracked::new(tensor(Vec::new(), [0]))
}

/// A contiguous tensor; copies only if the tensor is not contiguous.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

/// A contiguous tensor whose memory holds no further values, as a view of a larger tensor's does.
pub(super) fn owned_contiguous(tensor: FlexTensor) -> FlexTensor {
    let row = contiguous(tensor);
    if row.storage::<f32>().len() == row.layout().num_elements() {
        return row;
    }
    self::tensor(as_values(&row).to_vec(), row.layout().shape().clone())
}

/// The values of a contiguous tensor.
pub(super) fn as_values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("the tensor is contiguous and holds 32-bit floats")
}

pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// The gradient before a ReLU from that after it; `y` is the ReLU's output.
pub(super) fn before_relu(dy: FlexTensor, y: &FlexTensor) -> FlexTensor {
    let mut dy = contiguous(dy);
    let y = as_values(y);
    let passed = |dy: f32, y: f32| if y > 0.0 { dy } else { 0.0 };
    // In place if nothing else holds the gradient.
    let in_place = dy.try_storage_mut::<f32>().filter(|dy| dy.len() == y.len()).map(|dy| {
        dy.iter_mut().zip(y).for_each(|(dy, y)| *dy = passed(*dy, *y));
    });
    if in_place.is_none() {
        let values = as_values(&dy).iter().zip(y).map(|(dy, y)| passed(*dy, *y)).collect();
        dy = tensor(values, dy.layout().shape().clone());
    }
    dy
}
