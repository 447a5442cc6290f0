//! Which files of a crate use items of which others, and the cycles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::lexer::Token;
use super::module::{Import, Module};

/// A module by its names from the root of its crate.
type Path = Vec<String>;

/// The modules of one crate, with the file of each.
#[derive(Debug, Default)]
pub struct Crate {
    modules: BTreeMap<Path, (String, Module)>,
}

/// What a path leads to.
enum Found {
    /// An item, by the module that defines it and the name that it has there.
    Item(Path, String),
    Module(Path),
}

/// For each file the files that it names, with the names.
pub type Edges = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The names that are being looked up, each with its module. An import that leads back to one of them is
/// not followed again.
type UnderWay = BTreeSet<(Path, String)>;

impl Crate {
    /// Adds a module of a file and the inline modules in it.
    pub fn add(&mut self, path: Path, file: &str, mut module: Module) {
        for (name, inline) in std::mem::take(&mut module.inline) {
            let inner = [&path[..], &[name]].concat();
            self.add(inner, file, inline);
        }
        self.modules.insert(path, (file.to_string(), module));
    }

    /// Which file names which items of which other file, re-exports resolved. A `pub use` of an item of the
    /// file's own submodules does not count.
    pub fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (path, (file, module)) in &self.modules {
            let mut note = |found: Option<Found>| {
                if let Some(Found::Item(at, name)) = found {
                    let target = &self.modules[&at].0;
                    if target != file {
                        let from = edges.entry(file.clone()).or_default();
                        from.entry(target.clone()).or_default().insert(name);
                    }
                }
            };
            for import in module.imports.iter().filter(|import| !import.names_all) {
                let found = self.resolve(path, &import.path, &mut UnderWay::new());
                let is_re_export = match &found {
                    Some(Found::Item(at, _)) => import.is_public && at.starts_with(path),
                    _ => false,
                };
                if !is_re_export {
                    note(found);
                }
            }
            for named in named_paths(&module.code) {
                note(self.resolve(path, &named, &mut UnderWay::new()));
            }
        }
        edges
    }

    /// Where a path leads that stands in the module `from`; `None` for other crates and for local names.
    fn resolve(&self, from: &Path, path: &[String], under_way: &mut UnderWay) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(Vec::new()),
            "self" => Found::Module(from.clone()),
            "super" => Found::Module(from[..from.len().checked_sub(1)?].to_vec()),
            name => self.look_up(from, name, !rest.is_empty(), under_way)?,
        };
        for (at, name) in rest.iter().enumerate() {
            found = match found {
                // A variant, associated function or constant.
                Found::Item(..) => return Some(found),
                Found::Module(mut module) if name == "super" => {
                    module.pop()?;
                    Found::Module(module)
                }
                Found::Module(module) => {
                    self.look_up(&module, name, at + 1 < rest.len(), under_way)?
                }
            };
        }
        Some(found)
    }

    /// Looks up a name in a module. A module and a function may share a name: it is the module where the path
    /// `continues`.
    fn look_up(
        &self,
        path: &Path,
        name: &str,
        continues: bool,
        under_way: &mut UnderWay,
    ) -> Option<Found> {
        let (_, module) = self.modules.get(path)?;
        let child = [&path[..], &[name.to_string()]].concat();
        let child = self.modules.contains_key(&child).then_some(Found::Module(child));
        if continues && child.is_some() {
            return child;
        }
        if module.items.iter().any(|item| item == name) {
            return Some(Found::Item(path.clone(), name.to_string()));
        }
        let step = (path.clone(), name.to_string());
        if !under_way.insert(step.clone()) {
            return None;
        }
        let (all, single): (Vec<&Import>, Vec<&Import>) =
            module.imports.iter().partition(|import| import.names_all);
        let mut single = single.into_iter().filter(|import| import.name == name);
        let found = single
            .find_map(|import| self.resolve(path, &import.path, under_way))
            .or(child)
            .or_else(|| {
                all.into_iter().find_map(|import| {
                    match self.resolve(path, &import.path, under_way)? {
                        Found::Module(all) => self.look_up(&all, name, continues, under_way),
                        Found::Item(..) => None,
                    }
                })
            });
        under_way.remove(&step);
        found
    }
}

/// Words before a name that is defined there, not named.
const DEFINING: [&str; 11] =
    ["fn", "let", "mut", "ref", "type", "const", "static", "struct", "enum", "trait", "union"];

/// The paths that code names.
fn named_paths(code: &[Token]) -> Vec<Path> {
    let bound = names_bound(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let start = at;
        at += 1;
        let Some(first) = code[start].word() else { continue };
        let before = start.checked_sub(1).map(|before| &code[before]);
        let continues = |at: usize| {
            code.get(at).is_some_and(|token| token.is("::"))
                && code.get(at + 1).is_some_and(|token| token.word().is_some())
        };
        let mut path = vec![first.to_string()];
        while continues(at) {
            path.push(code[at + 1].word().unwrap_or_default().to_string());
            at += 2;
        }
        // A field or method, the rest of a path behind generics, or what is defined here.
        let is_other = before.is_some_and(|token| {
            token.is(".") || token.is("::") || DEFINING.iter().any(|word| token.is_word(word))
        });
        let is_field = path.len() == 1 && code.get(at).is_some_and(|token| token.is(":"));
        if is_other || is_field || path.len() == 1 && bound.contains(first) {
            continue;
        }
        found.push(path);
    }
    found
}

/// The small-letter names that some pattern or argument binds. As a value alone they may be that.
fn names_bound(code: &[Token]) -> BTreeSet<&str> {
    let mut bound = BTreeSet::new();
    for (at, token) in code.iter().enumerate() {
        let Some(word) = token.word() else { continue };
        let before = at.checked_sub(1).map(|before| &code[before]);
        let binds = before.is_some_and(|token| {
            token.is("|") || ["let", "mut", "ref", "for"].iter().any(|word| token.is_word(word))
        });
        let has_type = code.get(at + 1).is_some_and(|token| token.is(":"));
        if (binds || has_type) && word.starts_with(char::is_lowercase) {
            bound.insert(word);
        }
    }
    bound
}

/// The cycles among these files, as text: for each edge its shortest cycle, unless the files of a smaller cycle
/// are among its files.
pub fn cycles(edges: &Edges) -> Vec<String> {
    let mut rounds: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for (file, named) in edges {
        for next in named.keys() {
            if let Some(round) = shortest_round(edges, file, next) {
                rounds.entry(round.iter().cloned().collect()).or_insert(round);
            }
        }
    }
    let contains_smaller = |files: &BTreeSet<String>| {
        rounds.keys().any(|other| other.len() < files.len() && other.is_subset(files))
    };
    let smallest = rounds.iter().filter(|(files, _)| !contains_smaller(files));
    smallest.map(|(_, round)| chain(edges, round)).collect()
}

/// The files of the shortest cycle that begins with the edge from `file` to `next`.
fn shortest_round(edges: &Edges, file: &str, next: &str) -> Option<Vec<String>> {
    let mut came_from = BTreeMap::from([(next, file)]);
    let mut waiting = VecDeque::from([next]);
    while let Some(at) = waiting.pop_front() {
        if at == file {
            let mut round = vec![came_from[file]];
            while round[round.len() - 1] != file {
                round.push(came_from[round[round.len() - 1]]);
            }
            return Some(round.into_iter().rev().map(str::to_string).collect());
        }
        for further in edges.get(at).into_iter().flat_map(BTreeMap::keys) {
            if !came_from.contains_key(further.as_str()) {
                came_from.insert(further, at);
                waiting.push_back(further);
            }
        }
    }
    None
}

fn chain(edges: &Edges, round: &[String]) -> String {
    let mut text = round[0].clone();
    for (at, file) in round.iter().enumerate() {
        let next = &round[(at + 1) % round.len()];
        let names: Vec<&str> = edges[file][next].iter().map(String::as_str).collect();
        text += &format!(" -> {next} (names {})", names.join(", "));
    }
    text
}
