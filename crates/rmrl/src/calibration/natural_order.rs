//! The order of names as people count: `view2.png` before `view10.png`.

use std::cmp::Ordering;

/// Compares two names; numbers in them count by their value.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) else {
            // Of equal numbers with other zeros before them, any order that stays the same.
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, rest) = split_number(left);
            let (other, other_rest) = split_number(right);
            (left, right) = (rest, other_rest);
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            left = &left[first.len_utf8()..];
            right = &right[second.len_utf8()..];
            first.cmp(&second)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The digits that a text begins with, without zeros before them, and the rest.
fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_value() {
        let mut names = [
            "b1",
            "a10.png",
            "a2.png",
            "a002.png",
            "a",
            "A3.png",
            "a1-2",
            "a1-10",
            "a99999999999999999999",
        ];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            [
                "A3.png",
                "a",
                "a1-2",
                "a1-10",
                "a002.png",
                "a2.png",
                "a10.png",
                "a99999999999999999999",
                "b1"
            ]
        );
    }
}
