//! The tensors of a ResNet in a file of other programs, and whether they are those of the encoder that the
//! configuration describes.

use std::path::Path;

use crate::network::NetworkShape;
use crate::storage::{NamedTensors, WeightsError};

/// The stages of a ResNet.
const STAGES: [&str; 4] = ["layer1", "layer2", "layer3", "layer4"];
/// The depths of the encoder.
const DEPTHS: [usize; 3] = [10, 18, 34];
/// Deeper ResNets, by the blocks in their stages. Their blocks have three convolutions.
const BOTTLENECKS: [(usize, [usize; 4]); 3] =
    [(50, [3, 4, 6, 3]), (101, [3, 4, 23, 3]), (152, [3, 8, 36, 3])];

/// The tensors of the ResNet in `tensors`, by torchvision's names: without what wrappers and checkpoints write before
/// them, such as `module.` or `state_dict.`, and without what is no part of it.
///
/// # Errors
/// There is no ResNet, several, or one of another depth or width.
pub(super) fn resnet_tensors(
    tensors: NamedTensors,
    path: &Path,
    depth: usize,
    base_width: usize,
) -> Result<NamedTensors, WeightsError> {
    let mismatch = |reason: String| WeightsError::Mismatch {
        path: path.to_path_buf(),
        network: format!("a ResNet-{depth} of base width {base_width}"),
        reason,
    };
    let prefixes: Vec<String> = prefixes(&tensors);
    let prefix = match prefixes.as_slice() {
        [one] => one.clone(),
        [] => return Err(mismatch(no_resnet(&tensors))),
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.trim_end_matches('.')).collect();
            return Err(mismatch(format!(
                "the file has several encoders: {}; write one into a file of its own",
                names.join(", ")
            )));
        }
    };
    let tensors: NamedTensors = tensors
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_string(), tensor)))
        .collect();
    let blocks = blocks(&tensors);
    let is_bottleneck = tensors.keys().any(|name| name.ends_with(".0.conv3.weight"));
    if is_bottleneck {
        let found = BOTTLENECKS.iter().find(|(_, deep)| *deep == blocks);
        let name =
            found.map_or("deeper ResNet".to_string(), |(depth, _)| format!("ResNet-{depth}"));
        return Err(mismatch(format!(
            "they are a {name}'s, whose blocks have three convolutions; use one of ResNet-18 or ResNet-34"
        )));
    }
    let found_depth = DEPTHS.into_iter().find(|depth| NetworkShape::blocks(*depth) == Some(blocks));
    let Some(found_depth) = found_depth else {
        return Err(mismatch(format!(
            "its stages have {blocks:?} blocks, expected those of a ResNet-10, -18 or -34"
        )));
    };
    let found_width = tensors.get("conv1.weight").map_or(0, |tensor| tensor.shape[0]);
    if (found_depth, found_width) != (depth, base_width) {
        return Err(mismatch(format!(
            "they are those of a ResNet-{found_depth} of base width {found_width}; set policy.encoder.depth = \
             {found_depth} and policy.encoder.base_width = {found_width}"
        )));
    }
    Ok(tensors)
}

/// What is before the names of each ResNet in a file.
fn prefixes(tensors: &NamedTensors) -> Vec<String> {
    tensors
        .keys()
        .filter_map(|name| name.strip_suffix("conv1.weight"))
        .filter(|prefix| {
            let has = |name: &str| tensors.contains_key(&format!("{prefix}{name}"));
            has("bn1.weight") && has("layer1.0.conv1.weight")
        })
        .map(str::to_string)
        .collect()
}

/// The number of blocks in each stage.
fn blocks(tensors: &NamedTensors) -> [usize; 4] {
    STAGES.map(|stage| {
        let numbers = tensors.keys().filter_map(|name| {
            let (number, _) = name.strip_prefix(stage)?.strip_prefix('.')?.split_once('.')?;
            number.parse::<usize>().ok()
        });
        numbers.max().map_or(0, |last| last.saturating_add(1))
    })
}

/// What tensors are that are no ResNet of torchvision's names.
fn no_resnet(tensors: &NamedTensors) -> String {
    let has = |part: &str| tensors.keys().any(|name| name.contains(part));
    if has("embedder.convolution.weight") {
        return "their names are those of Hugging Face transformers; save torchvision's or timm's resnet18".to_string();
    }
    if has("conv1.0.weight") && has("layer1.0.conv1.weight") {
        return "they are a ResNet-D's (timm's resnet18d), which begins with three convolutions; use resnet18".to_string();
    }
    if has("features.") && !has("layer1.") {
        return "they are those of no ResNet: their names begin with features".to_string();
    }
    match tensors.keys().next() {
        None => "the file has no tensor of floating-point numbers".to_string(),
        Some(first) => format!(
            "it has no ResNet of torchvision's names (conv1.weight, bn1.weight, layer1.0.conv1.weight ...), but \
             {first} and {} others",
            tensors.len() - 1
        ),
    }
}

#[cfg(test)]
mod tests {
    use burn::store::burn_pack::{Bytes, Tensor};
    use burn::tensor::{DType, Shape};

    use super::*;

    /// Names and shapes of a ResNet; its numbers do not matter here.
    fn resnet(prefix: &str, blocks: [usize; 4], width: usize, convolutions: usize) -> NamedTensors {
        let mut names = vec![("conv1.weight".to_string(), vec![width, 3, 7, 7])];
        names.push(("bn1.weight".to_string(), vec![width]));
        for (stage, count) in STAGES.iter().zip(blocks) {
            for block in 0..count {
                for convolution in 1..=convolutions {
                    names.push((format!("{stage}.{block}.conv{convolution}.weight"), vec![1]));
                }
            }
        }
        names.push(("fc.weight".to_string(), vec![1]));
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let name = format!("{prefix}{name}");
            let bytes = Bytes::from_bytes_vec(vec![0; 4 * shape.iter().product::<usize>()]);
            let shape = Shape::from(shape);
            (name.clone(), Tensor::new(name, DType::F32, shape, None, bytes))
        };
        names.into_iter().map(tensor).collect()
    }

    fn named(names: &[&str]) -> NamedTensors {
        let any = || resnet("", [1; 4], 4, 2).remove("fc.weight").unwrap();
        names.iter().map(|name| (name.to_string(), any())).collect()
    }

    #[test]
    fn a_resnet_is_found_behind_what_wrappers_write_before_its_names() {
        for prefix in
            ["", "module.", "state_dict.", "state_dict.module.", "model.backbone.", "encoder."]
        {
            let found =
                resnet_tensors(resnet(prefix, [2; 4], 64, 2), Path::new("a"), 18, 64).unwrap();
            assert!(found.contains_key("layer4.1.conv2.weight"), "{prefix}");
        }
    }

    /// Half of a ResNet-18's blocks were dropped where the configuration had a depth of 10.
    #[test]
    fn another_network_is_refused_by_what_it_is() {
        let both: NamedTensors = resnet("query.", [2; 4], 64, 2)
            .into_iter()
            .chain(resnet("key.", [2; 4], 64, 2))
            .collect();
        for (tensors, expected) in [
            (
                resnet("", [2; 4], 64, 2),
                "a ResNet-18 of base width 64; set policy.encoder.depth = 18",
            ),
            (resnet("", [3, 4, 6, 3], 64, 2), "a ResNet-34 of base width 64"),
            (resnet("", [1; 4], 16, 2), "policy.encoder.base_width = 16"),
            (resnet("", [3, 4, 6, 3], 64, 3), "a ResNet-50's"),
            (resnet("", [3, 4, 23, 3], 64, 3), "a ResNet-101's"),
            (resnet("", [2; 4], 64, 3), "a deeper ResNet's"),
            (resnet("", [2, 2, 2, 0], 64, 2), "[2, 2, 2, 0] blocks"),
            (both, "several encoders: key, query"),
            (named(&["embedder.embedder.convolution.weight"]), "Hugging Face"),
            (named(&["conv1.0.weight", "layer1.0.conv1.weight"]), "resnet18d"),
            (named(&["features.0.weight", "classifier.1.weight"]), "no ResNet"),
            (
                named(&["blocks.0.attn.qkv.weight", "norm.weight"]),
                "blocks.0.attn.qkv.weight and 1 others",
            ),
            (named(&[]), "no tensor"),
        ] {
            let refused =
                resnet_tensors(tensors, Path::new("a.pth"), 10, 64).unwrap_err().to_string();
            assert!(refused.contains("a.pth do not fit a ResNet-10 of base width 64"), "{refused}");
            assert!(refused.contains(expected), "{expected}: {refused}");
        }
    }
}
