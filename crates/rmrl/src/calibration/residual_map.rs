//! A map of the residuals of a calibrated camera over the workspace.

use plotters::prelude::*;
use rmrl_calibration::{Check, Residual};

/// Width and height of the map, in pixels.
const SIZE: (u32, u32) = (760, 560);
/// The largest magnification of arrows: small residuals have to be visible, too.
const MAGNIFICATION: f64 = 50.0;

const GRAY: RGBColor = RGBColor(0x8a, 0x8f, 0x98);
const INK: RGBColor = RGBColor(0x2a, 0x2e, 0x35);
/// Colors from the smallest to the largest residuals.
const COLORS: [RGBColor; 4] = [
    RGBColor(0x2f, 0x8f, 0x5b),
    RGBColor(0xc9, 0xa2, 0x27),
    RGBColor(0xd9, 0x7a, 0x1e),
    RGBColor(0xc2, 0x3b, 0x3b),
];
/// Residuals at which the color changes, in millimeters.
const STEPS_MM: [f64; 3] = [0.5, 1.0, 2.0];
/// Margin around the corners, in millimeters.
const MARGIN_MM: f64 = 40.0;
/// The longest arrow, in millimeters of the map.
const LONGEST_ARROW_MM: f64 = 22.0;

/// A map that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the map could not be drawn: {0}")]
pub struct MapError(String);

/// Draws the residual of every corner as an arrow, from its position according to the wrist camera to
/// its position according to the overhead camera. Seen from above, with the robot's x pointing up. SVG.
///
/// # Errors
/// The map cannot be drawn.
pub fn residual_map(check: &Check) -> Result<String, MapError> {
    let mut svg = String::new();
    draw(check, &mut svg).map_err(|error| MapError(error.to_string()))?;
    Ok(svg)
}

fn draw(check: &Check, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let residuals: Vec<&Residual> =
        check.placements.iter().flat_map(|placement| &placement.corners).collect();
    let [x, y] = axis_ranges(&residuals);
    let longest_mm = check.residual_mm.max(1e-9);
    let magnification = MAGNIFICATION.min(LONGEST_ARROW_MM / longest_mm).floor().max(1.0);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!(
        "largest {:.2} mm, root mean square {:.2} mm; arrows are {magnification:.0} times as long",
        check.residual_mm, check.residual_rms_mm
    );
    // Seen from above, the robot's x points up and its y to the left.
    let mut plot = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 15, &INK))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((-y.1)..(-y.0), x.0..x.1)?;
    plot.configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRAY.mix(0.2))
        .axis_style(GRAY)
        .x_desc("y in the robot's base, mm")
        .y_desc("x in the robot's base, mm")
        .x_label_formatter(&|value| format!("{:.0}", (-value).round() + 0.0))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .label_style(("sans-serif", 13, &INK))
        .draw()?;
    for (class, color) in COLORS.into_iter().enumerate() {
        let of_class: Vec<&Residual> =
            residuals.iter().copied().filter(|residual| color_class(residual) == class).collect();
        plot.draw_series(of_class.iter().map(|residual| arrow(residual, magnification, color)))?;
        let points = of_class.iter().map(|residual| {
            let [x, y] = point_mm(residual);
            Circle::new((-y, x), 2, color.filled())
        });
        plot.draw_series(points)?
            .label(class_label(class))
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
    }
    plot.configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(GRAY.mix(0.4))
        .label_font(("sans-serif", 12, &INK))
        .draw()?;
    area.present()?;
    drop(plot);
    Ok(())
}

/// The ranges of x and y around all corners, in millimeters and with the same scale.
fn axis_ranges(residuals: &[&Residual]) -> [(f64, f64); 2] {
    let range = |axis: usize| {
        let values = residuals.iter().map(|residual| 1000.0 * residual.point_in_world[axis]);
        let (low, high) = values
            .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        (low - MARGIN_MM, high + MARGIN_MM)
    };
    let (x, y) = (range(0), range(1));
    let (plot_width, plot_height) = (f64::from(SIZE.0 - 90), f64::from(SIZE.1 - 110));
    let mm_per_px = ((y.1 - y.0) / plot_width).max((x.1 - x.0) / plot_height);
    let around = |(low, high): (f64, f64), length_px: f64| {
        let (middle, half) = (0.5 * (low + high), 0.5 * length_px * mm_per_px);
        (middle - half, middle + half)
    };
    [around(x, plot_height), around(y, plot_width)]
}

/// The residual of a corner, magnified.
fn arrow(residual: &Residual, magnification: f64, color: RGBColor) -> PathElement<(f64, f64)> {
    let [x, y] = point_mm(residual);
    let [to_x, to_y] =
        [x + magnification * residual.lateral_mm[0], y + magnification * residual.lateral_mm[1]];
    PathElement::new([(-y, x), (-to_y, to_x)], color.stroke_width(2))
}

/// A corner's position in the world, in millimeters.
fn point_mm(residual: &Residual) -> [f64; 2] {
    [0, 1].map(|axis| 1000.0 * residual.point_in_world[axis])
}

fn class_label(class: usize) -> String {
    match class {
        0 => format!("below {} mm", STEPS_MM[0]),
        3 => format!("{} mm and more", STEPS_MM[2]),
        _ => format!("{} to {} mm", STEPS_MM[class - 1], STEPS_MM[class]),
    }
}

fn color_class(residual: &Residual) -> usize {
    STEPS_MM.iter().filter(|step| residual.length_mm() >= **step).count()
}
