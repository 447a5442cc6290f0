//! The images of the tests equal those that `transformers` got; otherwise no comparison means anything.

mod images;

use images::{NAMES, expected, fnv, image};

#[test]
fn the_images_match_the_fixtures() {
    for name in NAMES {
        assert_eq!(fnv(image(name).as_raw()), expected()["pictures"][name], "{name}");
    }
}
