//! Lines of JSON with a digest as their last key.
//!
//! The digest is the CRC-32C of this line and all lines before it, without their digests. It finds every change of up to
//! four bytes in a row, and others but for one in four billion. It is no signature: anyone can compute it again.

/// The last key of a line, as text; eight hexadecimal digits and the line's end follow.
const DIGEST: &str = ",\"digest\":\"";
const DIGEST_LENGTH: usize = DIGEST.len() + 8 + END.len();
const END: &str = "\"}";

/// The digest of all lines before the first.
pub(crate) const FIRST: u32 = 0;

fn key(digest: u32) -> String {
    format!("{DIGEST}{digest:08x}{END}")
}

/// A JSON object as a line without its newline, after lines with the digest `before`; and the digest of all.
pub(crate) fn seal(mut body: Vec<u8>, before: u32) -> (Vec<u8>, u32) {
    let digest = crc32c::crc32c_append(before, &body);
    // The object's closing brace comes after the digest again.
    body.pop();
    body.extend(key(digest).bytes());
    (body, digest)
}

/// The JSON object of a line, and the digest of all lines so far.
///
/// # Errors
/// It is not what was written there.
pub(crate) fn unseal(text: &[u8], before: u32) -> Result<(Vec<u8>, u32), &'static str> {
    let at = text.len().checked_sub(DIGEST_LENGTH).ok_or("it lacks its digest")?;
    let (body, found) = text.split_at(at);
    if !found.starts_with(DIGEST.as_bytes()) {
        return Err("it lacks its digest");
    }
    let body = [body, b"}"].concat();
    let digest = crc32c::crc32c_append(before, &body);
    // Compared as text: digits in capitals were not written here.
    if found != key(digest).as_bytes() {
        return Err("it, or a line before it, is not what was written there");
    }
    Ok((body, digest))
}

/// Whether a whole line stands at the beginning of a text.
pub(crate) fn begins_with_line(text: &[u8], before: u32) -> bool {
    let ends = text.windows(END.len()).enumerate().filter(|(_, found)| *found == END.as_bytes());
    ends.map(|(at, _)| at + END.len()).any(|end| unseal(&text[..end], before).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-32C (RFC 3720, appendix B.4: 32 bytes of zeros) stays what files hold.
    #[test]
    fn the_digest_is_that_of_the_standard() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn every_changed_bit_is_found() {
        let (line, first) = seal(br#"{"a":"x"}"#.to_vec(), FIRST);
        let (next, second) = seal(br#"{"a":"y"}"#.to_vec(), first);
        assert_eq!(unseal(&line, FIRST), Ok((br#"{"a":"x"}"#.to_vec(), first)));
        assert_eq!(unseal(&next, first), Ok((br#"{"a":"y"}"#.to_vec(), second)));
        assert!(unseal(&next, FIRST).is_err());
        for bit in 0..line.len() * 8 {
            let mut changed = line.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(&changed, FIRST).is_err(), "{}", String::from_utf8_lossy(&changed));
        }
        assert!(begins_with_line(&[line.as_slice(), b"x"].concat(), FIRST));
        assert!(!begins_with_line(&line[..line.len() - 1], FIRST));
    }
}
