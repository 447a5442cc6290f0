//! The equations of looks at a plate that the arm gripped and released. Each is linear in the unknowns, but for the slide
//! of closing jaws, which is small and is evaluated at the last estimate.

use rmrl_core::{Look, PlanarPose, closing_slide_m, wrap_angle};

use crate::geometry::{
    Geometry, TARGET_ALONG, TOOL_ACROSS, TOOL_TURN, TURN, Vector, columns_along, fingers, xy,
};

/// An equation `columns · unknowns = value`, up to the noise of a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Equation {
    pub columns: Vector,
    pub value: f64,
}

impl Equation {
    /// By how much `geometry` misses it.
    pub fn residual(&self, geometry: &Geometry) -> f64 {
        self.columns.dot(&geometry.values) - self.value
    }
}

/// A look at a plate, with the tool that held it there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Station {
    /// Which look it was.
    pub look: usize,
    pub seen: Look,
    /// The commanded pose of the tool.
    pub tool: PlanarPose,
    /// Whether the jaws closed here on a plate that they did not release; otherwise they opened here.
    pub closes: bool,
}

impl Station {
    /// Along the fingers `e`: the offset of the plate in the jaws, which is one unknown `D` for all stations of a grip.
    ///
    /// ```text
    /// e · (z + c(z) - T) + slide = D
    /// ```
    ///
    /// The equation is without `D`: the caller eliminates it.
    #[cfg(test)]
    pub fn along(&self, geometry: &Geometry) -> Equation {
        let mut equation = self.along_before_slide(geometry);
        equation.value -= self.slide_m(geometry);
        equation
    }

    /// The same without the slide.
    pub fn along_before_slide(&self, geometry: &Geometry) -> Equation {
        let [along, _] = fingers(self.tool);
        self.projected(along, geometry)
    }

    /// How far the jaws slide the plate along the fingers as they close here, in meters.
    pub fn slide_m(&self, geometry: &Geometry) -> f64 {
        if !self.closes {
            return 0.0;
        }
        let [offset, across, turn] = geometry.in_jaws(self.seen, self.tool);
        closing_slide_m(offset - geometry.values[TARGET_ALONG], across, turn)
    }

    /// Across the fingers `n`, where the jaws opened: they had pushed the plate to their middle.
    ///
    /// ```text
    /// n · (z + c(z) - T) = τ
    /// ```
    pub fn across(&self, geometry: &Geometry) -> Equation {
        let [_, across] = fingers(self.tool);
        let mut equation = self.projected(across, geometry);
        equation.columns[TOOL_ACROSS] -= 1.0;
        equation
    }

    /// The plate's yaw, where the jaws opened: they had turned it parallel.
    ///
    /// ```text
    /// ψ_z + θ - Ψ = κ
    /// ```
    pub fn turn(&self) -> Equation {
        let mut columns = Vector::zeros();
        columns[TURN] = 1.0;
        columns[TOOL_TURN] = -1.0;
        Equation { columns, value: -wrap_angle(self.seen.pose.yaw_rad - self.tool.yaw_rad) }
    }

    /// The target: the offset that a plate has in the jaws if they open at the place and it then lies on the target.
    ///
    /// ```text
    /// e · (z* + c(z*) - T_place) = D*
    /// ```
    pub fn target(&self, geometry: &Geometry) -> Equation {
        let [along, _] = fingers(self.tool);
        let mut equation = self.projected(along, geometry);
        equation.columns[TARGET_ALONG] -= 1.0;
        equation
    }

    /// `direction · c(z) = -direction · (z - T)`.
    fn projected(&self, direction: nalgebra::Vector2<f64>, geometry: &Geometry) -> Equation {
        Equation {
            columns: columns_along(geometry.middle, self.seen, direction),
            value: -direction.dot(&(xy(self.seen.corrected()) - xy(self.tool))),
        }
    }
}
