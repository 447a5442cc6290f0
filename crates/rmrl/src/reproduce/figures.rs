//! The reproduction's figures, as SVG.

use plotters::prelude::*;
use rmrl_cell::TaskKind;
use rmrl_core::quantile;
use rmrl_learn::MethodName;

use super::numbers::name_of;
use super::row::{Estimate, Row};
use super::tables::TableSettings;

/// Width and height of a figure, in pixels.
const SIZE: (u32, u32) = (960, 420);
const INK: RGBColor = RGBColor(0x2a, 0x2e, 0x35);
const GRAY: RGBColor = RGBColor(0x8a, 0x8f, 0x98);
/// Colors that a color-blind reader can distinguish (Okabe and Ito 2008).
const COLORS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x8b, 0x1a, 0x1a),
];
/// The grays of control conditions, whose curves are dashed.
const GRAYS: [RGBColor; 4] = [
    RGBColor(0x6b, 0x6b, 0x6b),
    RGBColor(0xc4, 0xc4, 0xc4),
    RGBColor(0x98, 0x98, 0x98),
    RGBColor(0x00, 0x00, 0x00),
];

/// A figure that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the figure {title:?} could not be drawn: {reason}")]
pub struct FigureError {
    /// The figure.
    title: &'static str,
    /// Why it could not be drawn.
    reason: String,
}

/// Rows that are drawn in one figure.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    /// What they have in common.
    pub title: String,
    /// The rows, few enough to be distinguished.
    pub rows: Vec<Row<'a>>,
}

/// A curve, with a band if the method learns.
struct Curve {
    name: String,
    points: Vec<(f64, Estimate)>,
    learns: bool,
    color: RGBColor,
}

/// Distributes rows over figures, so that few are drawn together: several variants by method, otherwise
/// the paper's methods, hindsight and self-calibration apart from the other online updates. Control conditions are in each.
pub fn panels<'a>(rows: &[Row<'a>]) -> Vec<Panel<'a>> {
    let several = rows.iter().any(|row| row.variant != rows[0].variant);
    let title = |row: &Row| match row.method {
        method if !is_of_its_own(method) => None,
        method if several => Some(method.title()),
        MethodName::Ppo
        | MethodName::PpoRmRl
        | MethodName::ActorCritic
        | MethodName::ActorCriticRmRl => Some("Other online updates"),
        _ => Some("The paper's methods, hindsight and self-calibration"),
    };
    let mut titles: Vec<Option<&str>> = Vec::new();
    for title in rows.iter().map(title).filter(Option::is_some) {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    if titles.is_empty() {
        titles.push(None);
    }
    let panel = |wanted: Option<&str>| Panel {
        title: wanted.unwrap_or("Without learning").to_string(),
        rows: rows
            .iter()
            .filter(|row| title(row).is_none_or(|its| Some(its) == wanted))
            .cloned()
            .collect(),
    };
    titles.into_iter().map(panel).collect()
}

/// Whether a method learns anything, and so has a curve of its own: a network, or its geometry.
fn is_of_its_own(method: MethodName) -> bool {
    method.learns() || method.is_self_calibration()
}

/// Fig. 5: the moving average of the reward, interquartile mean over cells with its 95 % band.
///
/// # Errors
/// It could not be drawn.
pub fn reward_curves(rows: &[Row], settings: TableSettings) -> Result<String, FigureError> {
    let curves = curves(rows, |row| row.reward_curve(settings.smoothing));
    // One early failed grasp pulls an average far down, so the lowest values are cut off.
    let values: Vec<f64> = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|(_, estimate)| estimate.interval.low))
        .collect();
    let lowest = quantile(&values, 0.05).clamp(0.005, 0.95);
    let axes = Axes {
        title: "reward curves",
        x: "trial",
        y: "reward, moving average",
        range: lowest - 0.005..1.0,
        legend: SeriesLabelPosition::LowerRight,
    };
    draw(&axes, &curves)
}

/// The greedy policy's true error on held-out placements during training.
///
/// # Errors
/// It could not be drawn.
pub fn greedy_curves(rows: &[Row]) -> Result<String, FigureError> {
    let longest =
        rows.iter().flat_map(|row| &row.units).map(|unit| unit.length() as f64).fold(1.0, f64::max);
    let curves = curves(rows, |row| {
        let mut points = row.greedy_curve();
        // A control condition does not change.
        if let [(_, only)] = points[..] {
            points.push((longest, only));
        }
        points
    });
    let highest = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|(_, estimate)| estimate.interval.high))
        .fold(1.0, f64::max);
    let axes = Axes {
        title: "greedy curves",
        x: "trials learned from",
        y: "true error on held-out placements, mm",
        range: 0.0..highest * 1.05,
        legend: SeriesLabelPosition::UpperRight,
    };
    draw(&axes, &curves)
}

/// Performance profiles: the share of cells whose final true error is at most x millimeters.
///
/// # Errors
/// It could not be drawn.
pub fn profiles(rows: &[Row], task: TaskKind) -> Result<String, FigureError> {
    let curves = curves(rows, |row| {
        let limits = (0..=100).map(|step| 0.1 * f64::from(step));
        limits
            .filter_map(|limit_mm| {
                let (value, interval) = row.profile(task, limit_mm)?;
                Some((limit_mm, Estimate { value, interval }))
            })
            .collect()
    });
    let axes = Axes {
        title: "performance profiles",
        x: "final true error at most, mm",
        y: "share of cells",
        range: 0.0..1.02,
        legend: SeriesLabelPosition::LowerRight,
    };
    draw(&axes, &curves)
}

fn curves(rows: &[Row], points: impl Fn(&Row) -> Vec<(f64, Estimate)>) -> Vec<Curve> {
    let (mut colors, mut grays) = (COLORS.iter().cycle(), GRAYS.iter().cycle());
    let mut curve = |row: &Row| {
        let learns = is_of_its_own(row.method);
        let color = if learns { colors.next() } else { grays.next() };
        Curve {
            name: name_of(row, rows),
            points: points(row),
            learns,
            color: *color.expect("a cycle has no end"),
        }
    };
    rows.iter().map(&mut curve).collect()
}

struct Axes {
    title: &'static str,
    x: &'static str,
    y: &'static str,
    range: std::ops::Range<f64>,
    legend: SeriesLabelPosition,
}

fn draw(axes: &Axes, curves: &[Curve]) -> Result<String, FigureError> {
    let mut svg = String::new();
    let right =
        curves.iter().filter_map(|curve| curve.points.last().map(|(x, _)| *x)).fold(1.0, f64::max);
    let drawn = || -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut plot = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..right, axes.range.clone())?;
        plot.configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRAY.mix(0.25))
            .axis_style(GRAY)
            .x_desc(axes.x)
            .y_desc(axes.y)
            .label_style(("sans-serif", 13, &INK))
            .draw()?;
        let within = |value: f64| value.clamp(axes.range.start, axes.range.end);
        for curve in curves.iter().filter(|curve| curve.learns) {
            let upper = curve.points.iter().map(|(x, at)| (*x, within(at.interval.high)));
            let lower = curve.points.iter().rev().map(|(x, at)| (*x, within(at.interval.low)));
            let band: Vec<(f64, f64)> = upper.chain(lower).collect();
            plot.draw_series([Polygon::new(band, curve.color.mix(0.12).filled())])?;
        }
        for curve in curves {
            let style = curve.color.stroke_width(2);
            let line: Vec<(f64, f64)> =
                curve.points.iter().map(|(x, at)| (*x, within(at.value))).collect();
            let is_dashed = !curve.learns;
            let drawn = if is_dashed {
                plot.draw_series(DashedLineSeries::new(line, 6, 4, style))?
            } else {
                plot.draw_series(LineSeries::new(line, style))?
            };
            drawn.label(&curve.name).legend(move |(x, y)| {
                let right = if is_dashed { x + 8 } else { x + 18 };
                PathElement::new([(x, y), (right, y)], style)
            });
        }
        plot.configure_series_labels()
            .position(axes.legend.clone())
            .background_style(WHITE.mix(0.85))
            .border_style(GRAY.mix(0.4))
            .label_font(("sans-serif", 12, &INK))
            .draw()?;
        area.present()
    }();
    drawn.map_err(|error| FigureError { title: axes.title, reason: error.to_string() })?;
    Ok(svg)
}
