//! The passing of simulated time.

use std::time::{Duration, Instant};

use super::shared::Shared;
use super::stream::GLANCE;
use crate::emulator::emulator_config::Pace;

/// Lets time pass until the end.
pub(in crate::emulator) fn keep_time(shared: &Shared, pace: Pace) {
    let mut last = Instant::now();
    while !shared.is_stopped() {
        let mut machine = shared.machine();
        let segment_secs = machine.config.segment_secs;
        let wait = match pace {
            Pace::AsFastAsPossible if machine.is_busy() => {
                machine.advance(segment_secs);
                // Requests come in between two segments.
                Duration::from_micros(20)
            }
            Pace::AsFastAsPossible => {
                let woken = shared.changed.wait_timeout(machine, GLANCE);
                drop(woken);
                continue;
            }
            Pace::Times(times) => {
                let mut secs = last.elapsed().as_secs_f64() * times;
                last = Instant::now();
                while secs > 0.0 {
                    machine.advance(secs.min(segment_secs));
                    secs -= segment_secs;
                }
                Duration::from_secs_f64((segment_secs / times).clamp(0.001, 0.02))
            }
        };
        let feedback = std::mem::take(&mut machine.outbox);
        drop(machine);
        shared.send_feedback(feedback);
        std::thread::sleep(wait);
    }
}
