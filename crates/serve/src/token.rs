//! The access token.

use sha2::{Digest, Sha256};

/// A bearer token (RFC 6750). Only its hash is kept, so that the time of a comparison reveals nothing about the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// The token `secret`; `None` if it is empty or has characters that a header cannot hold.
    pub fn new(secret: &str) -> Option<Self> {
        let is_plain = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain.then(|| Self(Sha256::digest(secret).into()))
    }

    /// Whether the value of an `Authorization` header is this token.
    pub fn is_in(&self, header: &str) -> bool {
        let Some((scheme, secret)) = header.split_once(' ') else { return false };
        scheme.eq_ignore_ascii_case("bearer") && Self::new(secret.trim()).as_ref() == Some(self)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_bearer_token_is_accepted() {
        let token = Token::new("s3cret").unwrap();
        for (header, expected) in [
            ("Bearer s3cret", true),
            ("bearer  s3cret", true),
            ("Bearer s3cre", false),
            ("Bearer ", false),
            ("Basic s3cret", false),
            ("s3cret", false),
        ] {
            assert_eq!(token.is_in(header), expected, "{header}");
        }
        assert_eq!((Token::new(""), Token::new("two words")), (None, None));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
