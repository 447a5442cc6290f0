//! The secret that a client needs in order to act.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

/// Characters that 128 bits need in base64.
const LEAST_LENGTH: usize = 22;

/// Longer than any sensible token, and far shorter than the limit of a request's head.
const GREATEST_LENGTH: usize = 512;

/// The secret that is needed to pause or stop a run. Only [`OperatorPage::url`](crate::OperatorPage::url)
/// shows it; `Debug` hides it.
#[derive(Clone)]
pub struct Token(String);

/// Why a text is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is too short to be secret, or too long for a request.
    #[error(
        "the token has {length} characters; expected {LEAST_LENGTH} to {GREATEST_LENGTH} random ones"
    )]
    Length {
        /// Its length in characters.
        length: usize,
    },
    /// The token does not fit into addresses and headers.
    #[error("the token contains {character:?}; it may contain letters, digits and -._~ only")]
    Character {
        /// The first character that does not fit.
        character: char,
    },
}

impl Token {
    /// A token of 128 random bits.
    ///
    /// # Errors
    /// The operating system provides no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(random_hex()?))
    }

    /// Whether `claimed` is this token. The time it takes does not reveal how much of it is right.
    pub fn is(&self, claimed: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(claimed).into()
    }

    /// The secret as text.
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
    fn short_and_malformed_tokens_are_refused_with_the_reason() {
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
