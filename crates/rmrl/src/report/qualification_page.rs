//! A cell's acceptance report as a page to print and to sign.

use rmrl_transfer::{Acceptance, QualificationReport, WorstTransfer};

use super::figure::{data_uri, write_figure};
use super::pair_errors_plot::pair_errors_plot;
use super::qualification_tables as tables;
use super::template::{STYLE, escape, fill};

/// What a PNG begins with.
const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The page of a qualification, without references to other files. `image` gives the PNG of one of the worst transfers, if there
/// is one.
///
/// # Errors
/// The plot of the errors could not be drawn.
pub fn qualification_page(
    report: &QualificationReport,
    image: impl Fn(&WorstTransfer) -> Option<Vec<u8>>,
) -> anyhow::Result<String> {
    let (installation, performance) = (&report.installation, &report.performance);
    let values = [
        ("style", STYLE.to_string()),
        ("cell", escape(&installation.cell)),
        ("date", installation.date.to_string()),
        ("performed_by", escape(&installation.performed_by)),
        ("software", escape(&installation.software)),
        ("result", result(report)),
        ("simulated", simulated(installation.is_simulated).to_string()),
        ("installation", tables::installation(installation)),
        ("operation", tables::operation(&report.checks)),
        ("criterion", criterion(report)),
        ("durations", tables::durations(&performance.total)),
        ("transfers", tables::transfers(performance)),
        ("errors", tables::errors(report)),
        ("plot", pair_errors_plot(report)?),
        ("truth", tables::truth(performance)),
        ("faults", tables::faults(performance)),
        ("refused", tables::refused(report)),
        ("worst", worst(&performance.worst, image)?),
    ];
    Ok(fill(include_str!("qualification.html"), &values))
}

/// Whether the cell is accepted, and by what.
fn result(report: &QualificationReport) -> String {
    let performance = &report.performance;
    let operation = if report.is_operational() { "passed" } else { "not passed" };
    let mut reasons = vec![
        format!("Operational qualification: {operation}."),
        format!("Performance qualification: {}.", performance.in_words(&performance.total)),
    ];
    let bad =
        performance.pairs.iter().filter(|one| one.statistics.acceptance == Acceptance::NotMet);
    let bad: Vec<String> = bad.map(|one| one.pair.to_string()).collect();
    if !bad.is_empty() {
        reasons.push(format!("Proven to do worse than required: {}.", bad.join(", ")));
    }
    let (class, words) = match report.is_accepted {
        true => ("good", "Accepted"),
        false => ("bad", "Not accepted"),
    };
    let reasons: String = reasons.iter().map(|reason| format!("<br>{}", escape(reason))).collect();
    format!("<p class=\"result {class}\"><strong>{words}</strong>{reasons}</p>")
}

fn simulated(is_simulated: bool) -> &'static str {
    match is_simulated {
        true => {
            "<p class=\"result bad\"><strong>Simulated devices</strong><br>This report shows how the software works. It says \
             nothing about a real cell.</p>"
        }
        false => "",
    }
}

/// What is required, in words.
fn criterion(report: &QualificationReport) -> String {
    let performance = &report.performance;
    let least = 100.0 * performance.criterion.least_success;
    format!(
        "The lower end of the 95 % interval of the success rate (Wilson) has to be at least {} %. That takes at least {} transfers \
         without a failure.",
        (least * 1e6).round() / 1e6,
        performance.needed_without_failure
    )
}

/// The worst transfers, each with its image.
fn worst(
    transfers: &[WorstTransfer],
    image: impl Fn(&WorstTransfer) -> Option<Vec<u8>>,
) -> anyhow::Result<String> {
    if transfers.is_empty() {
        return Ok("<p>No error was measured.</p>".to_string());
    }
    let mut html = "<div class=\"trials\">".to_string();
    for transfer in transfers {
        let image = image(transfer).map(|bytes| {
            anyhow::ensure!(
                bytes.starts_with(&PNG),
                "the image of transfer {} is no PNG",
                transfer.number
            );
            Ok(data_uri(&bytes))
        });
        let caption = caption(transfer);
        match image {
            None => {
                html += &format!(
                    "<figure><figcaption>{} (no image)</figcaption></figure>",
                    escape(&caption)
                )
            }
            image => write_figure(&mut html, &caption, image)?,
        }
    }
    Ok(html + "</div>")
}

fn caption(transfer: &WorstTransfer) -> String {
    let WorstTransfer { number, item, labware, from, to, error, .. } = transfer;
    format!(
        "transfer {number}: {item} ({labware}) from {from} to {to}, {:.2} mm and {:.2}° off, {}",
        error.distance_mm(),
        error.yaw_deg,
        if transfer.is_seated { "within the tolerance" } else { "not seated" }
    )
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage};
    use jiff::{Timestamp, ToSpan};
    use rmrl_core::{Rng, random_stream, standard_normal};
    use rmrl_transfer::{
        AcceptanceConfig, CheckResult, Ending, Installation, KnownBy, LeftAt, OperationalCheck,
        PlaceError, Qualification, QualifiedSite, Request, TimedTransfer, TransferReport,
        TrueError,
    };

    use super::*;

    const SITES: [(&str, f64, bool); 4] = [
        ("bench", 3.0, true),
        ("hotel", 3.0, false),
        ("reader", 1.5, true),
        ("lid-park", 3.0, true),
    ];
    /// A name that would be a script, a placeholder and an address, if a page let it.
    const EVIL: &str = "<script>alert('{{errors}}')</script>&\"";

    fn installation(is_simulated: bool) -> Installation {
        let site = |(name, tolerance_mm, is_seen): (&str, f64, bool)| QualifiedSite {
            name: name.to_string(),
            slots: 2,
            description: format!(
                "entered from above, {}",
                if is_seen { "seen by the camera" } else { "not seen" }
            ),
            tolerance_mm,
            tolerance_deg: 2.0,
            labware: if is_seen { Vec::new() } else { vec!["96-well".into(), "384-well".into()] },
        };
        Installation {
            cell: "cell <2> in room 4.017".to_string(),
            is_simulated,
            software: "rmrl 0.1.0".to_string(),
            program_digest: "fnv1a 3f9c2b71d6e0a845".to_string(),
            configuration_digest: "fnv1a 90ab11d2c37f6e5d".to_string(),
            arm: "xArm 6, serial XI130506C19M11, firmware 2.5.0".to_string(),
            gripper: "BIO gripper G2".to_string(),
            camera: "RealSense D435, serial 923322071234".to_string(),
            calibration_age: "3 days, residual 0.3 mm".to_string(),
            sites: SITES.map(site).into(),
            labware: vec!["96-well".to_string(), "384-well".to_string()],
            date: jiff::civil::date(2026, 3, 2),
            performed_by: "A. Person".to_string(),
        }
    }

    fn transfer(rng: &mut Rng, number: usize, is_simulated: bool) -> TimedTransfer {
        let (from, to) = (SITES[number % 4], SITES[(number + 1 + number / 4 % 3) % 4]);
        let mut noise = |scale: f64| scale * standard_normal(rng);
        let known_by = if to.2 { KnownBy::Measured } else { KnownBy::Predicted };
        let (along_mm, across_mm, yaw_deg) = (noise(0.3), noise(0.15), noise(0.2));
        let seconds = 24.0 + noise(2.0);
        let truth = TrueError {
            along_mm: along_mm + noise(0.1),
            across_mm: across_mm + noise(0.1),
            yaw_deg,
        };
        let mut error = PlaceError { known_by, along_mm, across_mm, yaw_deg, interval_mm: 0.7 };
        if known_by == KnownBy::Predicted {
            (error.along_mm, error.across_mm, error.yaw_deg) = (0.0, 0.0, 0.0);
        }
        let begin: Timestamp = "2026-03-02T07:00:00Z".parse().unwrap();
        let request = Request::Move {
            from: format!("{}:1", from.0).parse().unwrap(),
            to: format!("{}:2", to.0).parse().unwrap(),
        };
        let report = TransferReport {
            request,
            item: if number == 7 { EVIL.to_string() } else { format!("plate-{}", number % 5) },
            labware: "96-well".to_string(),
            ending: Ending::Done,
            error: Some(error),
            is_seated: Some(error.distance_mm() <= to.1),
            by_way_of: None,
            carries: 0,
            corrected_by: None,
            passed_over: None,
        };
        TimedTransfer {
            time: begin + (number as i64 * 30).seconds(),
            report,
            wall_seconds: seconds,
            cpu_seconds: 0.4,
            true_error: is_simulated.then_some(truth),
            image: None,
        }
    }

    /// 300 transfers, of which some went wrong.
    fn made_up(is_simulated: bool) -> QualificationReport {
        let mut rng = random_stream(5, "made-up qualification", [0, 0]);
        let criterion = AcceptanceConfig::default();
        let mut qualification = Qualification::new(installation(is_simulated), criterion).unwrap();
        for (name, result, words) in [
            ("doctor", CheckResult::Passed, "arm, gripper and camera answer; 14 checks"),
            ("survey of the sites", CheckResult::Passed, "8 slots reached, all ways clear"),
            ("inventory", CheckResult::Passed, "412 events, no damage"),
            ("stop button", CheckResult::NotMade, "needs a person beside the cell <now>"),
        ] {
            let (name, words) = (name.to_string(), words.to_string());
            qualification.check(OperationalCheck { name, result, words });
        }
        for number in 0..300 {
            let mut one = transfer(&mut rng, number, is_simulated);
            let item = one.report.item.clone();
            let reason = |reason: &str| reason.replace("ITEM", &item);
            let ending = match number {
                7 => Some(Ending::Unknown { reason: reason("ITEM fell") }),
                40 | 90 => Some(Ending::NotDone {
                    at: LeftAt::From,
                    reason: reason(&format!("ITEM is known to ±{number}.5 mm only")),
                }),
                120 => Some(Ending::NotDone {
                    at: LeftAt::Jaws,
                    reason: "it met something 7 mm before its place in reader".to_string(),
                }),
                _ => None,
            };
            if let Some(ending) = ending {
                one.report.ending = ending;
                (one.report.error, one.report.is_seated, one.true_error) = (None, None, None);
            }
            if number == 200 {
                let error = one.report.error.as_mut().unwrap();
                (error.known_by, error.along_mm) = (KnownBy::Measured, 4.2);
                (one.report.item, one.report.is_seated) = (EVIL.to_string(), Some(false));
            }
            qualification.record(one).unwrap();
        }
        let request =
            Request::Move { from: "hotel:1".parse().unwrap(), to: "hotel:2".parse().unwrap() };
        qualification.refuse(request, "the way between is not clear: \"hotel\" at 7 mm");
        qualification.report()
    }

    fn png() -> Vec<u8> {
        let image = RgbImage::from_fn(320, 240, |x, y| {
            let is_plate = (80..240).contains(&x) && (70..170).contains(&y);
            if is_plate { Rgb([220, 225, 230]) } else { Rgb([60 + (x / 8) as u8, 70, 80]) }
        });
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// Writes a page to the folder that `RMRL_PAGES` names, to look at it.
    fn keep(name: &str, page: &str) {
        if let Some(folder) = std::env::var_os("RMRL_PAGES") {
            std::fs::write(std::path::Path::new(&folder).join(name), page).unwrap();
        }
    }

    #[test]
    fn the_page_shows_everything_and_refers_to_nothing() {
        for is_simulated in [true, false] {
            let report = made_up(is_simulated);
            let worst = report.performance.worst.iter().map(|one| one.number).collect::<Vec<_>>();
            let image = |one: &WorstTransfer| (one.number != worst[2]).then(png);
            let page = qualification_page(&report, image).unwrap();
            keep(&format!("qualification-{is_simulated}.html"), &page);
            for reference in ["http", "src=\"/", "url(", "@import", "<link", "<script"] {
                assert!(!page.contains(reference), "{reference}");
            }
            assert!(!page.contains("{{style}}") && !page.contains("{{worst}}"));
            assert_eq!(page.matches("src=\"data:image/png;base64,").count(), 2);
            assert!(page.contains("(no image)"));
            assert_eq!(page.matches("<svg").count(), 1);
            for text in [
                "Not accepted",
                "cell &lt;2&gt; in room 4.017",
                "xArm 6, serial XI130506C19M11",
                "<td class=\"open\">not made</td><td>needs a person beside the cell &lt;now&gt;</td>",
                "bench to hotel",
                "too few: 25 of at least 189",
                "the item is known to ±# mm only",
                "from hotel:1 to hotel:2",
                "reviewed by",
                "at least 98 %",
            ] {
                assert!(page.contains(text), "{text}");
            }
            assert_eq!(page.contains("Simulated devices"), is_simulated);
            assert_eq!(page.contains("True errors"), is_simulated);
            // The name of an item is text, whatever it looks like.
            let shown = "&lt;script&gt;alert('{{errors}}')&lt;/script&gt;&amp;&quot;";
            assert!(page.contains(shown));
        }
    }

    #[test]
    fn an_image_that_is_none_is_said() {
        let page = qualification_page(&made_up(false), |_| Some(b"GIF89a".to_vec())).unwrap();
        assert_eq!(page.matches("(the image is missing or damaged)").count(), 3);
        assert!(!page.contains("<img"));
    }

    #[test]
    fn a_qualification_without_transfers_has_a_page() {
        let criterion = AcceptanceConfig { least_success: 0.95 };
        let empty = Qualification::new(installation(false), criterion).unwrap().report();
        let page = qualification_page(&empty, |_| None).unwrap();
        keep("qualification-empty.html", &page);
        for text in
            ["Not accepted", "Nothing was checked", "No error was measured", "at least 95 %"]
        {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("NaN") && !page.contains(" -0") && !page.contains("<svg"));
    }
}
