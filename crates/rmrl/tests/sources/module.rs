//! Reads a module: the items it defines, the modules it declares, its imports, and the rest of its code.

use super::lexer::Token;

/// A `use` of one name, or of everything (`names_all`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub path: Vec<String>,
    /// Its name in this module; `_` for none.
    pub name: String,
    pub names_all: bool,
    /// `pub use`, with any restriction.
    pub is_public: bool,
}

/// The contents of one module. Inline modules are modules of their own.
#[derive(Debug, Default)]
pub struct Module {
    /// Names of the items that it defines.
    pub items: Vec<String>,
    pub imports: Vec<Import>,
    /// Modules in files of their own.
    pub declared: Vec<String>,
    pub inline: Vec<(String, Module)>,
    /// All other tokens.
    pub code: Vec<Token>,
}

/// The index behind the sign that closes the one at `open`.
pub fn behind_closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if ["{", "(", "["].iter().any(|sign| token.is(sign)) {
            depth += 1;
        } else if ["}", ")", "]"].iter().any(|sign| token.is(sign)) {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    tokens.len()
}

/// Whether the attribute at `at` restricts its item to tests: `#[cfg(test)]` or `#[test]`.
fn is_for_tests(tokens: &[Token], at: usize) -> bool {
    let end = behind_closing(tokens, at + 1);
    let words: Vec<&str> = tokens[at..end].iter().filter_map(Token::word).collect();
    words == ["test"]
        || words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// Whether an attribute of an item begins at `at`, not one of the whole module.
fn begins_attribute(tokens: &[Token], at: usize) -> bool {
    tokens[at].is("#") && tokens.get(at + 1).is_some_and(|next| next.is("["))
}

/// The index behind the item, statement, field or variant that begins at `at`, with its attributes.
fn behind_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() && begins_attribute(tokens, at) {
        at = behind_closing(tokens, at + 1);
    }
    let is_item = begins_item(&tokens[at..]);
    let mut generics = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        generics += i32::from(token.is("<")) - i32::from(token.is(">"));
        if token.is(";") || token.is(",") && !is_item && generics == 0 {
            return at + 1;
        } else if token.is("{") {
            return behind_closing(tokens, at);
        } else if token.is("(") || token.is("[") {
            at = behind_closing(tokens, at);
        } else if token.is("}") {
            return at;
        } else {
            at += 1;
        }
    }
    at
}

/// Whether an item or statement stands here, in which a comma ends nothing.
fn begins_item(tokens: &[Token]) -> bool {
    let behind = match tokens {
        [first, open, ..] if first.is_word("pub") && open.is("(") => behind_closing(tokens, 1),
        [first, ..] if first.is_word("pub") => 1,
        _ => 0,
    };
    let kinds = [
        "fn", "struct", "enum", "union", "trait", "type", "static", "const", "impl", "mod", "use",
        "unsafe", "async", "extern", "let",
    ];
    tokens.get(behind).and_then(Token::word).is_some_and(|word| kinds.contains(&word))
}

/// The tokens without what is compiled for tests only.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if begins_attribute(tokens, at) {
            let attributes = attributes_at(tokens, at);
            if attributes.iter().any(|start| is_for_tests(tokens, *start)) {
                at = behind_item(tokens, at);
                continue;
            }
            let end = behind_closing(tokens, attributes[attributes.len() - 1] + 1);
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where each of the attributes begins that stand at `at` one after the other.
fn attributes_at(tokens: &[Token], mut at: usize) -> Vec<usize> {
    let mut found = Vec::new();
    while at < tokens.len() && begins_attribute(tokens, at) {
        found.push(at);
        at = behind_closing(tokens, at + 1);
    }
    found
}

/// The line of the first item of the file from which on all items are for tests only.
pub fn first_line_of_tests(tokens: &[Token]) -> Option<usize> {
    let (mut first, mut at) = (None, 0);
    while at < tokens.len() {
        if tokens[at].is(";") {
            // The end of `use a::{b};` or `const A: B = B {};`.
            at += 1;
            continue;
        }
        let is_test = attributes_at(tokens, at).iter().any(|start| is_for_tests(tokens, *start));
        match (is_test, first) {
            (true, None) => first = Some(tokens[at].line),
            (false, Some(_)) => first = None,
            _ => {}
        }
        at = behind_item(tokens, at).max(at + 1);
    }
    first
}

/// Reads a module from its tokens, which must be without tests.
pub fn parse(tokens: &[Token]) -> Module {
    let mut module = Module::default();
    let (mut at, mut depth) = (0, 0);
    let next_is = |at: usize, sign: &str| tokens.get(at + 1).is_some_and(|token| token.is(sign));
    let word_at = |at: usize| tokens.get(at).and_then(Token::word);
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is_word("use") && !next_is(at, "<") {
            let end = at + tokens[at..].iter().take_while(|token| !token.is(";")).count();
            let is_public = drop_visibility(&mut module.code);
            let mut tree = Tree { tokens: &tokens[at + 1..end], is_public, found: Vec::new() };
            tree.read(&mut Vec::new());
            module.imports.append(&mut tree.found);
            at = end + 1;
            continue;
        }
        if depth == 0
            && token.is_word("mod")
            && let Some(name) = word_at(at + 1)
        {
            drop_visibility(&mut module.code);
            if next_is(at + 1, "{") {
                let end = behind_closing(tokens, at + 2);
                module.inline.push((name.to_string(), parse(&tokens[at + 3..end - 1])));
                at = end;
            } else {
                module.declared.push(name.to_string());
                at += 3;
            }
            continue;
        }
        if depth == 0 {
            module.items.extend(item_at(tokens, at));
        }
        depth += i32::from(token.is("{")) - i32::from(token.is("}"));
        module.code.push(token.clone());
        at += 1;
    }
    module
}

/// The name of the item that the keyword at `at` begins.
fn item_at(tokens: &[Token], at: usize) -> Option<String> {
    let keyword = tokens[at].word()?;
    let kinds = ["fn", "struct", "enum", "union", "trait", "type", "static", "const"];
    // `*const T` and `<const N: usize>` begin no item.
    let inside = at
        .checked_sub(1)
        .is_some_and(|before| ["*", "<", ",", "&"].iter().any(|sign| tokens[before].is(sign)));
    if !kinds.contains(&keyword) || inside {
        return None;
    }
    let next = tokens.get(at + 1)?.word()?;
    let name = if next == "mut" { tokens.get(at + 2)?.word()? } else { next };
    let is_keyword = ["fn", "unsafe", "extern", "async"].contains(&name);
    (!is_keyword).then(|| name.to_string())
}

/// Takes `pub` or `pub(...)` from the end of `code`, and reports whether it was there.
fn drop_visibility(code: &mut Vec<Token>) -> bool {
    let mut length = code.len();
    if code.last().is_some_and(|last| last.is(")")) {
        length = code.iter().rposition(|token| token.is("(")).unwrap_or(0);
    }
    let is_public = length > 0 && code[length - 1].is_word("pub");
    if is_public {
        code.truncate(length - 1);
    }
    is_public
}

/// What stands between `use` and `;`.
struct Tree<'a> {
    tokens: &'a [Token],
    is_public: bool,
    found: Vec<Import>,
}

impl Tree<'_> {
    /// Reads one path or group behind `path`, up to the comma or brace that ends it.
    fn read(&mut self, path: &mut Vec<String>) {
        let length = path.len();
        while let Some((token, rest)) = self.tokens.split_first() {
            if token.is(",") || token.is("}") {
                break;
            }
            self.tokens = rest;
            if token.is("{") {
                self.read_group(path);
                path.truncate(length);
                return;
            } else if token.is("*") {
                self.push(path.clone(), "*".to_string());
                path.truncate(length);
                return;
            } else if token.is_word("as") {
                let name = rest[0].word().unwrap_or_default().to_string();
                self.tokens = &rest[1..];
                self.push(path.clone(), name);
                path.truncate(length);
                return;
            } else if let Some(word) = token.word() {
                path.push(word.to_string());
            } else if path.is_empty() {
                // A leading `::` names another crate.
                path.push(String::new());
            }
        }
        let name = path.iter().rev().find(|word| *word != "self").cloned().unwrap_or_default();
        self.push(path.clone(), name);
        path.truncate(length);
    }

    fn read_group(&mut self, path: &mut Vec<String>) {
        while let Some((token, rest)) = self.tokens.split_first() {
            if token.is("}") {
                self.tokens = rest;
                return;
            } else if token.is(",") {
                self.tokens = rest;
            } else {
                self.read(path);
            }
        }
    }

    fn push(&mut self, mut path: Vec<String>, name: String) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let names_all = name == "*";
        self.found.push(Import { path, name, names_all, is_public: self.is_public });
    }
}
