//! The errors at a site over days, as SVG.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use rmrl_inventory::SlotAddress;
use rmrl_transfer::DaySummary;

use super::figure::key;
use super::plot_style::{BLUE, GRAY, INK, ORANGE, PlotError, RED, inline, rgb, without_smallest};
use super::site_history::SiteHistory;
use super::value_axis::ValueAxis;

/// Width and height, in pixels.
const SIZE: (u32, u32) = (960, 320);
/// The most points that are drawn: more do not fit beside each other, and make a large page.
const MOST_POINTS: usize = 3000;
/// The axis is logarithmic where an error is below this, in millimeters.
const FINE_MM: f64 = 0.05;
/// The height of a line of text, in pixels.
const LINE: i32 = 16;

type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, ValueAxis>>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// What is drawn of a site. Times are days since the first day's beginning, errors millimeters.
struct Site {
    first_day: Date,
    days: f64,
    points: Vec<(f64, f64)>,
    thinned: usize,
    medians: Vec<(f64, f64)>,
    quantiles: Vec<(f64, f64)>,
    alarms: Vec<(f64, String)>,
    acknowledged: Vec<f64>,
    tolerance_mm: Option<f64>,
}

/// The errors at a slot: each transfer, daily medians and 95 % quantiles, the tolerance, and alarms as vertical lines with their
/// words. SVG below its legend; empty for a slot without transfers.
///
/// # Errors
/// It could not be drawn.
pub(super) fn site_history_plot(
    history: &SiteHistory,
    slot: &SlotAddress,
    summaries: &[DaySummary],
) -> Result<String, PlotError> {
    let Some(site) = Site::of(history, slot, summaries) else { return Ok(String::new()) };
    let errors: Vec<f64> = site.points.iter().map(|(_, error)| *error).collect();
    let axis =
        ValueAxis::of_errors(&without_smallest(&errors), site.tolerance_mm.unwrap_or(0.0), FINE_MM);
    let mut svg = String::new();
    let drawn = || -> Result<(), DrawError> {
        let area: DrawingArea<SVGBackend, Shift> =
            SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        // The words of alarms stand above the points.
        let above = LINE as u32 * site.alarms.len().min(4) as u32;
        let mut plot = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(44)
            .margin_top(8 + above)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..site.days, axis.clone())?;
        draw_axes(&mut plot, &site, &axis)?;
        draw_errors(&mut plot, &site)?;
        draw_events(&mut plot, &site, &axis)?;
        area.present()
    }();
    drawn.map_err(|error| PlotError::of(&error))?;
    Ok(format!("<p class=\"quiet\">{}</p>\n{}", legend(&site), inline(&svg)))
}

/// What the colors stand for. What is not drawn is not named.
fn legend(site: &Site) -> String {
    let transfers = match site.thinned {
        1 => "transfer".to_string(),
        each => format!("one of {each} transfers"),
    };
    let mut entries = vec![
        (BLUE, transfers.as_str()),
        (INK, "median of the day"),
        (ORANGE, "95 % quantile of the day"),
    ];
    entries.extend(site.tolerance_mm.map(|_| (RED, "tolerance")));
    entries.extend((!site.acknowledged.is_empty()).then_some((GRAY, "acknowledged")));
    entries.into_iter().map(|(color, words)| key(rgb(color)) + words).collect()
}

impl Site {
    fn of(history: &SiteHistory, name: &SlotAddress, summaries: &[DaySummary]) -> Option<Self> {
        let transfers = history.errors.to_site(name);
        let (first, last) = (transfers.first()?, transfers.last()?);
        let day_of = |time: Timestamp| time.to_zoned(history.time_zone.clone()).date();
        let first_day = day_of(first.time);
        let begin = first_day.to_zoned(history.time_zone.clone()).ok()?.timestamp();
        let at = |time: Timestamp| time.duration_since(begin).as_secs_f64() / 86_400.0;
        let thinned = transfers.len().div_ceil(MOST_POINTS);
        let points = transfers.iter().step_by(thinned);
        let of_day = |value: fn(&DaySummary) -> f64| -> Vec<(f64, f64)> {
            let here = summaries.iter().filter(|summary| summary.site == *name);
            // A day's value is drawn at its noon.
            here.filter_map(|summary| {
                let noon = (summary.day.since(first_day).ok()?.get_days() as f64) + 0.5;
                Some((noon, 1000.0 * value(summary)))
            })
            .collect()
        };
        let days = at(last.time).floor() + 1.0;
        let alarms = history.alarms_of(name);
        let acknowledged = history.acknowledged_of(name).map(|one| at(one.time));
        Some(Self {
            first_day,
            days,
            points: points
                .map(|one| (at(one.time), 1000.0 * one.error().translation_m()))
                .collect(),
            thinned,
            medians: of_day(|summary| summary.translation_m.median),
            quantiles: of_day(|summary| summary.translation_m.quantile_95),
            alarms: alarms.map(|raised| (at(raised.alarm.time), raised.in_words())).collect(),
            acknowledged: acknowledged.filter(|at| (0.0..=days).contains(at)).collect(),
            tolerance_mm: history.tolerance_mm.get(name.site()).copied(),
        })
    }
}

fn draw_axes(plot: &mut Plot, site: &Site, axis: &ValueAxis) -> Result<(), DrawError> {
    let date = |day: &f64| {
        // Only whole days have a date.
        let whole = day.round();
        if (day - whole).abs() > 1e-6 {
            return String::new();
        }
        let date = site.first_day.checked_add((whole as i64).days());
        date.map_or(String::new(), |date| date.to_string())
    };
    plot.configure_mesh()
        .disable_x_mesh()
        .x_labels(8)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRAY.mix(0.25))
        .axis_style(GRAY)
        .y_desc(axis.title("mm"))
        .y_label_formatter(&ValueAxis::label)
        .x_label_formatter(&date)
        .label_style(("sans-serif", 13, &INK))
        .draw()
}

fn draw_errors(plot: &mut Plot, site: &Site) -> Result<(), DrawError> {
    let points = site.points.iter();
    plot.draw_series(points.map(|point| Circle::new(*point, 2, BLUE.mix(0.45).filled())))?;
    for (values, color) in [(&site.medians, INK), (&site.quantiles, ORANGE)] {
        plot.draw_series(LineSeries::new(values.iter().copied(), color.stroke_width(2)))?;
        plot.draw_series(values.iter().map(|point| Circle::new(*point, 3, color.filled())))?;
    }
    if let Some(tolerance_mm) = site.tolerance_mm {
        let line = [(0.0, tolerance_mm), (site.days, tolerance_mm)];
        plot.draw_series(LineSeries::new(line, RED.stroke_width(1)))?;
    }
    Ok(())
}

/// Alarms as lines with their words above, acknowledgments as thin ones.
fn draw_events(plot: &mut Plot, site: &Site, axis: &ValueAxis) -> Result<(), DrawError> {
    let [bottom, top] = axis.ends();
    plot.draw_series(
        site.acknowledged
            .iter()
            .map(|at| PathElement::new([(*at, bottom), (*at, top)], GRAY.stroke_width(2))),
    )?;
    for (index, (at, words)) in site.alarms.iter().enumerate() {
        let line = PathElement::new([(*at, bottom), (*at, top)], RED.stroke_width(2));
        plot.draw_series([line])?;
        // Towards the middle of the plot, and none on another.
        let (side, shift) = if *at > site.days / 2.0 { (HPos::Right, -2) } else { (HPos::Left, 2) };
        let style = ("sans-serif", 13).into_font().color(&RED).pos(Pos::new(side, VPos::Bottom));
        let height = -2 - LINE * (index % 4) as i32;
        let text = EmptyElement::at((*at, top)) + Text::new(words.clone(), (shift, height), style);
        plot.draw_series([text])?;
    }
    Ok(())
}
