//! How long functions are, and how many arguments they take.

use super::lexer::Token;
use super::module::behind_closing;

/// A function with a body or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// Where its `fn` stands, counted from 1.
    pub line: usize,
    /// From its `fn` to its closing brace, functions inside it and comments included; 1 where it has no body.
    pub lines: usize,
    /// With `self`.
    pub arguments: usize,
}

/// All functions, also those in `impl` blocks and in other functions.
pub fn functions(tokens: &[Token]) -> Vec<Function> {
    (0..tokens.len()).filter_map(|at| function_at(tokens, at)).collect()
}

fn function_at(tokens: &[Token], at: usize) -> Option<Function> {
    if !tokens[at].is_word("fn") {
        return None;
    }
    // Without a name it is the type of a function pointer.
    let name = tokens.get(at + 1)?.word()?.to_string();
    let open = at + 2 + length_of_generics(&tokens[at + 2..]);
    let close = behind_closing(tokens, open);
    let arguments = count_arguments(&tokens[open + 1..close - 1]);
    let line = tokens[at].line;
    let mut end = close;
    while end < tokens.len() && !tokens[end].is("{") && !tokens[end].is(";") {
        let is_open = tokens[end].is("(") || tokens[end].is("[");
        end = if is_open { behind_closing(tokens, end) } else { end + 1 };
    }
    let has_body = tokens.get(end).is_some_and(|token| token.is("{"));
    let last = if has_body { tokens[behind_closing(tokens, end) - 1].line } else { line };
    Some(Function { name, line, lines: last - line + 1, arguments })
}

/// How many tokens `<...>` takes where it stands first.
fn length_of_generics(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        depth += i32::from(token.is("<")) - i32::from(token.is(">"));
        if depth == 0 {
            return if at == 0 { 0 } else { at + 1 };
        }
    }
    tokens.len()
}

/// The parts between commas that stand in no bracket of any sort.
fn count_arguments(tokens: &[Token]) -> usize {
    let (mut count, mut depth, mut is_empty) = (0, 0, true);
    for token in tokens {
        let opens = ["(", "[", "{", "<"].iter().any(|sign| token.is(sign));
        let closes = [")", "]", "}", ">"].iter().any(|sign| token.is(sign));
        depth += i32::from(opens) - i32::from(closes);
        if depth == 0 && token.is(",") {
            (count, is_empty) = (count + usize::from(!is_empty), true);
        } else {
            is_empty = false;
        }
    }
    count + usize::from(!is_empty)
}
