//! The pictures of the tests are those that `transformers` was given, or nothing else means anything.

mod pictures;

use pictures::{NAMES, expected, fnv, picture};

#[test]
fn the_pictures_are_the_fixtures() {
    for name in NAMES {
        assert_eq!(fnv(picture(name).as_raw()), expected()["pictures"][name], "{name}");
    }
}
