//! A hash that stays the same: files and random streams depend on it.

/// The 64-bit FNV-1a hash of `words`, in their order. The standard library's hash may change, this one does not.
///
/// The standard hash takes bytes. Longer words are taken whole, which is faster and another hash than that of
/// their bytes.
///
/// ```
/// assert_eq!(rmrl_core::fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
/// ```
pub fn fnv1a<W: Into<u64>>(words: impl IntoIterator<Item = W>) -> u64 {
    words.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        (hash ^ word.into()).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the authors' test vectors (Fowler, Noll, Vo: `test_fnv.c`, `fnv1a_64`).
    #[test]
    fn bytes_hash_to_the_published_values() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("b", 0xaf63_df4c_8601_f1a5),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv1a(text.bytes()), hash, "{text}");
        }
    }

    /// Checkpoints hold digests of weights, calibrations digests of corners. Both have to be recognized.
    #[test]
    fn words_and_numbers_hash_as_in_files_of_earlier_versions() {
        let weights = [0.25f32, -1.5, 3.0e-7];
        let expected = weights.iter().fold(0xcbf2_9ce4_8422_2325, |digest: u64, weight| {
            (digest ^ u64::from(weight.to_bits())).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!(fnv1a(weights.map(f32::to_bits)), expected);
        let corners = [12.5f64, 480.25];
        let expected = corners
            .into_iter()
            .flat_map(f64::to_le_bytes)
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        assert_eq!(fnv1a(corners.into_iter().flat_map(f64::to_le_bytes)), expected);
    }

    #[test]
    fn the_order_of_words_counts() {
        assert_ne!(fnv1a([1u8, 2]), fnv1a([2u8, 1]));
        assert_ne!(fnv1a([0u8]), fnv1a([0u8; 2]));
    }
}
