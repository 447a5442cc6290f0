//! The part of the picture that the network sees, with the arithmetic of `fast_image_resize` for 8-bit colors: the same bytes.
//!
//! A triangle filter as wide as the reduction, as 16-bit integers that share one binary scale. First down the columns, then
//! along the rows; both passes round to 8 bits. Sums are exact in 64-bit floating-point numbers.

use rmrl_learn::ImageView;

use crate::graph::{Graph, Value, int, ints};
use crate::messages::ElementKind;
use crate::projection::PlateValues;

/// Coefficients are integers below this.
const COEFFICIENT_LIMIT: f64 = 32768.0;
/// The largest binary scale of coefficients is two to this power.
const MOST_PRECISION: i64 = 21;

/// A part of the rows or columns of the picture.
struct Stretch {
    /// The rows or columns that it is cut from: integers, `[taken]`.
    taken: Value,
    /// Their numbers from 0, 64-bit, `[1, taken]`.
    numbers: Value,
    /// Where it begins within these, and its extent, in pixels.
    start: Value,
    extent: Value,
}

/// What the network sees of a picture, u8 `[height, width, 3]`, as 64-bit `[size, size, 3]` of 0 to 255.
pub(crate) fn seen(
    graph: &mut Graph,
    image: Value,
    view: ImageView,
    plate: Option<PlateValues>,
    size: usize,
) -> Value {
    let shape = graph.op("Shape", &[image]);
    let shape = graph.cast(shape, ElementKind::F64);
    let [height, width] = [0, 1].map(|axis| graph.element(shape, axis));
    let [rows, columns] = match (view, plate) {
        (ImageView::Crop { scale }, Some(plate)) => {
            let side = graph.op_f64("Mul", plate.diagonal, scale);
            let side = graph.op_f64("Max", side, 1.0);
            [(plate.v, height), (plate.u, width)]
                .map(|(center, extent)| around(graph, center, side, extent))
        }
        _ => [height, width].map(|extent| whole(graph, extent)),
    };
    let picture = graph.op_with("Gather", &[image, rows.taken], vec![int("axis", 0)]);
    let picture = graph.op_with("Gather", &[picture, columns.taken], vec![int("axis", 1)]);
    let picture = graph.cast(picture, ElementKind::F64);

    let down = Coefficients::new(graph, &rows, size);
    let along = Coefficients::new(graph, &columns, size);
    // [rows, columns, 3] to [rows, columns * 3], and back.
    let flat = graph.op_with("Flatten", &[picture], vec![int("axis", 1)]);
    let flat = down.apply(graph, flat);
    let narrowed = graph.reshape(flat, &[size as i64, -1, 3]);
    along.apply(graph, narrowed)
}

/// `side` pixels around a center. Beyond the picture its edge continues.
fn around(graph: &mut Graph, center: Value, side: Value, extent: Value) -> Stretch {
    // A pixel reaches half a pixel to each side of its center.
    let edge = graph.op_f64("Add", center, 0.5);
    let half = graph.op_f64("Mul", side, 0.5);
    let left = graph.op("Sub", &[edge, half]);
    let first = graph.op("Floor", &[left]);
    let start = graph.op("Sub", &[left, first]);
    let count = graph.op("Ceil", &[side]);
    let count = graph.op_f64("Add", count, 1.0);
    let numbers = numbers(graph, count);
    let taken = graph.op("Add", &[first, numbers]);
    let last = graph.op_f64("Sub", extent, 1.0);
    let zero = graph.f64(0.0);
    let taken = graph.op("Clip", &[taken, zero, last]);
    let taken = graph.cast(taken, ElementKind::I64);
    Stretch { taken, numbers: graph.reshape(numbers, &[1, -1]), start, extent: side }
}

/// All of the picture.
fn whole(graph: &mut Graph, extent: Value) -> Stretch {
    let numbers = numbers(graph, extent);
    let taken = graph.cast(numbers, ElementKind::I64);
    let start = graph.f64(0.0);
    Stretch { taken, numbers: graph.reshape(numbers, &[1, -1]), start, extent }
}

/// 0, 1, 2 and so on, `count` numbers, 64-bit.
fn numbers(graph: &mut Graph, count: Value) -> Value {
    // Counted in integers: where sizes are known, onnxruntime 1.32 takes those in floating-point numbers for integers.
    let count = graph.cast(count, ElementKind::I64);
    let bounds = graph.i64s(&[0, 1]);
    let [zero, one] = [0, 1].map(|index| graph.element(bounds, index));
    let numbers = graph.op("Range", &[zero, count, one]);
    graph.cast(numbers, ElementKind::F64)
}

/// The integer coefficients of one direction, `[size, taken]`, and their scale.
struct Coefficients {
    integers: Value,
    scale: Value,
}

impl Coefficients {
    fn new(graph: &mut Graph, stretch: &Stretch, size: usize) -> Self {
        let end = graph.op("Add", &[stretch.start, stretch.extent]);
        let extent = graph.op("Sub", &[end, stretch.start]);
        // Pixels of the picture to a pixel of the view.
        let step = graph.op_f64("Div", extent, size as f64);
        let reach = graph.op_f64("Max", step, 1.0);
        let one = graph.f64(1.0);
        let per_reach = graph.op("Div", &[one, reach]);
        let middles: Vec<f64> = (0..size).map(|pixel| pixel as f64 + 0.5).collect();
        let middles = graph.f64s(&[size, 1], &middles);
        let offsets = graph.op("Mul", &[middles, step]);
        let centers = graph.op("Add", &[stretch.start, offsets]);
        let centers = graph.op_f64("Sub", centers, 0.5);
        let distances = graph.op("Sub", &[stretch.numbers, centers]);
        let distances = graph.op("Mul", &[distances, per_reach]);
        let distances = graph.op("Abs", &[distances]);
        let triangle = graph.op("Sub", &[one, distances]);
        let triangle = graph.op_f64("Max", triangle, 0.0);
        let axis = graph.i64s(&[1]);
        let sum = graph.op_with("ReduceSum", &[triangle, axis], vec![int("keepdims", 1)]);
        let weights = graph.op("Div", &[triangle, sum]);
        let scale = scale(graph, weights);
        let scaled = graph.op("Mul", &[weights, scale]);
        Self { integers: rounded(graph, scaled), scale }
    }

    /// `min(255, floor((C x + scale / 2) / scale))`
    fn apply(&self, graph: &mut Graph, values: Value) -> Value {
        let sums = graph.op("MatMul", &[self.integers, values]);
        let half = graph.op_f64("Mul", self.scale, 0.5);
        let sums = graph.op("Add", &[sums, half]);
        let values = graph.op("Div", &[sums, self.scale]);
        let values = graph.op("Floor", &[values]);
        graph.op_f64("Min", values, 255.0)
    }
}

/// The largest power of two that keeps the largest weight below the limit, as in `fast_image_resize`.
fn scale(graph: &mut Graph, weights: Value) -> Value {
    let largest = graph.op_with("ReduceMax", &[weights], vec![int("keepdims", 0)]);
    let powers: Vec<f64> = (0..=MOST_PRECISION).map(|power| (1u64 << power) as f64).collect();
    let twice: Vec<f64> = powers.iter().map(|power| 2.0 * power).collect();
    let next = graph.f64s(&[twice.len()], &twice);
    let next = graph.op("Mul", &[largest, next]);
    let next = rounded(graph, next);
    // The first precision whose successor is too large, or else the last.
    let limit = graph.f64(COEFFICIENT_LIMIT);
    let fits = graph.op("Less", &[next, limit]);
    let fits = graph.cast(fits, ElementKind::I64);
    let axis = graph.i64s(&[0]);
    let precision = graph.op_with("ReduceSum", &[fits, axis], vec![int("keepdims", 0)]);
    let most = graph.i64s(&[MOST_PRECISION]);
    let most = graph.element(most, 0);
    let precision = graph.op("Min", &[precision, most]);
    let powers = graph.f64s(&[powers.len()], &powers);
    graph.op("Gather", &[powers, precision])
}

/// Rounds numbers of at least 0, halves up.
fn rounded(graph: &mut Graph, value: Value) -> Value {
    let floor = graph.op("Floor", &[value]);
    let rest = graph.op("Sub", &[value, floor]);
    let half = graph.f64(0.5);
    let is_up = graph.op("GreaterOrEqual", &[rest, half]);
    let up = graph.cast(is_up, ElementKind::F64);
    graph.op("Add", &[floor, up])
}

/// Colors of 0 to 255, `[size, size, 3]`, as a normalized batch of one image, 32-bit `[1, 3, size, size]`.
pub(crate) fn normalized(graph: &mut Graph, seen: Value) -> Value {
    let colors = graph.cast(seen, ElementKind::F32);
    let full = graph.f32s(&[1], &[255.0]);
    let colors = graph.op("Div", &[colors, full]);
    let mean = graph.f32s(&[3], &rmrl_learn::COLOR_MEAN);
    let colors = graph.op("Sub", &[colors, mean]);
    let deviation = graph.f32s(&[3], &rmrl_learn::COLOR_DEVIATION);
    let colors = graph.op("Div", &[colors, deviation]);
    let channels = graph.op_with("Transpose", &[colors], vec![ints("perm", &[2, 0, 1])]);
    let axis = graph.i64s(&[0]);
    graph.op("Unsqueeze", &[channels, axis])
}
