//! How much the nodes of a graph are told to make, by numbers that stand in the file.

use std::collections::HashMap;

use super::bytes::{Fault, damage};
use super::numbers::Numbers;

/// Numbers that a node may be told to make: half a gigabyte. The models meant here are told some
/// thousands, and compute the rest; exports for one size of image would have masks of 2^25.
const MAX_NUMBERS: f64 = (1u64 << 27) as f64;

/// Numbers that all nodes together may be told to make, for they may be kept at the same time.
const MAX_NUMBERS_IN_ALL: f64 = (1u64 << 29) as f64;

/// Steps of a range, whose numbers are added up one by one: from 2^24 on, adding 1 to a 32-bit float
/// changes nothing, and the range would never end. The models meant here count to some ten thousand.
const MAX_STEPS: f64 = (1u64 << 22) as f64;

/// Beyond the sum of two of these, a range of 32-bit integers begins anew from below.
const MAX_LIMIT: f64 = (1u64 << 30) as f64;

/// Sides, steps and margins of the windows of convolutions and poolings; the models meant here have
/// up to 16.
const MAX_WINDOW: f64 = 256.0;

/// An operator that makes as many numbers as it is told, and by what.
struct Maker {
    operator: &'static str,
    /// The input that tells it.
    input: usize,
    /// The attribute that tells it in earlier versions; none has no name.
    attribute: &'static str,
    size: Size,
}

/// How many numbers a maker makes, at the least.
enum Size {
    /// Their product.
    Sides,
    /// Their product; the runtime makes an expression of 24 bytes of each, too, if only one is not 1.
    Filled,
    /// The product of an axis' margin before and behind.
    Margins,
}

const fn maker(operator: &'static str, input: usize, size: Size) -> Maker {
    Maker { operator, input, attribute: "", size }
}

/// All of rten 0.27 with the features that are on; `Range` is apart. `TopK` allocates before it
/// compares with what there is.
const MAKERS: [Maker; 9] = [
    maker("ConstantOfShape", 0, Size::Filled),
    maker("Expand", 1, Size::Sides),
    maker("Tile", 1, Size::Sides),
    maker("OneHot", 1, Size::Sides),
    maker("Resize", 2, Size::Sides),
    maker("Resize", 3, Size::Sides),
    Maker { operator: "Upsample", input: 1, attribute: "scales", size: Size::Sides },
    Maker { operator: "TopK", input: 1, attribute: "k", size: Size::Sides },
    Maker { operator: "Pad", input: 1, attribute: "pads", size: Size::Margins },
];

/// Operators with windows. Margins, and a transposed convolution's steps, are how much they make; the
/// arithmetic of the others overflows.
const WINDOWED: [&str; 5] = ["Conv", "ConvInteger", "ConvTranspose", "MaxPool", "AveragePool"];
const WINDOW_ATTRIBUTES: [&str; 5] =
    ["kernel_shape", "pads", "strides", "dilations", "output_padding"];

/// The inputs of a node that say how much it makes are among its first.
pub(super) const INPUTS: usize = 4;

/// What a node says of itself.
#[derive(Default)]
pub(super) struct Node {
    pub operator: String,
    /// The first [`INPUTS`] of them.
    pub inputs: Vec<String>,
    pub output: String,
    pub attributes: Vec<Attribute>,
}

#[derive(Default)]
pub(super) struct Attribute {
    pub name: String,
    pub numbers: Numbers,
}

/// What nodes are told to make, noted as a file is read and checked in the end: a constant may stand
/// after the node that it belongs to.
#[derive(Default)]
pub(super) struct Asked {
    constants: HashMap<String, Told>,
    /// Operators that make tensors, and the name of what says how large.
    makers: Vec<(&'static Maker, String)>,
    /// Names of the first, the last and the step of every range.
    ranges: Vec<[String; 3]>,
    /// Numbers made in all.
    all: f64,
}

impl Asked {
    /// Notes a constant of the graph; another of the same name may be in a graph within it.
    pub fn note_constant(&mut self, name: String, numbers: &Numbers) {
        // An input without a name is none.
        if name.is_empty() {
            return;
        }
        let told = Told::by(numbers);
        self.constants.entry(name).and_modify(|known| known.join(&told)).or_insert(told);
    }

    /// Notes a node, after what is within it.
    ///
    /// # Errors
    /// Its attributes tell it to make more than it may.
    pub fn note_node(&mut self, mut node: Node) -> Result<(), Fault> {
        let operator = node.operator.as_str();
        if operator == "Constant" {
            for attribute in &node.attributes {
                self.note_constant(node.output.clone(), &attribute.numbers);
            }
        }
        if WINDOWED.contains(&operator) {
            check_windows(&node)?;
        }
        for maker in MAKERS.iter().filter(|maker| maker.operator == operator) {
            for attribute in node.attributes.iter().filter(|own| own.name == maker.attribute) {
                self.add(maker, maker.attribute, &Told::by(&attribute.numbers))?;
            }
            if let Some(input) = node.inputs.get(maker.input) {
                self.makers.push((maker, input.clone()));
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

    /// Checks what was noted: an operator that is told to make more than a machine can hold would end the
    /// program.
    ///
    /// # Errors
    /// The operator, what tells it, and how much.
    pub fn check(mut self) -> Result<(), Fault> {
        for (maker, input) in std::mem::take(&mut self.makers) {
            if let Some(told) = self.constants.get(&input).copied() {
                self.add(maker, &input, &told)?;
            }
        }
        self.ranges.iter().try_for_each(|names| self.check_range(names))
    }

    fn add(&mut self, maker: &Maker, teller: &str, told: &Told) -> Result<(), Fault> {
        let operator = maker.operator;
        let numbers = match maker.size {
            Size::Sides => told.product,
            Size::Filled if told.product <= told.largest => 8.0 * told.product,
            Size::Filled => told.product,
            Size::Margins => told.margins,
        };
        if numbers > MAX_NUMBERS {
            return damage(format!(
                "{operator} makes {numbers:.1e} numbers, as {teller:?} tells it; {MAX_NUMBERS:.1e} are \
                 the most that is allowed"
            ));
        }
        self.all += numbers;
        if self.all > MAX_NUMBERS_IN_ALL {
            return damage(format!(
                "{operator} and others make {:.1e} numbers, as they are told; {MAX_NUMBERS_IN_ALL:.1e} \
                 are the most that is allowed",
                self.all
            ));
        }
        Ok(())
    }

    /// Checks as much of a range as is told by constants.
    fn check_range(&self, names: &[String; 3]) -> Result<(), Fault> {
        let [start, limit, delta] = names.each_ref().map(|name| self.constants.get(name));
        let furthest = |told: Option<&Told>| told.map_or(0.0, |told| told.largest);
        let reach = furthest(start).max(furthest(limit));
        let steps = if reach > 0.0 { reach / delta.map_or(1.0, |told| told.smallest) } else { 0.0 };
        if steps > MAX_STEPS || reach.max(furthest(delta)) > MAX_LIMIT {
            return damage(format!(
                "Range makes {steps:.1e} steps to {reach:.1e}, as {names:?} tell it; {MAX_STEPS:.1e} to \
                 {MAX_LIMIT:.1e} are the most that is allowed"
            ));
        }
        Ok(())
    }
}

fn check_windows(node: &Node) -> Result<(), Fault> {
    for Attribute { name, numbers } in &node.attributes {
        let largest = Told::by(numbers).largest;
        if WINDOW_ATTRIBUTES.contains(&name.as_str()) && largest > MAX_WINDOW {
            return damage(format!(
                "{} has {name} of {largest:.1e}; {MAX_WINDOW} is the most that is allowed",
                node.operator
            ));
        }
    }
    Ok(())
}

/// What a constant tells those that take it for a size. One that cannot be read tells the worst.
#[derive(Clone, Copy)]
struct Told {
    product: f64,
    /// The product of the sums of each number of the first half and its fellow of the second.
    margins: f64,
    /// The largest and the smallest magnitude.
    largest: f64,
    smallest: f64,
}

impl Told {
    fn by(numbers: &Numbers) -> Self {
        let Some(few) = numbers.few() else {
            let worst = f64::INFINITY;
            return Self { product: worst, margins: worst, largest: worst, smallest: 0.0 };
        };
        let magnitudes = || few.iter().map(|number| number.abs());
        let (before, behind) = few.split_at(few.len() / 2);
        let margins = before.iter().zip(behind).map(|(a, b)| (a.max(0.0) + b.max(0.0)).max(1.0));
        Self {
            product: magnitudes().map(|side| side.max(1.0)).product(),
            margins: margins.product(),
            largest: magnitudes().fold(0.0, f64::max),
            smallest: magnitudes().fold(f64::INFINITY, f64::min),
        }
    }

    /// Of two constants of one name, each may be the one that counts.
    fn join(&mut self, other: &Self) {
        self.product = self.product.max(other.product);
        self.margins = self.margins.max(other.margins);
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

    /// An attribute of integers, not packed, as the runtime wants them.
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
    fn told(operator: &str, tellers: &[&[u8]]) -> Result<(), GroundedSamError> {
        let names = ["x", "a", "b", "c"];
        let first = usize::from(!matches!(operator, "ConstantOfShape" | "Range"));
        let mut graph = node(operator, &names[..first + tellers.len()], &[]);
        for (name, tensor) in names[first..].iter().zip(tellers) {
            graph.extend(named(name, tensor));
        }
        checked(&part(7, &graph))
    }

    fn why(outcome: Result<(), GroundedSamError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn nodes_may_not_be_told_to_make_more_than_a_machine_holds() {
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
            // As one side it becomes an expression for each number.
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
    fn every_operator_with_a_size_is_known() {
        let (large, small) = (&integers(&[1, 1, 1 << 14, 1 << 14]), &integers(&[1, 1, 3, 4]));
        for operator in ["ConstantOfShape", "Expand", "Tile", "OneHot", "TopK", "Upsample"] {
            assert!(told(operator, &[small]).is_ok());
            assert!(why(told(operator, &[large])).contains(&format!("{operator} makes 2.7e8")));
        }
        let scales = |by| floats(&[1.0, 1.0, by, by]);
        assert!(told("Upsample", &[&scales(2.0)]).is_ok());
        assert!(why(told("Upsample", &[&scales(1e6)])).contains("Upsample makes 1.0e12"));
        assert!(told("Resize", &[b"", &scales(4.0)]).is_ok());
        assert!(why(told("Resize", &[b"", &scales(1e6)])).contains("Resize makes 1.0e12"));
        assert!(told("Resize", &[b"", b"", small]).is_ok());
        assert!(why(told("Resize", &[b"", b"", large])).contains("Resize makes 2.7e8"));
        // Margins of one axis are added up, and an axis that is cut makes up for none that is padded.
        assert!(told("Pad", &[&integers(&[0, 1 << 20, 0, 0, 1 << 20, 0])]).is_ok());
        assert!(told("Pad", &[&integers(&[-1 << 20, 0, 0, -1 << 20])]).is_ok());
        let pads = [-1 << 20, 1 << 14, 1 << 13, 0, 0, 1 << 13];
        assert!(why(told("Pad", &[&integers(&pads)])).contains("Pad makes 2.7e8"));
    }

    #[test]
    fn earlier_versions_are_told_by_attributes() {
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
    fn all_nodes_together_have_a_bound() {
        let model = |nodes| {
            let graph = node("Expand", &["x", "shape"], &[]).repeat(nodes);
            part(7, &[graph, named("shape", &integers(&[1 << 13, 1 << 14]))].concat())
        };
        assert!(checked(&model(4)).is_ok());
        assert!(reason(&model(5)).contains("Expand and others make 6.7e8 numbers"));
    }

    /// A size of more numbers than are read, of another type or in another file is no size.
    #[test]
    fn sizes_that_cannot_be_read_are_refused() {
        let half = [&[8, 1, 16, 10][..], &part(9, &[0xff, 0x7b])].concat();
        let mistyped = [&[8, 1, 16, INT64][..], &part(5, &[1])].concat();
        let entry = [part(1, b"location"), part(2, b"model.onnx")].concat();
        let outside = [&[8, 1, 16, INT64][..], &part(13, &entry)].concat();
        for tensor in [&integers(&[1; 17]), &floats(&[1.0; 40]), &half, &mistyped, &outside] {
            assert!(why(told("Expand", &[tensor])).contains("Expand makes inf numbers"));
            // As anything else they are as good as any.
            assert!(told("Add", &[tensor]).is_ok());
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
    fn ranges_have_an_end() {
        let range = |tellers: [&[u8]; 3]| told("Range", &tellers);
        let (whole, broken) = (|number| integers(&[number]), |number| floats(&[number]));
        let unknown: &[u8] = b"";
        assert!(range([&whole(0), unknown, &whole(1)]).is_ok());
        assert!(range([&whole(0), &whole(20_000), &whole(1)]).is_ok());
        assert!(range([&broken(-1.0), &broken(1.0), &broken(0.001)]).is_ok());
        for tellers in [
            [whole(0), whole(1 << 40), whole(1)],
            [whole(-1 << 29), whole(0), whole(1)],
            // 32-bit integers step over the largest, and go on from the smallest.
            [whole(0), whole(i32::MAX.into()), whole(1 << 20)],
            [broken(0.0), broken(1.0), broken(1e-12)],
            // The next 32-bit float is 64 away: adding 1 changes nothing.
            [broken(1e9), broken(1e9 + 64.0), broken(1.0)],
        ] {
            let reason = why(range(tellers.each_ref().map(|teller| &teller[..])));
            assert!(reason.contains("Range makes"), "{reason}");
        }
    }

    #[test]
    fn windows_are_of_a_size_that_images_have() {
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
