//! Measures the sources of a crate: the length of files and functions, and which files use which others.

pub mod cycles;
pub mod functions;
pub mod lexer;
pub mod module;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cycles::{Crate, Edges};
use functions::Function;

/// One file of a crate, without what is compiled for tests only.
#[derive(Debug)]
pub struct SourceFile {
    /// Its path below `src`.
    pub path: String,
    /// Its lines before its tests.
    pub lines: usize,
    pub functions: Vec<Function>,
}

/// The sources of one crate.
#[derive(Debug)]
pub struct Sources {
    pub files: Vec<SourceFile>,
    /// Which file uses which, for the library and for each binary.
    pub edges: Vec<Edges>,
    /// Declared files that are missing, and files that no module declares.
    pub misplaced: Vec<String>,
}

impl Sources {
    /// Reads all files below `src`.
    pub fn read(src: &Path) -> Self {
        let mut texts = BTreeMap::new();
        read_folder(src, "", &mut texts);
        Self::of(&texts)
    }

    /// From the texts of files by their paths below `src`.
    pub fn of(texts: &BTreeMap<String, String>) -> Self {
        let is_root =
            |path: &&String| *path == "lib.rs" || *path == "main.rs" || path.starts_with("bin/");
        let mut reading =
            Reading { texts, files: Vec::new(), tests: Vec::new(), misplaced: Vec::new() };
        let mut edges = Vec::new();
        for root in texts.keys().filter(is_root) {
            let mut modules = Crate::default();
            reading.read(&mut modules, Vec::new(), root, "");
            edges.push(modules.edges());
        }
        let Reading { files, tests, mut misplaced, .. } = reading;
        for path in texts.keys() {
            // Tests may have submodules of their own.
            let is_of_tests = tests.iter().any(|test| path.starts_with(test));
            if !is_of_tests && !files.iter().any(|file| file.path == *path) {
                misplaced.push(format!("{path}: no file declares this module"));
            }
        }
        Self { files, edges, misplaced }
    }
}

fn read_folder(folder: &Path, prefix: &str, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            read_folder(&path, &format!("{prefix}{name}/"), texts);
        } else if name.ends_with(".rs") {
            texts.insert(format!("{prefix}{name}"), fs::read_to_string(&path).unwrap());
        }
    }
}

/// The files of a crate while they are read, from its roots on.
struct Reading<'a> {
    texts: &'a BTreeMap<String, String>,
    files: Vec<SourceFile>,
    /// The beginnings of the paths of modules that exist for tests only.
    tests: Vec<String>,
    misplaced: Vec<String>,
}

impl Reading<'_> {
    /// Reads the module `path` from its `file`, and the modules that it declares, from `folder`.
    fn read(&mut self, modules: &mut Crate, path: Vec<String>, file: &str, folder: &str) {
        let Some(text) = self.texts.get(file) else { return };
        let all = lexer::tokens(text);
        let code = module::without_tests(&all);
        let first_of_tests = module::first_line_of_tests(&all);
        self.files.push(SourceFile {
            path: file.to_string(),
            lines: first_of_tests.map_or(text.lines().count(), |line| line - 1),
            functions: functions::functions(&code),
        });
        let parsed = module::parse(&code);
        let with_tests = module::parse(&all);
        for name in with_tests.declared.iter().filter(|name| !parsed.declared.contains(name)) {
            self.tests.extend([format!("{folder}{name}.rs"), format!("{folder}{name}/")]);
        }
        self.read_declared(modules, &path, &parsed, file, folder);
        modules.add(path, file, parsed);
    }

    fn read_declared(
        &mut self,
        modules: &mut Crate,
        path: &[String],
        module: &module::Module,
        file: &str,
        folder: &str,
    ) {
        for name in &module.declared {
            let below = format!("{folder}{name}/");
            let places = [format!("{folder}{name}.rs"), format!("{below}mod.rs")];
            let Some(place) = places.iter().find(|place| self.texts.contains_key(*place)) else {
                self.misplaced.push(format!("{file}: mod {name}; has no file"));
                continue;
            };
            self.read(modules, [path, std::slice::from_ref(name)].concat(), place, &below);
        }
        for (name, inline) in &module.inline {
            let inner = [path, std::slice::from_ref(name)].concat();
            self.read_declared(modules, &inner, inline, file, &format!("{folder}{name}/"));
        }
    }
}
