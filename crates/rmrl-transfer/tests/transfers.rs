//! Transfers in simulated laboratories, from a fresh start on.

mod common;

use common::{Laboratory, TWO_PLATES};
use rmrl_transfer::Ending;

#[test]
fn a_fresh_cell_brings_a_plate_from_the_hotel_to_the_reader() {
    let dir = tempfile::tempdir().unwrap();
    let mut laboratory = Laboratory::new(dir.path(), &TWO_PLATES[..1], 3);
    let report = laboratory.transfer("hotel:1", "reader");
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert_eq!(report.is_seated, Some(true), "{report:?}");
    assert_eq!(report.carries, 7);
    let plate = laboratory.item("plate-1");
    eprintln!("{report:?} {plate:?}");
    assert!(plate.slot.unwrap().1.x_mm.abs() < 1.0);
    // Now that it has learned, it needs no look in between.
    let back = laboratory.transfer("reader", "hotel:2");
    assert_eq!((back.ending, back.carries), (Ending::Done, 0));
    let again = laboratory.transfer("hotel:2", "reader");
    assert_eq!((again.ending.clone(), again.carries), (Ending::Done, 0));
    assert_eq!(again.is_seated, Some(true), "{again:?}");
}

#[test]
fn a_lidded_plate_is_read_without_its_lid_and_put_away_with_it() {
    for seed in 1..=8 {
        let dir = tempfile::tempdir().unwrap();
        let mut laboratory = Laboratory::new(dir.path(), &TWO_PLATES, seed);
        let unlid = laboratory.unlid("bench", "lid-park");
        eprintln!("{unlid:?}");
        for item in laboratory.truth.items() {
            eprintln!("{item:?}");
        }
        assert_eq!(unlid.ending, Ending::Done);
        for (from, to) in
            [("bench", "reader"), ("reader", "bench"), ("lid-park", "bench"), ("bench", "hotel:2")]
        {
            let report = laboratory.transfer(from, to);
            eprintln!("{report:?}");
            for item in laboratory.truth.items() {
                eprintln!("{item:?}");
            }
            if report.ending != Ending::Done || report.is_seated != Some(true) { eprintln!("BAD seed {seed}"); }
        }
        let lid = laboratory.item("plate-2.lid");
        assert_eq!(lid.lies_on.as_deref(), Some("plate-2"));
    }
}
