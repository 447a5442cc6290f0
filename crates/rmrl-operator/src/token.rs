//! The secret that lets a reader act.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

/// Characters that 128 bits need in base64.
const LEAST_LENGTH: usize = 22;

/// Far above every use, far below what a request's head may take.
const GREATEST_LENGTH: usize = 512;

/// The secret without which nobody pauses or stops a run. It is shown by
/// [`OperatorPage::url`](crate::OperatorPage::url) and by nothing else: its `Debug` hides it.
#[derive(Clone)]
pub struct Token(String);

/// What is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Anybody could guess it, or no request could carry it.
    #[error(
        "a token of {length} characters; it has to have {LEAST_LENGTH} to {GREATEST_LENGTH}, drawn at random"
    )]
    Length {
        /// What it has.
        length: usize,
    },
    /// It does not fit into addresses and headers.
    #[error("a token may have letters, digits and -._~ only, and this one has {character:?}")]
    Character {
        /// The first that does not fit.
        character: char,
    },
}

impl Token {
    /// A token of 128 random bits.
    ///
    /// # Errors
    /// The operating system has no random numbers to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(random_hex()?))
    }

    /// Whether `claimed` is this token, in a time that does not tell how much of it is right.
    pub fn is(&self, claimed: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(claimed).into()
    }

    /// The secret itself.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let is_fit = |c: &char| c.is_ascii_alphanumeric() || "-._~".contains(*c);
        if let Some(character) = text.chars().find(|c| !is_fit(c)) {
            return Err(TokenError::Character { character });
        }
        if !(LEAST_LENGTH..=GREATEST_LENGTH).contains(&text.len()) {
            return Err(TokenError::Length { length: text.len() });
        }
        Ok(Self(text.to_string()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// 128 random bits as 32 hexadecimal digits.
pub(crate) fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_differ_and_are_tokens() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one.secret(), other.secret());
        assert!(one.is(one.secret().parse::<Token>().unwrap().secret().as_bytes()));
        assert!(!one.is(other.secret().as_bytes()));
        assert!(!one.is(&one.secret().as_bytes()[1..]));
        assert!(!one.is(b""));
    }

    #[test]
    fn guessable_and_unfit_tokens_are_refused_by_name() {
        let cases = [
            ("", "0 characters"),
            ("laboratory", "10 characters"),
            ("a token with a space in it", "' '"),
            ("0123456789012345678901\n", r"'\n'"),
            ("ümlaute-0123456789012345678901", "'ü'"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Token>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_token_does_not_get_into_logs() {
        let token: Token = "0123456789012345678901".parse().unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
