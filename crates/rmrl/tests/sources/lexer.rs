//! Rust source text as tokens, without comments and without what strings contain.

/// What kind of token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword; raw identifiers without their `r#`.
    Word(String),
    /// A string, byte string, character or number.
    Literal,
    /// A lifetime or label.
    Lifetime,
    /// `::`, `->`, `=>`, `..` and `..=` are one token each; every other sign is alone.
    Sign(&'static str),
}

/// A token and the line on which it begins, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

impl Token {
    pub fn is(&self, sign: &str) -> bool {
        matches!(self.kind, Kind::Sign(own) if own == sign)
    }

    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

const SIGNS: [&str; 33] = [
    "..=", "::", "->", "=>", "..", "{", "}", "(", ")", "[", "]", "<", ">", ";", ",", ":", "#", "!",
    "?", ".", "=", "&", "|", "*", "+", "-", "/", "%", "^", "@", "$", "~", "\\",
];

/// Splits a source file into its tokens.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blanks_and_comments();
        if lexer.rest.is_empty() {
            return found;
        }
        let line = lexer.line;
        let kind = lexer.next_kind();
        found.push(Token { kind, line });
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self, at: usize) -> Option<char> {
        self.rest[at..].chars().next()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.take(blank);
            if self.rest.starts_with("//") {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.take(self.length_of_block_comment());
            } else {
                return;
            }
        }
    }

    /// Block comments may contain others.
    fn length_of_block_comment(&self) -> usize {
        let (mut depth, mut at) = (0, 0);
        while at < self.rest.len() {
            if self.rest[at..].starts_with("/*") {
                (depth, at) = (depth + 1, at + 2);
            } else if self.rest[at..].starts_with("*/") {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            } else {
                at += self.peek(at).map_or(1, char::len_utf8);
            }
        }
        self.rest.len()
    }

    fn next_kind(&mut self) -> Kind {
        if let Some(length) = self.length_of_string() {
            self.take(length);
            return Kind::Literal;
        }
        match self.peek(0) {
            Some('\'') => self.character_or_lifetime(),
            Some('b') if self.rest.starts_with("b'") => {
                self.take(1);
                self.character_or_lifetime()
            }
            Some(first) if first.is_ascii_digit() => {
                self.take(self.length_of_number());
                Kind::Literal
            }
            Some(first) if first.is_alphabetic() || first == '_' => {
                if self.rest.starts_with("r#") {
                    self.take(2);
                }
                Kind::Word(self.take(self.length_of_word(0)).to_string())
            }
            _ => self.sign(),
        }
    }

    fn sign(&mut self) -> Kind {
        let known = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign));
        let sign = known.unwrap_or_else(|| panic!("no token begins with {:?}", self.peek(0)));
        self.take(sign.len());
        Kind::Sign(sign)
    }

    fn length_of_word(&self, from: usize) -> usize {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let rest = &self.rest[from..];
        rest.find(|c| !is_part(c)).unwrap_or(rest.len())
    }

    /// The length of a string of any sort that begins here, with its prefix and quotes.
    fn length_of_string(&self) -> Option<usize> {
        let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
            self.rest
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
        })?;
        let rest = &self.rest[prefix.len()..];
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let begin = prefix.len() + hashes + 1;
        if prefix.ends_with('r') {
            let end = format!("\"{}", "#".repeat(hashes));
            let at = self.rest[begin..].find(&end).map(|at| begin + at + end.len());
            return Some(at.unwrap_or(self.rest.len()));
        }
        (hashes == 0).then(|| self.end_of_quoted(begin, '"'))
    }

    /// Where a quoted text ends that began before `at`, behind its closing quote.
    fn end_of_quoted(&self, mut at: usize, quote: char) -> usize {
        while let Some(next) = self.peek(at) {
            at += next.len_utf8();
            if next == quote {
                break;
            }
            if next == '\\' {
                at += self.peek(at).map_or(0, char::len_utf8);
            }
        }
        at
    }

    /// `'a'` is a character, `'a` a lifetime.
    fn character_or_lifetime(&mut self) -> Kind {
        let word = self.length_of_word(1);
        let first = self.peek(1).map_or(0, char::len_utf8);
        let is_character = self.peek(1) == Some('\\') || self.peek(1 + first) == Some('\'');
        if is_character {
            self.take(self.end_of_quoted(1, '\''));
            Kind::Literal
        } else {
            self.take(1 + word);
            Kind::Lifetime
        }
    }

    /// `1.5e-3_f64`, `0xff`, `1.`; but `1` of `1..2` and of `1.max(2)`.
    fn length_of_number(&self) -> usize {
        let mut length = self.length_of_word(0);
        let next_is = |at: usize, f: fn(char) -> bool| self.peek(at).is_some_and(f);
        if self.peek(length) == Some('.') {
            let is_fraction = next_is(length + 1, |c| c.is_ascii_digit());
            let is_end = !next_is(length + 1, |c| c == '.' || c == '_' || c.is_alphabetic());
            if is_fraction || is_end {
                length += 1 + self.length_of_word(length + 1);
            }
        }
        let mantissa = self.rest[..length].strip_suffix(['e', 'E']).unwrap_or_default();
        let is_part = |c: char| c.is_ascii_digit() || c == '_' || c == '.';
        let has_exponent = !mantissa.is_empty() && mantissa.chars().all(is_part);
        if has_exponent && next_is(length, |c| c == '-' || c == '+') {
            length += 1 + self.length_of_word(length + 1);
        }
        length
    }
}
