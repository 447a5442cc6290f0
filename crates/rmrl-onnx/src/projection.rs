//! Where the picture shows the plate: the camera's model in the graph.

use rmrl_vision::{Distortion, PlateProjection};

use crate::graph::{Graph, Value};

/// Where the picture shows a plate: numbers without dimensions, in pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlateValues {
    pub u: Value,
    pub v: Value,
    pub diagonal: Value,
}

impl PlateValues {
    /// Those of a list, 64-bit `[u, v, diagonal]`.
    pub fn of_list(graph: &mut Graph, list: Value) -> Self {
        let [u, v, diagonal] = [0, 1, 2].map(|index| graph.element(list, index));
        Self { u, v, diagonal }
    }
}

/// [`PlateProjection::in_image`] of a pose, 64-bit `[x, y, yaw]`. Where `given`, `[u, v, diagonal]`, is a number, it counts
/// instead.
pub(crate) fn plate_in_image(
    graph: &mut Graph,
    projection: &PlateProjection,
    pose: Value,
    given: Value,
) -> PlateValues {
    let [x, y] = [0, 1].map(|index| graph.element(pose, index));
    let center = in_camera(graph, projection, [x, y], projection.height_m);
    let top_m = projection.height_m + projection.surface_above_m;
    let surface = in_camera(graph, projection, [x, y], top_m);
    let intrinsics = &projection.camera.intrinsics;
    let ideal = [0, 1].map(|axis| graph.op("Div", &[center[axis], center[2]]));
    let [x, y] = distorted(graph, &intrinsics.distortion, ideal);
    let mut pixel = |value, focal, principal| {
        let scaled = graph.op_f64("Mul", value, focal);
        graph.op_f64("Add", scaled, principal)
    };
    let u = pixel(x, intrinsics.fx, intrinsics.cx);
    let v = pixel(y, intrinsics.fy, intrinsics.cy);
    let size = graph.f64(intrinsics.fx * projection.diagonal_m);
    let diagonal = graph.op("Div", &[size, surface[2]]);
    let computed = graph.list(&[u, v, diagonal]);
    let is_absent = graph.op("IsNaN", &[given]);
    let plate = graph.op("Where", &[is_absent, computed, given]);
    PlateValues::of_list(graph, plate)
}

/// The point above `[x, y]` in the frame of the camera.
fn in_camera(
    graph: &mut Graph,
    projection: &PlateProjection,
    [x, y]: [Value; 2],
    height_m: f64,
) -> [Value; 3] {
    let world_from_camera = projection.camera.world_from_camera;
    let translation = world_from_camera.translation.vector;
    // p_camera = R^T (p_world - t)
    let rotation = world_from_camera.rotation.to_rotation_matrix();
    let offset_x = graph.op_f64("Sub", x, translation.x);
    let offset_y = graph.op_f64("Sub", y, translation.y);
    let offset_z_m = height_m - translation.z;
    [0, 1, 2].map(|axis| {
        let column = rotation.matrix().column(axis);
        let along_x = graph.op_f64("Mul", offset_x, column[0]);
        let along_y = graph.op_f64("Mul", offset_y, column[1]);
        let along = graph.op("Add", &[along_x, along_y]);
        graph.op_f64("Add", along, column[2] * offset_z_m)
    })
}

/// The Brown-Conrady distortion of normalized coordinates.
fn distorted(graph: &mut Graph, lens: &Distortion, [x, y]: [Value; 2]) -> [Value; 2] {
    if *lens == Distortion::default() {
        return [x, y];
    }
    let [x2, y2, xy] = [[x, x], [y, y], [x, y]].map(|pair| graph.op("Mul", &pair));
    let r2 = graph.op("Add", &[x2, y2]);
    // 1 + r² (k1 + r² (k2 + r² k3))
    let mut radial = graph.f64(lens.k3);
    for coefficient in [lens.k2, lens.k1, 1.0] {
        let product = graph.op("Mul", &[radial, r2]);
        radial = graph.op_f64("Add", product, coefficient);
    }
    let mut along = |value, square, [own, cross]: [f64; 2]| {
        let scaled = graph.op("Mul", &[value, radial]);
        let twice = graph.op_f64("Mul", square, 2.0);
        let sum = graph.op("Add", &[r2, twice]);
        let own = graph.op_f64("Mul", sum, own);
        let cross = graph.op_f64("Mul", xy, 2.0 * cross);
        let tangential = graph.op("Add", &[own, cross]);
        graph.op("Add", &[scaled, tangential])
    };
    [along(x, x2, [lens.p2, lens.p1]), along(y, y2, [lens.p1, lens.p2])]
}
