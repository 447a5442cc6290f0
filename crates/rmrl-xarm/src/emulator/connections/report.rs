//! A link of a report port.

use std::io::{self, Write};
use std::time::Instant;

use super::shared::Shared;
use super::stream::{GLANCE, Stream};
use crate::emulator::firmware::Firmware;
use crate::emulator::state_report::{ReportKind, state_report};

/// From this firmware on, there are reports 250 times a second.
const REAL_TIME: Firmware = Firmware::new(2, 1, 0);

/// Sends reports until the client leaves.
pub(super) fn push_reports(
    shared: &Shared,
    mut stream: Stream,
    kind: ReportKind,
) -> io::Result<()> {
    stream.prepare()?;
    // Older controllers do not have that port; the emulator has it and closes each link at once.
    let firmware = shared.machine().config.firmware;
    if kind == ReportKind::RealTime && firmware < REAL_TIME {
        return Ok(());
    }
    let mut next = Instant::now();
    while !shared.is_stopped() {
        if Instant::now() < next {
            std::thread::sleep(GLANCE.min(next.saturating_duration_since(Instant::now())));
            continue;
        }
        if !shared.faults.reports_are_silent() {
            let bytes = state_report(&shared.machine(), kind);
            stream.write_all(&bytes)?;
            if matches!(kind, ReportKind::Normal | ReportKind::Rich) {
                shared.note_report();
            }
        }
        next += kind.period();
    }
    Ok(())
}
