//! The weights of a module by torchvision's names, from and to `.safetensors` and `.pth` files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use burn::module::Module;
use burn::store::burn_pack::{Bytes, Tensor as NamedTensor};
use burn::store::pytorch_reader::PytorchReader;
use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, PyTorchToBurnAdapter, bridge};
use burn::tensor::{DType, Shape, bf16, f16};
use rmrl_files::{open_regular_file, read_regular_file};
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

/// No file of weights or of a policy is larger, in bytes.
pub(crate) const MOST_BYTES: u64 = 4 << 30;

/// Reads the floating-point tensors of a safetensors or PyTorch file, as 32-bit numbers. The content decides which it
/// is; checkpoints end in `.bin`, `.ckpt` and other names, too.
pub(crate) fn read_tensors(path: &Path) -> Result<NamedTensors, WeightsError> {
    let cannot_read = |source| WeightsError::Read { path: path.to_path_buf(), source };
    let file = open_regular_file(path, MOST_BYTES).map_err(cannot_read)?;
    let file_bytes = file.metadata().map_err(cannot_read)?.len();
    let whole = || read_regular_file(path, MOST_BYTES).map_err(cannot_read);
    let mut head = Vec::new();
    file.take(9).read_to_end(&mut head).map_err(cannot_read)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    // Asked first: the length of a header may begin as other files do.
    if is_safetensors(&head, file_bytes) {
        return parse_safetensors(path, &whole()?);
    }
    match (head.as_slice(), extension) {
        // A zip archive, or a pickle of PyTorch before 1.6.
        ([b'P', b'K', ..] | [0x80, ..], _) | (_, Some("pth" | "pt")) => read_pytorch(path),
        (_, Some("safetensors")) => parse_safetensors(path, &whole()?),
        _ => Err(WeightsError::UnknownFormat { path: path.to_path_buf() }),
    }
}

/// Whether a file begins with the length of a JSON header, and with the header.
fn is_safetensors(head: &[u8], file_bytes: u64) -> bool {
    let Some((length, [b'{'])) = head.split_first_chunk() else { return false };
    u64::from_le_bytes(*length) < file_bytes
}

fn read_pytorch(path: &Path) -> Result<NamedTensors, WeightsError> {
    let wrong = |reason: String| WeightsError::format(path, "PyTorch", reason);
    let reader = PytorchReader::new(path).map_err(|error| wrong(error.to_string()))?;
    let mut tensors = NamedTensors::new();
    for (name, tensor) in reader.into_tensors() {
        let tensor = bridge::from_pytorch(tensor);
        let dtype = tensor.dtype;
        let float = match dtype {
            DType::F32 => Some(Float::F32),
            DType::F16 => Some(Float::F16),
            DType::BF16 => Some(Float::BF16),
            DType::F64 => Some(Float::F64),
            _ => None,
        };
        match float {
            // Read when it is used.
            Some(Float::F32) => {
                tensors.insert(name, tensor);
            }
            Some(float) => {
                let shape = tensor.shape.to_vec();
                let bytes = tensor.into_bytes().map_err(|error| wrong(error.to_string()))?;
                tensors.insert(name.clone(), float.tensor(name, shape, &bytes));
            }
            None => check_is_no_weight(&name, &format!("{dtype:?}")).map_err(wrong)?,
        }
    }
    Ok(tensors)
}

/// The floating-point tensors of a `.safetensors` file's bytes, as 32-bit numbers.
pub(crate) fn parse_safetensors(path: &Path, bytes: &[u8]) -> Result<NamedTensors, WeightsError> {
    let wrong = |reason: String| WeightsError::format(path, "safetensors", reason);
    let file = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
    let mut tensors = NamedTensors::new();
    for (name, view) in file.iter() {
        let float = match view.dtype() {
            Dtype::F32 => Float::F32,
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::BF16,
            Dtype::F64 => Float::F64,
            other => {
                check_is_no_weight(name, &format!("{other:?}")).map_err(wrong)?;
                continue;
            }
        };
        let tensor = float.tensor(name.to_string(), view.shape().to_vec(), view.data());
        tensors.insert(name.to_string(), tensor);
    }
    Ok(tensors)
}

/// Refuses quantized weights: without them it would look as if they were missing.
fn check_is_no_weight(name: &str, kind: &str) -> Result<(), String> {
    match name.ends_with(".weight") {
        true => Err(format!("{name} has numbers of kind {kind}, expected floating-point numbers")),
        false => Ok(()),
    }
}

/// Kinds of floating-point numbers.
#[derive(Clone, Copy)]
enum Float {
    F32,
    F16,
    BF16,
    F64,
}

impl Float {
    /// A tensor of 32-bit numbers with the values of little-endian `bytes`.
    fn tensor(self, name: String, shape: Vec<usize>, bytes: &[u8]) -> NamedTensor {
        let halves = |value: fn([u8; 2]) -> f32| -> Vec<u8> {
            bytes.as_chunks().0.iter().flat_map(|two| value(*two).to_le_bytes()).collect()
        };
        let bytes = match self {
            Self::F32 => bytes.to_vec(),
            Self::F16 => halves(|two| f16::from_le_bytes(two).to_f32()),
            Self::BF16 => halves(|two| bf16::from_le_bytes(two).to_f32()),
            Self::F64 => {
                let values = bytes.as_chunks().0.iter();
                values.flat_map(|eight| (f64::from_le_bytes(*eight) as f32).to_le_bytes()).collect()
            }
        };
        let bytes = Bytes::from_bytes_vec(bytes);
        NamedTensor::new(name, DType::F32, Shape::from(shape), None, bytes)
    }
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
