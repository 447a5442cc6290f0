//! `.safetensors` files: tensors by name, and JSON metadata beside them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::tensor::Tensor;
use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{CheckpointError, WeightsError};

/// What a file says besides its tensors: JSON values by name. They share one metadata entry, because
/// the format does not keep the order of entries, and the same policy shall make the same bytes.
pub type Metadata = BTreeMap<String, Value>;

/// The entry of the format's metadata that holds ours.
const METADATA_KEY: &str = "rmrl";

/// A tensor on its way into a file.
pub(crate) struct TensorToWrite {
    /// Its name in the file.
    pub(crate) name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    contents: Contents,
}

enum Contents {
    /// Little-endian.
    Bytes(Vec<u8>),
    /// Copied only when they are written: the optimizer's are twice as many as the network's.
    Floats(Box<Tensor<1>>),
}

impl TensorToWrite {
    /// A tensor of little-endian `bytes`.
    pub(crate) fn of_bytes(
        name: impl Into<String>,
        dtype: Dtype,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    ) -> Self {
        Self { name: name.into(), dtype, shape, contents: Contents::Bytes(bytes) }
    }

    /// A flat tensor of 32-bit floats.
    pub(crate) fn of_floats(name: String, tensor: Tensor<1>) -> Self {
        let (shape, contents) = (tensor.shape().to_vec(), Contents::Floats(Box::new(tensor)));
        Self { name, dtype: Dtype::F32, shape, contents }
    }

    /// Its shape.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its contents as 32-bit words.
    pub(crate) fn words(&self) -> Vec<u32> {
        let bytes = self.data();
        bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }
}

impl View for &TensorToWrite {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.contents {
            Contents::Bytes(bytes) => Cow::Borrowed(bytes),
            Contents::Floats(tensor) => Cow::Owned(tensor.to_data().as_bytes().to_vec()),
        }
    }

    fn data_len(&self) -> usize {
        match &self.contents {
            Contents::Bytes(bytes) => bytes.len(),
            Contents::Floats(tensor) => 4 * tensor.shape().num_elements(),
        }
    }
}

/// Tensors and metadata as the bytes of a `.safetensors` file. The same input makes the same bytes.
pub(crate) fn write(tensors: &[TensorToWrite], metadata: &Metadata) -> Vec<u8> {
    let metadata = serde_json::to_string(metadata).expect("JSON values make JSON");
    let metadata = HashMap::from([(METADATA_KEY.to_string(), metadata)]);
    let views = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor));
    safetensors::serialize(views, Some(metadata)).expect("tensors in memory can be serialized")
}

/// The metadata of a policy or checkpoint file's bytes; empty if it has none. `path` names the file
/// in errors.
///
/// # Errors
/// The bytes are no `.safetensors` file, or the metadata no JSON.
pub fn read_metadata(path: &Path, bytes: &[u8]) -> Result<Metadata, CheckpointError> {
    let malformed = |reason: String| WeightsError::format(path, "safetensors", reason);
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| malformed(error.to_string()))?;
    let Some(entry) = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY))
    else {
        return Ok(Metadata::new());
    };
    let metadata = serde_json::from_str(entry);
    Ok(metadata.map_err(|error| malformed(format!("its metadata {METADATA_KEY:?}: {error}")))?)
}

/// One entry of a file's metadata. `expected` names in errors what the file should be.
///
/// # Errors
/// The file's bytes or its metadata are malformed, or the entry is missing or another type.
pub(crate) fn read_entry<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    key: &str,
    expected: &'static str,
) -> Result<T, CheckpointError> {
    let malformed = |reason: String| CheckpointError::malformed(path, expected, reason);
    let mut metadata = read_metadata(path, bytes)?;
    let entry = metadata
        .remove(key)
        .ok_or_else(|| malformed(format!("its metadata {METADATA_KEY:?} has no {key:?}")))?;
    serde_json::from_value(entry).map_err(|error| malformed(format!("{key}: {error}")))
}

/// A metadata entry.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("numbers, strings and lists make JSON")
}

/// 32-bit floats of little-endian bytes.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
