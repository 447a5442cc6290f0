//! The errors for each pair of sites, as SVG.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use rmrl_transfer::{QualificationReport, SitePair, TimedTransfer};

use super::figure::key;
use super::plot_style::{
    BAND, BLUE, GRAY, INK, ORANGE, PlotError, RED, inline, rgb, without_smallest,
};
use super::value_axis::ValueAxis;

/// The width of the plot, the height of a pair, and that of everything else, in pixels.
const WIDTH: u32 = 960;
const ROW: u32 = 26;
const REST: u32 = 60;
/// The width of the names of pairs, in pixels.
const NAMES: u32 = 190;
/// How far above and below a pair's line its points lie, of the height of a pair.
const SCATTER: f64 = 0.3;
/// The axis is logarithmic where an error is below this, in millimeters.
const FINE_MM: f64 = 0.1;

type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<ValueAxis, RangedCoordf64>>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// A pair of sites as a row of the plot.
struct Row {
    name: String,
    tolerance_mm: Option<f64>,
    measured_mm: Vec<f64>,
    true_mm: Vec<f64>,
}

/// Each measured error as a point in the row of its pair, with the tolerance as a line across the row, and the true errors where
/// they are known. SVG below its legend; empty without transfers.
///
/// # Errors
/// It could not be drawn.
pub(super) fn pair_errors_plot(report: &QualificationReport) -> Result<String, PlotError> {
    let rows = rows(report);
    if rows.is_empty() {
        return Ok(String::new());
    }
    let of_rows = rows.iter().flat_map(|row| row.measured_mm.iter().chain(&row.true_mm));
    let errors: Vec<f64> =
        of_rows.chain(rows.iter().filter_map(|row| row.tolerance_mm.as_ref())).copied().collect();
    let axis = ValueAxis::of_errors(&without_smallest(&errors), 0.0, FINE_MM);
    let size = (WIDTH, REST + ROW * rows.len() as u32);
    let mut svg = String::new();
    let drawn = || -> Result<(), DrawError> {
        let area: DrawingArea<SVGBackend, Shift> =
            SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let last = rows.len() as f64 - 0.5;
        let mut plot = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(16)
            .x_label_area_size(36)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(axis.clone(), last..-0.5)?;
        draw_rows(&mut plot, &rows, &axis)?;
        draw_points(&mut plot, &rows)?;
        area.present()
    }();
    drawn.map_err(|error| PlotError::of(&error))?;
    let mut legend = format!("<p class=\"quiet\">{}measured by the camera", key(rgb(BLUE)));
    if rows.iter().any(|row| !row.true_mm.is_empty()) {
        legend += &format!("{}true (simulator)", key(rgb(ORANGE)));
    }
    Ok(format!("{legend}{}tolerance of the site</p>\n{}", key(rgb(RED)), inline(&svg)))
}

fn rows(report: &QualificationReport) -> Vec<Row> {
    let row = |pair: &SitePair| {
        let transfers: Vec<&TimedTransfer> =
            report.transfers.iter().filter(|one| SitePair::of(one) == *pair).collect();
        let measured = transfers.iter().filter_map(|one| one.measured());
        let truth = transfers.iter().filter_map(|one| one.true_error);
        Row {
            name: pair.to_string(),
            tolerance_mm: report.installation.site(&pair.to).map(|site| site.tolerance_mm),
            measured_mm: measured.map(|error| error.distance_mm()).collect(),
            true_mm: truth.map(|error| error.distance_mm()).collect(),
        }
    };
    report.performance.pairs.iter().map(|one| row(&one.pair)).collect()
}

/// Bands, names, and the axis below.
fn draw_rows(plot: &mut Plot, rows: &[Row], axis: &ValueAxis) -> Result<(), DrawError> {
    let [left, right] = axis.ends();
    let bands = (0..rows.len()).filter(|index| index % 2 == 1).map(|index| index as f64);
    plot.draw_series(bands.map(|middle| {
        Rectangle::new([(left, middle - 0.5), (right, middle + 0.5)], BAND.filled())
    }))?;
    plot.configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRAY.mix(0.25))
        .axis_style(GRAY)
        .x_desc(axis.title("distance from the place, mm"))
        .x_label_formatter(&ValueAxis::label)
        .label_style(("sans-serif", 13, &INK))
        .draw()?;
    let style = ("sans-serif", 13).into_font().color(&INK).pos(Pos::new(HPos::Right, VPos::Center));
    plot.draw_series(rows.iter().enumerate().map(|(index, row)| {
        EmptyElement::at((left, index as f64))
            + Text::new(row.name.clone(), (-10, 0), style.clone())
    }))?;
    Ok(())
}

fn draw_points(plot: &mut Plot, rows: &[Row]) -> Result<(), DrawError> {
    let points = |errors: fn(&Row) -> &Vec<f64>| -> Vec<(f64, f64)> {
        let of_row = |(index, row): (usize, &Row)| {
            let scattered = errors(row).clone().into_iter().enumerate();
            scattered
                .map(move |(number, error)| (error, index as f64 + scatter(number)))
                .collect::<Vec<_>>()
        };
        rows.iter().enumerate().flat_map(of_row).collect()
    };
    let (measured, truth) = (points(|row| &row.measured_mm), points(|row| &row.true_mm));
    plot.draw_series(measured.iter().map(|point| Circle::new(*point, 3, BLUE.mix(0.55).filled())))?;
    if !truth.is_empty() {
        plot.draw_series(truth.iter().map(|point| Circle::new(*point, 3, ORANGE.stroke_width(1))))?;
    }
    let tolerances = rows.iter().enumerate().filter_map(|(index, row)| {
        let (x, middle) = (row.tolerance_mm?, index as f64);
        Some(PathElement::new([(x, middle - 0.5), (x, middle + 0.5)], RED.stroke_width(2)))
    });
    plot.draw_series(tolerances)?;
    Ok(())
}

/// How far from the middle of its row a point lies: multiples of the golden ratio fill it evenly, however many they are.
fn scatter(number: usize) -> f64 {
    let golden = (number as f64 * 0.618_033_988_749_895).fract();
    (2.0 * golden - 1.0) * SCATTER
}
