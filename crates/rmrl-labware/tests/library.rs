//! Labware from TOML tables, alone and like others.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

use rmrl_labware::{LabwareKind, Library, LibraryError};

fn with(text: &str) -> Result<Library, LibraryError> {
    Library::built_in().with_toml(text)
}

/// All keys of a table.
const OWN: &str = r#"
[labware.mine]
length_m = 0.12
width_m = 0.08
height_m = 0.02
stacking_height_m = 0.018
grip = { width_m = 0.08, height_m = 0.003 }
"#;

#[test]
fn a_table_needs_no_more_than_the_dimensions() {
    let library = with(OWN).unwrap();
    let mine = library.get("mine").unwrap();
    assert_eq!((mine.name.as_str(), mine.kind), ("mine", LabwareKind::Microplate));
    assert_eq!((mine.grip.tolerance_m, mine.lid), (0.002, None));
    assert_eq!(library.names().count(), 5);
    assert_eq!(library.iter().filter(|one| one.name == "mine").count(), 1);
    assert_eq!(with("").unwrap(), Library::default());
}

#[test]
fn a_table_is_like_another_but_for_its_own_keys() {
    // The order of the tables does not matter.
    let library = with(r#"
        [labware.taller]
        like = "lidded"
        height_m = 0.016
        [labware.lidded]
        like = "96-well-with-lid"
        lid.nesting_m = 0.006
        grip.tolerance_m = 0.001
        [labware.new-lid]
        like = "96-well"
        lid = { length_m = 0.127, width_m = 0.085, height_m = 0.009, nesting_m = 0.007, grip_height_m = 0.004 }
        "#)
    .unwrap();
    let built_in = library.get("96-well-with-lid").unwrap();
    let taller = library.get("taller").unwrap();
    assert_eq!((taller.name.as_str(), taller.height_m, taller.width_m), ("taller", 0.016, 0.08548));
    assert_eq!((taller.grip.tolerance_m, taller.grip.width_m), (0.001, 0.08548));
    let (lid, built_in_lid) = (taller.lid.unwrap(), built_in.lid.unwrap());
    assert_eq!((lid.nesting_m, lid.height_m), (0.006, built_in_lid.height_m));
    assert_eq!(library.get("lidded").unwrap().height_m, 0.01435);
    assert_eq!(library.get("new-lid").unwrap().lid.unwrap().length_m, 0.127);
}

#[test]
fn every_error_names_its_key_and_what_was_expected() {
    let known = "384-well, 96-deep-well, 96-well, 96-well-with-lid";
    let missing = OWN.replace("width_m = 0.08\n", "");
    let no_grip_width = OWN.replace("{ width_m = 0.08, ", "{ ");
    let cases: [(&str, &str); 15] = [
        (
            "[labware.a]\nlike = \"69-well\"",
            &format!("labware.a.like is \"69-well\", expected one of: {known}"),
        ),
        (
            "[labware.a]\nlike = \"a\"",
            "labware.a.like leads back to it (a -> a), expected one that says its own dimensions",
        ),
        (
            "[labware.a]\nlike = \"b\"\n[labware.b]\nlike = \"c\"\n[labware.c]\nlike = \"b\"",
            "labware.b.like leads back to it (b -> c -> b)",
        ),
        ("[labware.a]\nlike = 1", "labware.a.like: it is integer, expected the name"),
        (
            "[labware.96-well]\nlike = \"384-well\"",
            "labware.96-well is there already, expected another name and like = \"96-well\"",
        ),
        (
            "[labware.a]\nlike = \"96-well\"\nname = \"b\"",
            "labware.a.name: it is given, expected none",
        ),
        (
            "[labware.a]\nlike = \"96-well\"\nhight_m = 1",
            "labware.a.hight_m: unknown field `hight_m`",
        ),
        ("[labware.a]\nlike = \"96-well\"\ngrip.hold = 1", "labware.a.grip.hold: unknown field"),
        (
            "[labware.a]\nlike = \"96-well\"\nheight_m = \"1\"",
            "labware.a.height_m: invalid type: string \"1\"",
        ),
        (
            "[labware.a]\nlike = \"96-well\"\nkind = \"cup\"",
            "labware.a.kind: unknown variant `cup`",
        ),
        (
            "[labware.a]\nlike = \"96-well\"\nwidth_m = 0.1",
            "labware.a.grip.width_m is 0.08548, expected length_m, 0.12776, or width_m, 0.1,",
        ),
        (&missing, "labware.mine: missing field `width_m`"),
        (&no_grip_width, "labware.mine.grip: missing field `width_m`"),
        ("[labware]\na = 1", "labware.a: it is integer, expected a table"),
        ("labware = 1", "labware: it is integer, expected a table"),
    ];
    for (text, expected) in cases {
        let error = with(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
    assert!(with("[labwares.a]").unwrap_err().to_string().starts_with("labwares: unknown key"));
    assert!(with("[labware").unwrap_err().to_string().contains("TOML parse error"));
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = with(OWN).unwrap().get("yours").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no labware \"yours\", expected one of: \
         384-well, 96-deep-well, 96-well, 96-well-with-lid, mine"
    );
}

/// A lid is labware of its own only by its plate, so its name is nobody else's.
#[test]
fn lids_that_lie_alone_are_known_by_the_name_of_their_plate() {
    let library = with("[labware.tall]\nlike = \"96-well-with-lid\"\nheight_m = 0.016").unwrap();
    let lid = library.get("tall.lid").unwrap();
    assert_eq!(lid, &library.get("tall").unwrap().lid_alone().unwrap());
    let names: Vec<&str> = library.lids().map(|lid| lid.name.as_str()).collect();
    assert_eq!(names, ["96-well-with-lid.lid", "tall.lid"]);
    assert!(library.names().all(|name| !name.contains(".lid")));
    assert!(library.get("96-well.lid").is_err());
    let own = |name: &str| format!("[labware.\"{name}\"]\nlike = \"96-well\"");
    for text in [own("96-well-with-lid.lid"), OWN.replace("mine", "\"96-well-with-lid.lid\"")] {
        let error = with(&text).unwrap_err().to_string();
        assert!(error.contains("labware.96-well-with-lid.lid is there already"), "{error}");
    }
    // The lid's name was taken before.
    let both = format!("{}\n[labware.tall]\nlike = \"96-well-with-lid\"", own("tall.lid"));
    let error = with(&both).unwrap_err().to_string();
    assert!(error.contains("labware.tall.lid is there already"), "{error}");
    let mut library = with(&own("tall.lid")).unwrap();
    let mut plate = library.get("96-well-with-lid").unwrap().clone();
    plate.name = "tall".to_string();
    assert!(
        matches!(library.insert(plate), Err(LibraryError::Taken { name, .. }) if name == "tall.lid")
    );
    assert!(library.get("tall").is_err());
}

#[test]
fn labware_is_inserted_once_and_checked() {
    let mut library = Library::built_in();
    let mut plate = library.get("96-well").unwrap().clone();
    let error = library.insert(plate.clone()).unwrap_err().to_string();
    assert_eq!(error, "labware.96-well is there already, expected another name");
    plate.name = "other".to_string();
    library.insert(plate.clone()).unwrap();
    assert_eq!(library.get("other").unwrap(), &plate);
    plate.name = "wrong".to_string();
    plate.height_m = 0.0;
    let error = library.insert(plate).unwrap_err().to_string();
    assert_eq!(error, "labware.wrong.height_m is 0, expected above 0 and at most 1");
}

#[test]
fn errors_of_files_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labware.toml");
    let read = |text: &[u8]| {
        std::fs::write(&path, text).unwrap();
        Library::read(&path)
    };
    assert_eq!(read(OWN.as_bytes()).unwrap().get("mine").unwrap().height_m, 0.02);
    for (text, expected) in [
        (&b"[labware"[..], "labware.toml is no labware file: TOML parse error"),
        (b"\xFF", "labware.toml is no labware file: it is no UTF-8 text"),
        (b"[labware.a]\nlike = 'b'", "labware.toml: labware.a.like is \"b\""),
        (b"cell = 1", "labware.toml: cell: unknown key, expected only [labware.NAME]"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nexpected {expected}");
    }
    let error = read(&vec![b' '; (1 << 20) + 1]).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the labware file"), "{error}");
    assert!(matches!(Library::read(folder.path()), Err(LibraryError::Read { .. })));
}
