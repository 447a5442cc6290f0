//! Limits for the sources of all crates: short files, short functions, few arguments, and no cycle of files.
//! The module `sources` reads them; its own tests are below the limits.

#![allow(clippy::unwrap_used, reason = "a test that fails at an unwrap has done its work")]

mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sources::Sources;
use sources::cycles::cycles;
use sources::functions::Function;
use sources::lexer::tokens;

/// The most lines of a file before its tests.
const FILE_LINES: usize = 400;
/// The most lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES: usize = 60;
/// The most arguments of a function, `self` included.
const ARGUMENTS: usize = 6;

/// What may exceed a limit: the file or `file::function`, and the reason why splitting it would not help.
type Exceptions = &'static [(&'static str, &'static str)];

const LONG_FILES: Exceptions = &[];
const LONG_FUNCTIONS: Exceptions = &[
    (
        "crates/rmrl-xarm/src/protocol/command/encode.rs::encode_params",
        "a table: one arm for each command, with its bytes",
    ),
    (
        "crates/rmrl-xarm/src/protocol/error_tables.rs::controller_error",
        "a table: one arm for each code of the controller, with its meaning and recovery",
    ),
];
const MANY_ARGUMENTS: Exceptions = &[];

/// The sources of each crate, by the path of its `src` from the repository's root.
static CRATES: LazyLock<Vec<(String, Sources)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    crates.sort();
    let crates: Vec<(String, Sources)> = crates
        .iter()
        .filter(|src| src.is_dir())
        .map(|src| {
            let name = src.parent().unwrap().file_name().unwrap().to_string_lossy();
            (format!("crates/{name}/src"), Sources::read(src))
        })
        .collect();
    assert!(crates.len() > 10, "only {} crates were found", crates.len());
    crates
});

/// In tests each of our crates keeps its overflow checks and debug assertions.
#[test]
fn the_profile_of_the_tests_has_every_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let profile = fs::read_to_string(root.join(".cargo/tests.toml")).unwrap();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let section = profile.split(&format!("[profile.release.package.{name}]\n")).nth(1);
        let keys = section.unwrap_or_default().split("\n[").next().unwrap_or_default();
        for key in ["overflow-checks = true", "debug-assertions = true"] {
            assert!(
                keys.lines().any(|line| line == key),
                "{name}: {key} is missing in .cargo/tests.toml"
            );
        }
    }
}

/// Fails with a list of everything that exceeds `most` without an exception, and of all unused exceptions.
fn assert_at_most(most: usize, sizes: &[(String, usize)], what: &str, exceptions: Exceptions) {
    let is_excepted = |name: &str| exceptions.iter().any(|(exception, _)| *exception == name);
    let too_large = sizes.iter().filter(|(name, size)| *size > most && !is_excepted(name));
    let mut faults: Vec<String> =
        too_large.map(|(name, size)| format!("{name}: {size} {what}, at most {most}")).collect();
    for (name, reason) in exceptions {
        assert!(!reason.is_empty(), "{name} is an exception without a reason");
        if !sizes.iter().any(|(other, size)| other == name && *size > most) {
            faults.push(format!("{name} is an exception that is no longer needed"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn no_file_is_long() {
    let mut sizes = Vec::new();
    for (name, sources) in CRATES.iter() {
        let files = sources.files.iter();
        sizes.extend(files.map(|file| (format!("{name}/{}", file.path), file.lines)));
    }
    assert_at_most(FILE_LINES, &sizes, "lines before its tests", LONG_FILES);
}

/// The `size` of every function, by `file::function`.
fn of_functions(size: impl Fn(&Function) -> usize) -> Vec<(String, usize)> {
    let mut sizes = Vec::new();
    for (name, sources) in CRATES.iter() {
        for file in &sources.files {
            let own = file.functions.iter();
            sizes.extend(own.map(|one| (format!("{name}/{}::{}", file.path, one.name), size(one))));
        }
    }
    sizes
}

#[test]
fn no_function_is_long() {
    let sizes = of_functions(|function| function.lines);
    assert_at_most(FUNCTION_LINES, &sizes, "lines", LONG_FUNCTIONS);
}

#[test]
fn no_function_takes_many_arguments() {
    let sizes = of_functions(|function| function.arguments);
    assert_at_most(ARGUMENTS, &sizes, "arguments", MANY_ARGUMENTS);
}

/// A file uses no item of a file that uses its own items, directly or over other files.
#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let mut found = Vec::new();
    for (name, sources) in CRATES.iter() {
        for edges in &sources.edges {
            found.extend(cycles(edges).into_iter().map(|cycle| format!("{name}: {cycle}")));
        }
    }
    assert!(found.is_empty(), "{} cycles:\n{}", found.len(), found.join("\n"));
}

/// The compiler and these tests see only files that a module declares.
#[test]
fn every_file_belongs_to_its_crate() {
    let mut found = Vec::new();
    for (name, sources) in CRATES.iter() {
        found.extend(sources.misplaced.iter().map(|one| format!("{name}/{one}")));
    }
    assert_eq!(found, Vec::<String>::new());
}

/// The sources of a small crate.
fn sources(files: &[(&str, &str)]) -> Sources {
    let texts: BTreeMap<String, String> =
        files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
    let sources = Sources::of(&texts);
    assert_eq!(sources.misplaced, Vec::<String>::new());
    sources
}

fn cycles_in(files: &[(&str, &str)]) -> Vec<String> {
    sources(files).edges.iter().flat_map(cycles).collect()
}

const TWO: &str = "mod a;\nmod b;\n";

#[test]
fn a_cycle_of_two_files_is_found_however_they_name_each_other() {
    let by = |text: &str| cycles_in(&[("lib.rs", TWO), ("a.rs", text), ("b.rs", B)]);
    const B: &str = "use crate::a::A;\npub struct B(A);\npub fn make() {}";
    let found = ["a.rs -> b.rs (names B) -> a.rs (names A)"];
    for text in [
        "use crate::b::B;\npub struct A(B);",
        "use super::b::B as Other;\npub struct A(Other);",
        "use crate::{b::{self, B}};\npub struct A(B);",
        "use crate::b;\npub struct A(b::B);",
        "use crate as root;\npub struct A(root::b::B);",
        "use crate::b::*;\npub struct A(B);",
        "pub struct A(crate::b::B);",
        "pub struct A;\nimpl A { fn f() { let _ = <super::b::B as Default>::default(); } }",
        "pub struct A;\nfn f() { use crate::b::B; }",
        "pub struct A;\nmod inner { pub fn f() { let _ = crate::b::B::new(); } }",
    ] {
        assert_eq!(by(text), found, "{text}");
    }
    // To import a module without naming an item of it is no use.
    for text in ["use crate::b;\npub struct A;", "use crate::b::*;\npub struct A;"] {
        assert_eq!(by(text), Vec::<String>::new(), "{text}");
    }
    let text = "pub struct A;\nfn f() { crate::b::make() }";
    assert_eq!(by(text), ["a.rs -> b.rs (names make) -> a.rs (names A)"]);
}

#[test]
fn a_cycle_through_re_exports_is_found() {
    let lib = "mod a;\nmod b;\npub use a::A;\npub(crate) use b::inner::B as C;\n";
    let found = cycles_in(&[
        ("lib.rs", lib),
        ("a.rs", "use crate::C;\npub struct A(C);"),
        ("b.rs", "pub mod inner;"),
        ("b/inner.rs", "use crate::*;\npub struct B(A);"),
    ]);
    assert_eq!(found, ["a.rs -> b/inner.rs (names B) -> a.rs (names A)"]);
}

#[test]
fn a_cycle_of_three_files_is_shown_once_and_not_with_a_smaller_one_in_it() {
    let lib = "mod a;\nmod b;\nmod c;\n";
    let (a, b) = ("use crate::b::B;\npub struct A;", "use crate::c::C;\npub struct B;");
    let c = "use crate::a::A;\npub struct C;";
    let files = [("lib.rs", lib), ("a.rs", a), ("b.rs", b), ("c.rs", c)];
    let found = cycles_in(&files);
    assert_eq!(found, ["a.rs -> b.rs (names B) -> c.rs (names C) -> a.rs (names A)"]);
    let c = "use crate::a::A;\nuse crate::b::B;\npub struct C;";
    let found = cycles_in(&[files[0], files[1], files[2], ("c.rs", c)]);
    assert_eq!(found, ["b.rs -> c.rs (names C) -> b.rs (names B)"]);
}

#[test]
fn a_parent_and_its_submodule_name_each_other_only_by_what_they_use() {
    let child = "use super::Options;\npub struct Child(Options);\npub fn run() {}";
    let by = |parent: &str| cycles_in(&[("lib.rs", parent), ("child.rs", child)]);
    // To declare a module and to re-export its items is no use.
    let parent = "mod child;\npub use child::{Child, run};\npub struct Options;\n";
    assert_eq!(by(parent), Vec::<String>::new());
    let cycle = ["child.rs -> lib.rs (names Options) -> child.rs (names Child)"];
    assert_eq!(by(&format!("{parent}fn f(child: &Child) {{}}")), cycle);
    assert_eq!(by("mod child;\nuse child::Child;\npub struct Options;"), cycle);
    let cycle = ["child.rs -> lib.rs (names Options) -> child.rs (names run)"];
    assert_eq!(by(&format!("{parent}fn f() {{ run() }}")), cycle);
    // A variable, a field and a method of the same name.
    let other = "fn f(x: X) { let run = x.run + x.run(); g(run) }";
    assert_eq!(by(&format!("{parent}{other}")), Vec::<String>::new());
}

#[test]
fn a_module_and_a_function_may_have_one_name() {
    let lib = "mod train;\nmod other;\npub use train::train;\npub use other::Other;\n";
    let found = cycles_in(&[
        ("lib.rs", lib),
        ("train.rs", "use crate::Other;\npub fn train(_: Other) {}\npub struct Options;"),
        ("other.rs", "use crate::train::Options;\npub struct Other(Options);\n"),
    ]);
    assert_eq!(found, ["other.rs -> train.rs (names Options) -> other.rs (names Other)"]);
}

#[test]
fn other_crates_and_imports_that_lead_back_to_themselves_lead_nowhere() {
    let a = "use anyhow::anyhow;\nuse rayon::prelude::*;\nuse rten::prelude::*;\n\
             use crate::b::*;\npub use ::std::b::B;\npub fn f() { anyhow!(Unknown) }";
    let b = "use crate::a::*;\nfn g() { Unknown::new(); }";
    assert_eq!(cycles_in(&[("lib.rs", TWO), ("a.rs", a), ("b.rs", b)]), Vec::<String>::new());
}

#[test]
fn tests_comments_and_strings_name_nothing() {
    let a = r####"
        //! [`crate::b::B`]
        /* crate::b::B /* nested */ crate::b::B */
        pub struct A; // crate::b::B
        const QUOTE: char = '"'; const BYTE: u8 = b'"'; const ESCAPED: char = '\'';
        const TEXT: &str = "crate::b::B \" crate::b::B";
        const RAW: &str = r##"" crate::b::B "# crate::b::B"##;
        const BYTES: &[u8] = br"crate::b::B\";
        fn f<'a>(x: &'a str, y: &'static str) -> &'a str { 'label: loop { break 'label x; } }
        #[cfg(test)]
        impl<X, Y> A { fn only_in_tests() -> crate::b::B { crate::b::B } }
        struct C { #[cfg(test)] b: Map<X, crate::b::B>, #[cfg(not(test))] c: u8 }
        #[cfg(test)]
        mod tests { use crate::b::B; #[test] fn g() { crate::b::B; } }
    "####;
    let files = [("lib.rs", TWO), ("a.rs", a), ("b.rs", "use crate::a::A;\npub struct B(A);")];
    assert_eq!(cycles_in(&files), Vec::<String>::new());
    // Nothing between comments and strings is overlooked.
    let named = |text: &str| {
        let found = tokens(text);
        found.iter().filter_map(|token| token.word()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(r##"a("\\"); b('\\', '\'', '\u{1F600}'); c(r"\"); d(r#"""#)"##), "a b c d");
    assert_eq!(
        named("a::<'x', 'y>(0..b, 1.max(c), 1., 2.5e-3, 1usize-d, x.0.e)"),
        "a b max c d x e"
    );
    assert_eq!(named("/// `r#\"`\nr#fn /* /* */ no */ yes"), "fn yes");
}

#[test]
fn lines_are_counted_up_to_the_tests_at_the_foot() {
    let lines = |text: &str| sources(&[("lib.rs", text)]).files[0].lines;
    assert_eq!(lines("struct A;\n\nfn f() {}\n"), 3);
    let tests = "#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
    assert_eq!(lines(&format!("struct A;\n\n{tests}")), 2);
    assert_eq!(lines(&format!("{tests}struct A;\n")), 5);
    assert_eq!(lines(&format!("use a::{{B, C}};\n#[cfg(test)]\nimpl<X, Y> A {{}}\n{tests}")), 1);
    // Tests in a file of their own do not count.
    let files = [("lib.rs", "mod a;\n"), ("a.rs", "\n#[cfg(test)]\nmod tests;\n")];
    let sources = sources(&[files[0], files[1], ("a/tests.rs", "\n\n\n\nfn f() {}\n")]);
    let paths: Vec<(&str, usize)> =
        sources.files.iter().map(|file| (file.path.as_str(), file.lines)).collect();
    assert_eq!(paths, [("lib.rs", 1), ("a.rs", 1)]);
}

#[test]
fn functions_are_measured_with_what_is_inside_them() {
    let text = "
        pub const fn first<F: Fn(u8, u8) -> u8>(
            &mut self,
            (a, b): (u8, u8),
            c: HashMap<u8, [u8; 2]>,
        ) -> [u8; 2]
        where
            F: Copy,
        {
            // }
            fn inner(a: impl Fn(u8), b: fn(u8, u8) -> u8) -> u8 {
                0
            }
            if true { [0; 2] } else { \"}\".len() }
        }
        trait T { fn without_body(&self); fn none() {} }
        type P = fn(u8, u8);
        #[cfg(test)]
        fn of_tests() {
        }";
    let found = sources(&[("lib.rs", text)]);
    let measured: Vec<(&str, usize, usize, usize)> = found.files[0]
        .functions
        .iter()
        .map(|one| (one.name.as_str(), one.line, one.lines, one.arguments))
        .collect();
    assert_eq!(
        measured,
        [("first", 2, 14, 3), ("inner", 11, 3, 2), ("without_body", 16, 1, 1), ("none", 16, 1, 0)]
    );
}

#[test]
#[should_panic(expected = "b is an exception that is no longer needed")]
fn an_exception_that_is_not_needed_fails() {
    let sizes = [("a".to_string(), 7), ("b".to_string(), 6)];
    assert_at_most(6, &sizes, "lines", &[("a", "a table"), ("b", "a table")]);
}
