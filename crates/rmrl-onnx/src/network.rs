//! The policy network of Fig. 3 in the graph: ResNet, pose MLP, heads.

use std::collections::BTreeMap;

use rmrl_learn::{NORM_EPSILON, NetworkShape, NormKind, Policy, norm_groups};

use crate::graph::{Graph, Value, float, int, ints};

/// The tensors of a policy, by their names in PyTorch.
pub(crate) struct Weights<'a> {
    shape: &'a NetworkShape,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl<'a> Weights<'a> {
    pub fn of(policy: &'a Policy) -> Self {
        let tensors = policy.tensors().into_iter();
        let tensors = tensors.map(|tensor| (tensor.name, (tensor.shape, tensor.values)));
        Self { shape: policy.shape(), tensors: tensors.collect() }
    }

    fn tensor(&self, name: &str) -> (&[usize], &[f32]) {
        let (shape, values) =
            self.tensors.get(name).expect("a policy has all tensors of its shape");
        (shape, values)
    }

    fn constant(&self, graph: &mut Graph, name: &str) -> Value {
        let (shape, values) = self.tensor(name);
        graph.f32s(shape, values)
    }

    /// The image features, `[1, features]`, of a normalized batch `[1, 3, size, size]`.
    pub fn encoder(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.conv_norm(graph, images, ["conv1", "bn1"], 2);
        let maps = graph.op("Relu", &[maps]);
        let pooling = vec![
            ints("kernel_shape", &[3, 3]),
            ints("strides", &[2, 2]),
            ints("pads", &[1, 1, 1, 1]),
        ];
        let mut maps = graph.op_with("MaxPool", &[maps], pooling);
        let blocks = NetworkShape::blocks(self.shape.depth).unwrap_or_default();
        for (stage, blocks) in (1..).zip(blocks) {
            for block in 0..blocks {
                let stride = if stage > 1 && block == 0 { 2 } else { 1 };
                maps = self.block(graph, maps, &format!("layer{stage}.{block}"), stride);
            }
        }
        let means = graph.op("GlobalAveragePool", &[maps]);
        graph.reshape(means, &[1, -1])
    }

    /// Two convolutions and a shortcut around them.
    fn block(&self, graph: &mut Graph, input: Value, block: &str, stride: i64) -> Value {
        let names = |conv: &str, norm: &str| [format!("{block}.{conv}"), format!("{block}.{norm}")];
        let [conv, norm] = names("downsample.0", "downsample.1");
        let shortcut = match self.tensors.contains_key(&format!("encoder.{conv}.weight")) {
            true => self.conv_norm(graph, input, [&conv, &norm], stride),
            false => input,
        };
        let [conv, norm] = names("conv1", "bn1");
        let maps = self.conv_norm(graph, input, [&conv, &norm], stride);
        let maps = graph.op("Relu", &[maps]);
        let [conv, norm] = names("conv2", "bn2");
        let maps = self.conv_norm(graph, maps, [&conv, &norm], 1);
        let sum = graph.op("Add", &[maps, shortcut]);
        graph.op("Relu", &[sum])
    }

    /// A convolution with its normalization.
    fn conv_norm(
        &self,
        graph: &mut Graph,
        input: Value,
        [conv, norm]: [&str; 2],
        stride: i64,
    ) -> Value {
        let (shape, weight) = self.tensor(&format!("encoder.{conv}.weight"));
        let side = shape[2] as i64;
        let options = vec![
            ints("kernel_shape", &[side; 2]),
            ints("strides", &[stride; 2]),
            ints("pads", &[side / 2; 4]),
            // The default; not every runtime knows it.
            ints("dilations", &[1; 2]),
        ];
        let [scale, shift] =
            ["weight", "bias"].map(|name| self.tensor(&format!("encoder.{norm}.{name}")).1);
        match self.shape.norm {
            NormKind::Group => {
                let weight = graph.f32s(shape, weight);
                let maps = graph.op_with("Conv", &[input, weight], options);
                group_norm(graph, maps, [scale, shift])
            }
            NormKind::FrozenBatch => {
                let (weight, bias) = self.folded(norm, weight, [scale, shift]);
                let weight = graph.f32s(shape, &weight);
                let bias = graph.f32s(&[bias.len()], &bias);
                graph.op_with("Conv", &[input, weight, bias], options)
            }
        }
    }

    /// `y = (W x - mean) / sqrt(var + eps) * scale + shift` as one convolution: its weights, and its bias.
    fn folded(
        &self,
        norm: &str,
        weight: &[f32],
        [scale, shift]: [&[f32]; 2],
    ) -> (Vec<f32>, Vec<f32>) {
        let [mean, variance] = ["running_mean", "running_var"]
            .map(|name| self.tensor(&format!("encoder.{norm}.{name}")).1);
        let channels = scale.len();
        let factor = |channel: usize| {
            let deviation = (f64::from(variance[channel]) + NORM_EPSILON).sqrt();
            f64::from(scale[channel]) / deviation
        };
        let of_channel = weight.len() / channels;
        let weights = weight.chunks(of_channel).enumerate();
        let weights = weights.flat_map(|(channel, values)| {
            let factor = factor(channel);
            values.iter().map(move |value| (f64::from(*value) * factor) as f32)
        });
        let bias = |channel: usize| {
            let mean = f64::from(mean[channel]) * factor(channel);
            (f64::from(shift[channel]) - mean) as f32
        };
        (weights.collect(), (0..channels).map(bias).collect())
    }

    /// The input of the heads, `[1, features + pose_width]`: the features, if there are any, then the encoded pose.
    pub fn joint(&self, graph: &mut Graph, features: Option<Value>, scaled_pose: Value) -> Value {
        let pose = self.linear(graph, scaled_pose, "pose.fc1");
        let pose = graph.op("Relu", &[pose]);
        let pose = self.linear(graph, pose, "pose.fc2");
        let pose = graph.op("Relu", &[pose]);
        let Some(features) = features else { return pose };
        graph.op_with("Concat", &[features, pose], vec![int("axis", 1)])
    }

    /// The probabilities of one dimension's candidates, `[candidates]`, from the output of [`Self::joint`].
    pub fn probabilities(&self, graph: &mut Graph, joint: Value, dimension: usize) -> Value {
        let hidden = self.linear(graph, joint, &format!("heads.{dimension}.fc1"));
        let hidden = graph.op("Relu", &[hidden]);
        let logits = self.linear(graph, hidden, &format!("heads.{dimension}.fc2"));
        let logits = graph.reshape(logits, &[-1]);
        graph.op_with("Softmax", &[logits], vec![int("axis", 0)])
    }

    /// A fully connected layer.
    fn linear(&self, graph: &mut Graph, input: Value, name: &str) -> Value {
        let weight = self.constant(graph, &format!("{name}.weight"));
        let bias = self.constant(graph, &format!("{name}.bias"));
        graph.op_with("Gemm", &[input, weight, bias], vec![int("transB", 1)])
    }
}

/// Group normalization of maps `[1, channels, height, width]`: each group as one channel, then scale and shift by channel.
fn group_norm(graph: &mut Graph, maps: Value, [scale, shift]: [&[f32]; 2]) -> Value {
    let channels = scale.len();
    let groups = norm_groups(channels);
    let shape = graph.op("Shape", &[maps]);
    let grouped = graph.reshape(maps, &[1, groups as i64, -1]);
    let ones = graph.f32s(&[groups], &vec![1.0; groups]);
    let zeros = graph.f32s(&[groups], &vec![0.0; groups]);
    let epsilon = vec![float("epsilon", NORM_EPSILON as f32)];
    let grouped = graph.op_with("InstanceNormalization", &[grouped, ones, zeros], epsilon);
    let maps = graph.op("Reshape", &[grouped, shape]);
    let scale = graph.f32s(&[channels, 1, 1], scale);
    let maps = graph.op("Mul", &[maps, scale]);
    let shift = graph.f32s(&[channels, 1, 1], shift);
    graph.op("Add", &[maps, shift])
}
