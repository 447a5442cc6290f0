//! The weights of a module by torchvision's names, from and to `.safetensors` and `.pth` files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::store::burn_pack::{Bytes, Tensor as NamedTensor};
use burn::store::pytorch_reader::PytorchReader;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, PyTorchToBurnAdapter, bridge};
use burn::tensor::{DType, Shape};
use safetensors::{Dtype, SafeTensors};

use super::error::WeightsError;
use super::tensor_file::TensorToWrite;

/// Tensors by their PyTorch names.
pub(crate) type NamedTensors = BTreeMap<String, NamedTensor>;

/// The parts of a sequence: torchvision's numbers and this project's names.
const RENAMED: [(&str, &str); 2] =
    [(".downsample.0.", ".downsample.conv."), (".downsample.1.", ".downsample.norm.")];

/// The encoder that comes with this library, made by `rmrl encoder pretrain`.
const PLATES: &[u8] = include_bytes!("../../assets/plates.safetensors");

/// The tensors of the encoder that comes with this library.
pub(crate) fn plate_encoder() -> Result<NamedTensors, WeightsError> {
    parse_safetensors(Path::new("plates"), PLATES)
}

/// Reads all tensors of a `.safetensors`, `.pth` or `.pt` file.
pub(crate) fn read_tensors(path: &Path) -> Result<NamedTensors, WeightsError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("safetensors") => {
            let bytes = fs::read(path)
                .map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
            parse_safetensors(path, &bytes)
        }
        Some("pth" | "pt") => {
            // Opened first: the error of a missing file should not speak of its format.
            fs::File::open(path)
                .map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
            let reader = PytorchReader::new(path)
                .map_err(|error| WeightsError::format(path, "PyTorch", error))?;
            Ok(reader
                .into_tensors()
                .into_iter()
                .map(|(name, tensor)| (name, bridge::from_pytorch(tensor)))
                .filter(|(_, tensor)| tensor.dtype == DType::F32)
                .collect())
        }
        _ => Err(WeightsError::UnknownFormat { path: path.to_path_buf() }),
    }
}

/// The 32-bit float tensors of a `.safetensors` file's bytes.
pub(crate) fn parse_safetensors(path: &Path, bytes: &[u8]) -> Result<NamedTensors, WeightsError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError::format(path, "safetensors", error))?;
    Ok(file
        .iter()
        .filter(|(_, view)| view.dtype() == Dtype::F32)
        .map(|(name, view)| {
            let tensor = NamedTensor::new(
                name.to_string(),
                DType::F32,
                Shape::from(view.shape().to_vec()),
                None,
                Bytes::from_bytes_vec(view.data().to_vec()),
            );
            (name.to_string(), tensor)
        })
        .collect())
}

/// The tensors of a module, by their PyTorch names.
pub(crate) fn tensors_of<M: Module>(module: &M) -> Vec<TensorToWrite> {
    module
        .collect(None, Some(Box::new(BurnToPyTorchAdapter)), true)
        .into_iter()
        .map(|tensor| {
            let mut name = tensor.name.clone();
            for (theirs, ours) in RENAMED {
                name = name.replace(ours, theirs);
            }
            let shape = tensor.shape.to_vec();
            let bytes = tensor.into_bytes().expect("a tensor in memory can be read back");
            TensorToWrite::of_bytes(name, Dtype::F32, shape, bytes.to_vec())
        })
        .collect()
}

/// Replaces the weights of a module by `tensors` of the same PyTorch names.
///
/// Ignores tensors that the module does not have (a classifier's). `tensors` may lack one of the
/// module's tensors only if `may_lack` accepts its name. `path` and `network` appear in errors.
///
/// # Errors
/// A tensor is missing or has another shape.
pub(crate) fn load_tensors<M: Module>(
    module: &mut M,
    tensors: NamedTensors,
    path: &Path,
    network: &str,
    may_lack: impl Fn(&str) -> bool,
) -> Result<(), WeightsError> {
    let tensors = tensors
        .into_iter()
        .map(|(name, mut tensor)| {
            tensor.name = name;
            for (theirs, ours) in RENAMED {
                tensor.name = tensor.name.replace(theirs, ours);
            }
            tensor
        })
        .collect();
    let result = module.apply(tensors, None, Some(Box::new(PyTorchToBurnAdapter)), true);
    let mut wrong: Vec<String> = result.errors.iter().map(ToString::to_string).collect();
    wrong.extend(
        result
            .missing
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !may_lack(name))
            .map(|name| format!("{name} is missing")),
    );
    if wrong.is_empty() {
        return Ok(());
    }
    let mut reason = wrong[..wrong.len().min(3)].join("; ");
    if wrong.len() > 3 {
        reason.push_str(&format!(" (and {} more)", wrong.len() - 3));
    }
    Err(WeightsError::Mismatch { path: path.to_path_buf(), network: network.to_string(), reason })
}
