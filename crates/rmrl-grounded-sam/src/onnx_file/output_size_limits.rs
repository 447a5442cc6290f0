//! Limits for the outputs whose size is a constant in the file.

use std::collections::HashMap;

use super::bytes::{Fault, damage};
use super::constant_values::ConstantValues;

/// The most values of one output: half a gigabyte. The supported models have constants of some thousands and
/// compute the other sizes; exports for one image size would have masks of 2^25.
const MAX_VALUES: f64 = (1u64 << 27) as f64;

/// The most values of all outputs together, because they may exist at the same time.
const MAX_TOTAL_VALUES: f64 = (1u64 << 29) as f64;

/// The most steps of a range, which the runtime adds one by one. From 2^24 on, adding 1 to a 32-bit float
/// changes nothing, so the range would never end. The supported models count to some ten thousand.
const MAX_STEPS: f64 = (1u64 << 22) as f64;

/// The largest limit of a range: beyond twice this value, 32-bit integers overflow.
const MAX_LIMIT: f64 = (1u64 << 30) as f64;

/// The largest sides, strides and paddings of convolutions and poolings; the supported models have up to 16.
const MAX_WINDOW: f64 = 256.0;

/// An operator whose output size is an input or an attribute.
struct SizedOp {
    operator: &'static str,
    /// The input with the size.
    input: usize,
    /// The attribute with the size in earlier versions; empty if there is none.
    attribute: &'static str,
    rule: SizeRule,
}

/// How the least number of output values follows from the size.
enum SizeRule {
    /// The product of the sides.
    Sides,
    /// The product of the sides. If only one of them is not 1, the runtime also allocates 24 bytes per value.
    Filled,
    /// The product of the paddings before and after each axis.
    Paddings,
}

const fn sized(operator: &'static str, input: usize, rule: SizeRule) -> SizedOp {
    SizedOp { operator, input, attribute: "", rule }
}

/// All such operators of rten 0.27 with the enabled features, except `Range`. `TopK` allocates before it checks
/// how many values exist.
const SIZED_OPS: [SizedOp; 9] = [
    sized("ConstantOfShape", 0, SizeRule::Filled),
    sized("Expand", 1, SizeRule::Sides),
    sized("Tile", 1, SizeRule::Sides),
    sized("OneHot", 1, SizeRule::Sides),
    sized("Resize", 2, SizeRule::Sides),
    sized("Resize", 3, SizeRule::Sides),
    SizedOp { operator: "Upsample", input: 1, attribute: "scales", rule: SizeRule::Sides },
    SizedOp { operator: "TopK", input: 1, attribute: "k", rule: SizeRule::Sides },
    SizedOp { operator: "Pad", input: 1, attribute: "pads", rule: SizeRule::Paddings },
];

/// Operators with windows. Paddings, and the strides of a transposed convolution, determine the output size; large
/// values of the other attributes overflow.
const WINDOWED: [&str; 5] = ["Conv", "ConvInteger", "ConvTranspose", "MaxPool", "AveragePool"];
const WINDOW_ATTRIBUTES: [&str; 5] =
    ["kernel_shape", "pads", "strides", "dilations", "output_padding"];

/// The number of a node's inputs that may hold its output size.
pub(super) const INPUTS: usize = 4;

/// The parts of a node that may determine its output size.
#[derive(Default)]
pub(super) struct Node {
    pub operator: String,
    /// The names of the first [`INPUTS`] inputs.
    pub inputs: Vec<String>,
    pub output: String,
    pub attributes: Vec<Attribute>,
}

#[derive(Default)]
pub(super) struct Attribute {
    pub name: String,
    pub values: ConstantValues,
}

/// The requested output sizes of all nodes. They are collected while the file is read and checked at its end,
/// because a constant may come after the node that uses it.
#[derive(Default)]
pub(super) struct OutputSizes {
    constants: HashMap<String, RequestedSize>,
    /// Operators, and the name of the input with the output size.
    sized: Vec<(&'static SizedOp, String)>,
    /// The names of start, limit and step of every range.
    ranges: Vec<[String; 3]>,
    /// The values of all outputs together.
    total: f64,
}

impl OutputSizes {
    /// Adds a constant of the graph; a graph within it may have another constant of the same name.
    pub fn add_constant(&mut self, name: String, values: &ConstantValues) {
        // An input without a name is absent.
        if name.is_empty() {
            return;
        }
        let size = RequestedSize::of(values);
        self.constants.entry(name).and_modify(|known| known.join(&size)).or_insert(size);
    }

    /// Adds a node, after the graphs within it.
    ///
    /// # Errors
    /// An attribute requests an output that is too large.
    pub fn add_node(&mut self, mut node: Node) -> Result<(), Fault> {
        let operator = node.operator.as_str();
        if operator == "Constant" {
            for attribute in &node.attributes {
                self.add_constant(node.output.clone(), &attribute.values);
            }
        }
        if WINDOWED.contains(&operator) {
            check_windows(&node)?;
        }
        for sized in SIZED_OPS.iter().filter(|sized| sized.operator == operator) {
            for attribute in node.attributes.iter().filter(|own| own.name == sized.attribute) {
                self.add(sized, sized.attribute, &RequestedSize::of(&attribute.values))?;
            }
            if let Some(input) = node.inputs.get(sized.input) {
                self.sized.push((sized, input.clone()));
            }
        }
        if operator == "Range" {
            node.inputs.resize(INPUTS, String::new());
            let [start, limit, delta, ..] = <[String; INPUTS]>::try_from(node.inputs)
                .unwrap_or_else(|_| unreachable!("resized above"));
            self.ranges.push([start, limit, delta]);
        }
        Ok(())
    }

    /// Checks all nodes: an output that does not fit into memory would end the program.
    ///
    /// # Errors
    /// Names the operator, the constant and the size.
    pub fn check(mut self) -> Result<(), Fault> {
        for (sized, input) in std::mem::take(&mut self.sized) {
            if let Some(size) = self.constants.get(&input).copied() {
                self.add(sized, &input, &size)?;
            }
        }
        self.ranges.iter().try_for_each(|names| self.check_range(names))
    }

    fn add(&mut self, sized: &SizedOp, source: &str, size: &RequestedSize) -> Result<(), Fault> {
        let operator = sized.operator;
        let values = match sized.rule {
            SizeRule::Sides => size.product,
            SizeRule::Filled if size.product <= size.largest => 8.0 * size.product,
            SizeRule::Filled => size.product,
            SizeRule::Paddings => size.paddings,
        };
        if values > MAX_VALUES {
            return damage(format!(
                "{operator} makes {values:.1e} values according to {source:?}; at most {MAX_VALUES:.1e} are \
                 allowed"
            ));
        }
        self.total += values;
        if self.total > MAX_TOTAL_VALUES {
            return damage(format!(
                "{operator} and others make {:.1e} values; at most {MAX_TOTAL_VALUES:.1e} are allowed",
                self.total
            ));
        }
        Ok(())
    }

    /// Checks the parts of a range that are constants.
    fn check_range(&self, names: &[String; 3]) -> Result<(), Fault> {
        let [start, limit, delta] = names.each_ref().map(|name| self.constants.get(name));
        let furthest = |size: Option<&RequestedSize>| size.map_or(0.0, |size| size.largest);
        let reach = furthest(start).max(furthest(limit));
        let steps = if reach > 0.0 { reach / delta.map_or(1.0, |size| size.smallest) } else { 0.0 };
        if steps > MAX_STEPS || reach.max(furthest(delta)) > MAX_LIMIT {
            return damage(format!(
                "Range makes {steps:.1e} steps to {reach:.1e} according to {names:?}; at most {MAX_STEPS:.1e} \
                 to {MAX_LIMIT:.1e} are allowed"
            ));
        }
        Ok(())
    }
}

fn check_windows(node: &Node) -> Result<(), Fault> {
    for Attribute { name, values } in &node.attributes {
        let largest = RequestedSize::of(values).largest;
        if WINDOW_ATTRIBUTES.contains(&name.as_str()) && largest > MAX_WINDOW {
            return damage(format!(
                "{} has {name} of {largest:.1e}; at most {MAX_WINDOW} is allowed",
                node.operator
            ));
        }
    }
    Ok(())
}

/// The size that a constant requests, if an operator uses it as a size. An unknown constant counts as the worst.
#[derive(Clone, Copy)]
struct RequestedSize {
    product: f64,
    /// The product over all axes of the padding before and after: value `i` plus value `i + rank`.
    paddings: f64,
    /// The largest and the smallest magnitude.
    largest: f64,
    smallest: f64,
}

impl RequestedSize {
    fn of(values: &ConstantValues) -> Self {
        let Some(known) = values.known() else {
            let worst = f64::INFINITY;
            return Self { product: worst, paddings: worst, largest: worst, smallest: 0.0 };
        };
        let magnitudes = || known.iter().map(|value| value.abs());
        let (before, after) = known.split_at(known.len() / 2);
        let paddings = before.iter().zip(after).map(|(a, b)| (a.max(0.0) + b.max(0.0)).max(1.0));
        Self {
            product: magnitudes().map(|side| side.max(1.0)).product(),
            paddings: paddings.product(),
            largest: magnitudes().fold(0.0, f64::max),
            smallest: magnitudes().fold(f64::INFINITY, f64::min),
        }
    }

    /// Joins two constants of one name, because either may be the one that is used.
    fn join(&mut self, other: &Self) {
        self.product = self.product.max(other.product);
        self.paddings = self.paddings.max(other.paddings);
        self.largest = self.largest.max(other.largest);
        self.smallest = self.smallest.min(other.smallest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checked, part, reason};
    use crate::GroundedSamError;

    const FLOAT: u8 = 1;
    const INT64: u8 = 7;

    fn integers(numbers: &[i64]) -> Vec<u8> {
        let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        [&[8, numbers.len() as u8, 16, INT64][..], &part(9, &raw)].concat()
    }

    fn floats(numbers: &[f32]) -> Vec<u8> {
        let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        [&[8, numbers.len() as u8, 16, FLOAT][..], &part(9, &raw)].concat()
    }

    /// An initializer.
    fn named(name: &str, tensor: &[u8]) -> Vec<u8> {
        part(5, &[tensor, &part(8, name.as_bytes())].concat())
    }

    fn node(operator: &str, inputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
        let inputs: Vec<u8> = inputs.iter().flat_map(|input| part(1, input.as_bytes())).collect();
        let rest = [part(2, b"out"), part(4, operator.as_bytes()), attributes.concat()].concat();
        part(1, &[inputs, rest].concat())
    }

    /// An attribute of integers, not packed, because the runtime needs them so.
    fn attribute(name: &str, integers: &[u64]) -> Vec<u8> {
        let mut bytes = part(1, name.as_bytes());
        for integer in integers {
            bytes.push(8 << 3);
            bytes.extend((0..9).map(|at| (integer >> (7 * at)) as u8 | 0x80));
            bytes.push((integer >> 63) as u8);
        }
        part(5, &bytes)
    }

    /// A model with a node whose inputs are x, and then these.
    fn with_inputs(operator: &str, tensors: &[&[u8]]) -> Result<(), GroundedSamError> {
        let names = ["x", "a", "b", "c"];
        let first = usize::from(!matches!(operator, "ConstantOfShape" | "Range"));
        let mut graph = node(operator, &names[..first + tensors.len()], &[]);
        for (name, tensor) in names[first..].iter().zip(tensors) {
            graph.extend(named(name, tensor));
        }
        checked(&part(7, &graph))
    }

    fn why(outcome: Result<(), GroundedSamError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn outputs_larger_than_memory_are_refused() {
        let fill = node("ConstantOfShape", &["shape"], &[]);
        let given = |sides| part(7, &[fill.clone(), named("shape", &integers(sides))].concat());
        let constant = |content: &[u8]| {
            let node = [part(2, b"shape"), part(4, b"Constant"), part(5, content)].concat();
            part(7, &[part(1, &node), fill.clone()].concat())
        };
        let tensor = |sides| constant(&part(5, &integers(sides)));
        let int = |bytes: &[u8]| constant(&[&[3 << 3], bytes].concat());
        let ints = |sides: &[u8]| constant(&part(8, sides));
        for model in
            [given(&[1, 256, 64, 64]), tensor(&[1, 900, 256]), ints(&[3, 4]), int(&[0xff, 1])]
        {
            assert!(checked(&model).is_ok());
        }
        for model in [
            given(&[1 << 20, 1 << 20, 8]),
            given(&[1 << 14, 1 << 14]),
            // A single side costs the runtime extra memory for each value.
            given(&[1 << 26]),
            tensor(&[1 << 40]),
            tensor(&[-1 << 40]),
            int(&[0xff, 0xff, 0xff, 0xff, 1]),
            ints(&[0x80, 0x80, 0x80, 0x80, 1]),
        ] {
            let reason = reason(&model);
            assert!(
                reason.contains("ConstantOfShape makes") && reason.contains("\"shape\""),
                "{reason}"
            );
        }
    }

    #[test]
    fn every_operator_with_a_size_is_checked() {
        let (large, small) = (&integers(&[1, 1, 1 << 14, 1 << 14]), &integers(&[1, 1, 3, 4]));
        for operator in ["ConstantOfShape", "Expand", "Tile", "OneHot", "TopK", "Upsample"] {
            assert!(with_inputs(operator, &[small]).is_ok());
            assert!(
                why(with_inputs(operator, &[large])).contains(&format!("{operator} makes 2.7e8"))
            );
        }
        let scales = |by| floats(&[1.0, 1.0, by, by]);
        assert!(with_inputs("Upsample", &[&scales(2.0)]).is_ok());
        assert!(why(with_inputs("Upsample", &[&scales(1e6)])).contains("Upsample makes 1.0e12"));
        assert!(with_inputs("Resize", &[b"", &scales(4.0)]).is_ok());
        assert!(why(with_inputs("Resize", &[b"", &scales(1e6)])).contains("Resize makes 1.0e12"));
        assert!(with_inputs("Resize", &[b"", b"", small]).is_ok());
        assert!(why(with_inputs("Resize", &[b"", b"", large])).contains("Resize makes 2.7e8"));
        // The paddings of one axis are added; a negative padding of one axis does not offset another axis.
        assert!(with_inputs("Pad", &[&integers(&[0, 1 << 20, 0, 0, 1 << 20, 0])]).is_ok());
        assert!(with_inputs("Pad", &[&integers(&[-1 << 20, 0, 0, -1 << 20])]).is_ok());
        let pads = [-1 << 20, 1 << 14, 1 << 13, 0, 0, 1 << 13];
        assert!(why(with_inputs("Pad", &[&integers(&pads)])).contains("Pad makes 2.7e8"));
    }

    #[test]
    fn sizes_in_attributes_of_earlier_versions_are_checked() {
        let model = |operator, attribute| checked(&part(7, &node(operator, &["x"], &[attribute])));
        assert!(model("Pad", attribute("pads", &[1, 2, 1, 2])).is_ok());
        let pads = attribute("pads", &[1 << 20, 1 << 20, 0, 0]);
        assert!(why(model("Pad", pads)).contains("Pad makes 1.1e12"));
        let k = |digits: &[u8]| part(5, &[&part(1, b"k")[..], &[3 << 3], digits].concat());
        assert!(model("TopK", k(&[100])).is_ok());
        assert!(why(model("TopK", k(&[0x80, 0x80, 0x80, 0x80, 1]))).contains("TopK makes 2.7e8"));
        let scale = [&[7 << 3 | 5][..], &1e9_f32.to_le_bytes()].concat();
        let scales = part(5, &[part(1, b"scales"), scale].concat());
        assert!(why(model("Upsample", scales)).contains("Upsample makes 1.0e9"));
    }

    #[test]
    fn all_outputs_together_are_limited() {
        let model = |nodes| {
            let graph = node("Expand", &["x", "shape"], &[]).repeat(nodes);
            part(7, &[graph, named("shape", &integers(&[1 << 13, 1 << 14]))].concat())
        };
        assert!(checked(&model(4)).is_ok());
        assert!(reason(&model(5)).contains("Expand and others make 6.7e8 values"));
    }

    /// Sizes with too many values, of another type or in another file.
    #[test]
    fn unknown_sizes_are_refused() {
        let half = [&[8, 1, 16, 10][..], &part(9, &[0xff, 0x7b])].concat();
        let mistyped = [&[8, 1, 16, INT64][..], &part(5, &[1])].concat();
        let entry = [part(1, b"location"), part(2, b"model.onnx")].concat();
        let outside = [&[8, 1, 16, INT64][..], &part(13, &entry)].concat();
        for tensor in [&integers(&[1; 17]), &floats(&[1.0; 40]), &half, &mistyped, &outside] {
            assert!(why(with_inputs("Expand", &[tensor])).contains("Expand makes inf values"));
            // As other inputs they are accepted.
            assert!(with_inputs("Add", &[tensor]).is_ok());
        }
    }

    #[test]
    fn of_two_constants_of_one_name_the_larger_counts() {
        let (small, large) = (integers(&[1]), integers(&[1 << 30]));
        for twice in [[&small, &large], [&large, &small]] {
            let constants = twice.map(|tensor| named("a", tensor)).concat();
            let model = [node("Tile", &["x", "a"], &[]), constants].concat();
            assert!(reason(&part(7, &model)).contains("Tile makes"));
        }
    }

    #[test]
    fn endless_ranges_are_refused() {
        let range = |tensors: [&[u8]; 3]| with_inputs("Range", &tensors);
        let (whole, broken) = (|number| integers(&[number]), |number| floats(&[number]));
        let unknown: &[u8] = b"";
        assert!(range([&whole(0), unknown, &whole(1)]).is_ok());
        assert!(range([&whole(0), &whole(20_000), &whole(1)]).is_ok());
        assert!(range([&broken(-1.0), &broken(1.0), &broken(0.001)]).is_ok());
        for tensors in [
            [whole(0), whole(1 << 40), whole(1)],
            [whole(-1 << 29), whole(0), whole(1)],
            // 32-bit integers overflow and continue from the smallest.
            [whole(0), whole(i32::MAX.into()), whole(1 << 20)],
            [broken(0.0), broken(1.0), broken(1e-12)],
            // The next 32-bit float is 64 away: adding 1 changes nothing.
            [broken(1e9), broken(1e9 + 64.0), broken(1.0)],
        ] {
            let reason = why(range(tensors.each_ref().map(|tensor| &tensor[..])));
            assert!(reason.contains("Range makes"), "{reason}");
        }
    }

    #[test]
    fn windows_larger_than_images_are_refused() {
        let model = |operator, attribute| checked(&part(7, &node(operator, &["x"], &[attribute])));
        for operator in super::WINDOWED {
            for name in super::WINDOW_ATTRIBUTES {
                assert!(model(operator, attribute(name, &[16, 16])).is_ok());
                let reason = why(model(operator, attribute(name, &[1, 1 << 40])));
                assert!(reason.contains(&format!("{operator} has {name} of 1.1e12")), "{reason}");
            }
        }
        assert!(model("Transpose", attribute("perm", &[1 << 40])).is_ok());
    }
}
