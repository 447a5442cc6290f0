//! The report's plots, as SVG.

use plotters::coord::Shift;
use plotters::prelude::*;
use rmrl_data::MetricsRow;

use super::plot_style::{BAND, BLUE, GRAY, INK, ORANGE, PlotError, RED};
use super::value_axis::ValueAxis;

/// Width and height of a plot, in pixels.
const SIZE: (u32, u32) = (960, 320);

/// The reward of every trial with its moving average. Scenes are bands, role models are ringed. SVG.
pub fn reward_curve(
    rows: &[MetricsRow],
    role_models: &[u32],
    threshold: f64,
) -> Result<String, PlotError> {
    let placed: Vec<f64> = rows.iter().filter(|row| row.placed).map(|row| row.reward).collect();
    // Failed grasps have a reward of 0. Marked at the lower edge, they do not squeeze everything else
    // into a line.
    let lowest = placed.iter().copied().fold(threshold, f64::min);
    let floor = ((lowest - 0.01) * 50.0).floor().max(0.0) / 50.0;
    let axis = ValueAxis::linear(floor..1.0);
    let has_failed = rows.iter().any(|row| !row.placed);
    draw(rows, axis, "reward", SeriesLabelPosition::LowerRight, |plot| {
        let line = [(0.5, threshold), (rows.len() as f64 + 0.5, threshold)];
        plot.draw_series(LineSeries::new(line, GRAY.stroke_width(1)))?;
        plot.draw_series(rows.iter().filter(|row| row.placed).map(|row| {
            Circle::new((f64::from(row.trial), row.reward), 3, BLUE.mix(0.55).filled())
        }))?
        .label("trial")
        .legend(|(x, y)| Circle::new((x + 8, y), 3, BLUE.mix(0.55).filled()));
        // A legend names only what is drawn.
        if has_failed {
            let failed = rows.iter().filter(|row| !row.placed);
            plot.draw_series(
                failed
                    .map(|row| TriangleMarker::new((f64::from(row.trial), floor), 5, RED.filled())),
            )?
            .label("not grasped (reward 0)")
            .legend(|(x, y)| TriangleMarker::new((x + 8, y), 5, RED.filled()));
        }
        if !role_models.is_empty() {
            let models = rows.iter().filter(|row| role_models.contains(&row.trial));
            plot.draw_series(models.map(|row| {
                Circle::new((f64::from(row.trial), row.reward), 6, ORANGE.stroke_width(2))
            }))?
            .label("role model of its scene")
            .legend(|(x, y)| Circle::new((x + 8, y), 5, ORANGE.stroke_width(2)));
        }
        let average = rows.iter().map(|row| (f64::from(row.trial), row.reward_average.max(floor)));
        plot.draw_series(LineSeries::new(average, INK.stroke_width(2)))?
            .label("moving average")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], INK.stroke_width(2)));
        Ok(())
    })
}

/// A measured error of every placed trial, with the true one where it is known, and the noise floor. The axis is
/// logarithmic where an error is below `fine`: a tenth of a millimeter at the end matters as much as millimeters at the
/// beginning. SVG.
pub fn error_curve(
    rows: &[MetricsRow],
    (unit, fine): (&str, f64),
    measured: impl Fn(&MetricsRow) -> Option<f64>,
    truth: impl Fn(&MetricsRow) -> Option<f64>,
    noise_floor: f64,
) -> Result<String, PlotError> {
    let points = |error: &dyn Fn(&MetricsRow) -> Option<f64>| -> Vec<(f64, f64)> {
        rows.iter().filter_map(|row| Some((f64::from(row.trial), error(row)?))).collect()
    };
    let (measured, truth) = (points(&measured), points(&truth));
    let errors: Vec<f64> = measured.iter().chain(&truth).map(|(_, error)| *error).collect();
    let axis = ValueAxis::of_errors(&errors, noise_floor, fine);
    draw(rows, axis, unit, SeriesLabelPosition::UpperRight, |plot| {
        plot.draw_series(
            measured.iter().map(|point| Circle::new(*point, 3, BLUE.mix(0.6).filled())),
        )?
        .label("measured by the camera")
        .legend(|(x, y)| Circle::new((x + 8, y), 3, BLUE.mix(0.6).filled()));
        if !truth.is_empty() {
            plot.draw_series(
                truth.iter().map(|point| Circle::new(*point, 3, ORANGE.stroke_width(1))),
            )?
            .label("true (simulator)")
            .legend(|(x, y)| Circle::new((x + 8, y), 3, ORANGE.stroke_width(1)));
        }
        let line = [(0.5, noise_floor), (rows.len() as f64 + 0.5, noise_floor)];
        plot.draw_series(LineSeries::new(line, RED.stroke_width(1)))?
            .label("noise floor")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], RED.stroke_width(1)));
        Ok(())
    })
}

type Plot<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, ValueAxis>,
>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// Draws axes over all trials, scenes of several trials as bands, then `content` and its legend.
fn draw(
    rows: &[MetricsRow],
    axis: ValueAxis,
    label: &str,
    legend: SeriesLabelPosition,
    content: impl Fn(&mut Plot) -> Result<(), DrawError>,
) -> Result<String, PlotError> {
    let mut svg = String::new();
    let bottom_and_top = axis.ends();
    // Bands of single trials are stripes that say nothing.
    let has_bands = rows.chunk_by(|a, b| a.scene == b.scene).any(|scene| scene.len() > 1);
    let drawn = || -> Result<(), DrawError> {
        let area: DrawingArea<SVGBackend, Shift> =
            SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let trials = rows.last().map_or(1.0, |row| f64::from(row.trial));
        let mut plot = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.5..trials + 0.5, axis.clone())?;
        for scene in rows.chunk_by(|a, b| a.scene == b.scene) {
            if has_bands && scene[0].scene % 2 == 0 {
                let (first, last) = (scene[0].trial, scene[scene.len() - 1].trial);
                let [bottom, top] = bottom_and_top;
                let corners = [(f64::from(first) - 0.5, bottom), (f64::from(last) + 0.5, top)];
                plot.draw_series([Rectangle::new(corners, BAND.filled())])?;
            }
        }
        plot.configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRAY.mix(0.25))
            .axis_style(GRAY)
            .x_desc(if has_bands { "trial (bands: scenes)" } else { "trial" })
            .y_desc(axis.title(label))
            .y_label_formatter(&ValueAxis::label)
            .label_style(("sans-serif", 13, &INK))
            .x_label_formatter(&|trial| format!("{trial:.0}"))
            .draw()?;
        content(&mut plot)?;
        plot.configure_series_labels()
            .position(legend.clone())
            .background_style(WHITE.mix(0.85))
            .border_style(GRAY.mix(0.4))
            .label_font(("sans-serif", 12, &INK))
            .draw()?;
        area.present()
    }();
    drawn.map_err(|error| PlotError::of(&error))?;
    Ok(svg)
}
