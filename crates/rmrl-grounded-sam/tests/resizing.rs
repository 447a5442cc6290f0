//! The images of the tests are those that `transformers` was given, or nothing else means anything.

mod images;

use images::{NAMES, expected, fnv, image};

#[test]
fn the_images_are_the_fixtures() {
    for name in NAMES {
        assert_eq!(fnv(image(name).as_raw()), expected()["pictures"][name], "{name}");
    }
}
