//! `.safetensors` and `.pth` files: tensors by name, and metadata. Knows no policy and no learner.

mod error;
mod tensor_file;
mod weights;

pub use self::error::{CheckpointError, WeightsError};
pub use self::tensor_file::{Metadata, read_metadata};
pub(crate) use self::tensor_file::{TensorToWrite, floats, read_entry, to_json, write};
pub(crate) use self::weights::{
    MOST_BYTES, NamedTensors, load_tensors, parse_safetensors, plate_encoder, read_tensors,
    tensors_of,
};
