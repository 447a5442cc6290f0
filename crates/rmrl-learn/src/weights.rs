//! Weights by name, as torchvision names them, from and to `.safetensors` and `.pth` files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::burn_pack::{Bytes, Tensor as NamedTensor};
use burn::store::pytorch_reader::PytorchReader;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, PyTorchToBurnAdapter, bridge};
use burn::tensor::{DType, Shape};
use safetensors::{Dtype, SafeTensors};

/// Why weights could not be read or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read the weights {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no weights file of the kind its name says.
    #[error("{} is not a readable {expected} file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file's name tells no format.
    #[error("the weights {} should be a .safetensors, .pth or .pt file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The tensors are not those of the network.
    #[error("the weights {} do not fit {network}: {reason}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What they should fit.
        network: String,
        /// The first tensors that do not.
        reason: String,
    },
}

/// Tensors by their PyTorch names.
pub(crate) type NamedTensors = BTreeMap<String, NamedTensor>;

/// Where torchvision numbers the parts of a sequence, this project names them.
const RENAMED: [(&str, &str); 2] =
    [(".downsample.0.", ".downsample.conv."), (".downsample.1.", ".downsample.norm.")];

/// The encoder that `rmrl encoder pretrain` made.
const PLATES: &[u8] = include_bytes!("../assets/plates.safetensors");

/// The tensors of the encoder that comes with this library.
pub(crate) fn plates() -> Result<NamedTensors, WeightsError> {
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
            // Opened first: a missing file should say so, not that its format is broken.
            fs::File::open(path)
                .map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
            let malformed = |reason: String| WeightsError::Format {
                path: path.to_path_buf(),
                expected: "PyTorch",
                reason,
            };
            let reader = PytorchReader::new(path).map_err(|error| malformed(error.to_string()))?;
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
    let malformed = |reason: String| WeightsError::Format {
        path: path.to_path_buf(),
        expected: "safetensors",
        reason,
    };
    let file = SafeTensors::deserialize(bytes).map_err(|error| malformed(error.to_string()))?;
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

/// The tensors of a module, by their PyTorch names: shape and little-endian bytes.
pub(crate) fn tensors_of<M: Module>(module: &M) -> Vec<(String, Vec<usize>, Vec<u8>)> {
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
            (name, shape, bytes.to_vec())
        })
        .collect()
}

/// Replaces the weights of a module by `tensors` of the same PyTorch names.
///
/// Tensors that the module does not have (a classifier's) are passed over. Those that it has and
/// `tensors` lack are an error, unless `may_lack` accepts their name.
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
