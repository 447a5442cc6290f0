//! Between burn's tensors and slices.

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Shape, Tensor, TensorData};

/// The tensor with gradients behind burn's, on its CPU backend.
pub(super) type Tracked = FloatTensor<Autodiff<Flex>>;

/// A tensor as one of the CPU backend, if it is on it.
pub(super) enum OnCpu {
    Plain(FlexTensor),
    Tracked(Tracked),
}

impl OnCpu {
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let tracked = tensor.clone().try_into_primitive::<Autodiff<Flex>>().map(Self::Tracked);
        tracked
            .or_else(|_| tensor.clone().try_into_primitive::<Flex>().map(Self::Plain))
            .ok()
            .filter(|tensor| tensor.plain().dtype() == burn::tensor::DType::F32)
    }

    /// The same of a tensor that may be missing; `None` only for one that is elsewhere.
    pub(super) fn of_optional<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Option<Self>> {
        match tensor {
            Some(tensor) => Self::of(tensor).map(Some),
            None => Some(None),
        }
    }

    /// Whether a tensor is one of the CPU backend without gradients.
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

/// The output of an operation with gradients: `backward` makes those of `parents` from `state`.
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

/// A tensor without numbers, in the place of one that is not there: no gradient goes to it.
pub(super) fn absent() -> Tracked {
    Tracked::new(tensor(Vec::new(), [0]))
}

/// The numbers of a tensor in a row, copied only if they do not lie so.
pub(super) fn in_a_row(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

/// The same with no other numbers in its memory, as views of larger tensors have.
pub(super) fn alone(tensor: FlexTensor) -> FlexTensor {
    let row = in_a_row(tensor);
    if row.storage::<f32>().len() == row.layout().num_elements() {
        return row;
    }
    self::tensor(numbers(&row).to_vec(), row.layout().shape().clone())
}

/// The numbers of a tensor that lies in a row.
pub(super) fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("the tensor was put in a row and holds 32-bit floats")
}

pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// The gradient before a ReLU from that after it, where `y` is what the ReLU gave.
pub(super) fn before_relu(dy: FlexTensor, y: &FlexTensor) -> FlexTensor {
    let mut dy = in_a_row(dy);
    let y = numbers(y);
    let passed = |dy: f32, y: f32| if y > 0.0 { dy } else { 0.0 };
    // In place where nobody else holds the gradient.
    let in_place = dy.try_storage_mut::<f32>().filter(|dy| dy.len() == y.len()).map(|dy| {
        dy.iter_mut().zip(y).for_each(|(dy, y)| *dy = passed(*dy, *y));
    });
    if in_place.is_none() {
        let values = numbers(&dy).iter().zip(y).map(|(dy, y)| passed(*dy, *y)).collect();
        dy = tensor(values, dy.layout().shape().clone());
    }
    dy
}
