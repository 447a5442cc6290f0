//! Where in the image the views show no corner.

use crate::View;

/// The regions at the image's border, with the side of the image that each reaches: -1, 0 or 1 along `u` and `v`.
const REGIONS: [(&str, [i8; 2]); 8] = [
    ("top left", [-1, -1]),
    ("top", [0, -1]),
    ("top right", [1, -1]),
    ("left", [-1, 0]),
    ("right", [1, 0]),
    ("bottom left", [-1, 1]),
    ("bottom", [0, 1]),
    ("bottom right", [1, 1]),
];
/// A view reaches a border if it has a corner within this share of the image's side from it.
const NEAR_BORDER: f64 = 1.0 / 6.0;

/// The regions at the image's border where no view shows a corner. The distortion there is extrapolated.
///
/// A side counts as seen by a corner within a sixth of the image from it, in the middle third along it; a corner of the
/// image by one within a sixth of both its sides.
pub(crate) fn unseen_regions(views: &[&View]) -> Vec<&'static str> {
    let is_seen = |sides: [i8; 2]| {
        views.iter().any(|view| {
            view.corners.iter().any(|corner| {
                let place = [corner.pixel.x, corner.pixel.y];
                (0..2).all(|axis| {
                    let share = place[axis] / (f64::from(view.size[axis]) - 1.0);
                    match sides[axis] {
                        -1 => share <= NEAR_BORDER,
                        1 => share >= 1.0 - NEAR_BORDER,
                        _ => (1.0 / 3.0..=2.0 / 3.0).contains(&share),
                    }
                })
            })
        })
    };
    REGIONS.into_iter().filter(|(_, sides)| !is_seen(*sides)).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use nalgebra::Point2;

    use super::*;

    #[test]
    fn regions_without_corners_are_named() {
        let view = |pixels: &[[f64; 2]]| {
            View::whole("", [640, 480], pixels.iter().map(|pixel| Point2::from(*pixel)), 0.5)
        };
        let middle = view(&[[320.0, 240.0], [200.0, 150.0]]);
        assert_eq!(unseen_regions(&[&middle]).len(), 8);
        let sides = view(&[[320.0, 20.0], [320.0, 470.0], [50.0, 240.0], [600.0, 240.0]]);
        assert_eq!(
            unseen_regions(&[&middle, &sides]),
            ["top left", "top right", "bottom left", "bottom right"]
        );
        let corners = view(&[[20.0, 20.0], [600.0, 20.0], [30.0, 450.0]]);
        assert_eq!(unseen_regions(&[&middle, &sides, &corners]), ["bottom right"]);
    }
}
