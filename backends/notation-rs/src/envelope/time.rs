//! Moments in headers.

use jiff::Timestamp;

use crate::Value;

/// The years that are read: 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// RFC 3339 with an upper-case `T` and `Z`, any offset, perhaps with a fraction; no leap second, no calendar but ours.
pub(super) fn from_text(value: &Value) -> Option<Timestamp> {
    const WHOLE: usize = "YYYY-MM-DDTHH:MM:SS".len();
    let text = value.as_text()?;
    let (whole, rest) = text.split_at_checked(WHOLE)?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let digits = fraction.len().checked_sub(offset.len())?;
            if (1..=9).contains(&digits) { offset } else { return None }
        }
        None => rest,
    };
    let good = fits(whole, "0000-00-00T00:00:00") && (offset == "Z" || fits(offset, "+00:00") || fits(offset, "-00:00"));
    let leap = whole.ends_with(":60");
    let moment: Timestamp = if good && !leap { text.parse().ok()? } else { return None };
    SECONDS.contains(&moment.as_second()).then_some(moment)
}

/// Tag 1 over a whole number of seconds since 1970 (RFC 8949, section 3.4.2).
pub(super) fn from_tag(value: &Value) -> Option<Timestamp> {
    let Value::Tagged(1, inner) = value else { return None };
    let seconds = match **inner {
        Value::Integer(seconds) => i64::try_from(seconds).ok()?,
        #[allow(clippy::cast_possible_truncation)] // in range, and whole
        Value::Float(seconds) if seconds.fract() == 0.0 && seconds.abs() < 1e12 => seconds as i64,
        _ => return None,
    };
    if SECONDS.contains(&seconds) { Timestamp::from_second(seconds).ok() } else { None }
}

/// Whether a text has digits where the pattern has zeros, and is the same elsewhere.
fn fits(text: &str, pattern: &str) -> bool {
    let same = |(byte, wanted): (u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_one_form_and_any_offset() {
        let read = |text: &str| from_text(&Value::Text(text.to_owned())).map(Timestamp::as_second);
        assert_eq!(read("2023-07-01T08:00:00+08:00"), Some(1_688_169_600));
        assert_eq!(read("2023-07-01T00:00:00Z"), Some(1_688_169_600));
        assert_eq!(read("2023-07-01T00:00:00.5Z"), Some(1_688_169_600));
        assert_eq!(read("2024-02-29T23:59:59-05:30"), Some(1_709_270_999));
        for bad in [
            "2023-07-01t00:00:00Z",
            "2023-07-01T00:00:00z",
            "2023-07-01 00:00:00Z",
            "2023-07-01T00:00:00",
            "2023-07-01T00:00Z",
            "2023-02-29T00:00:00Z",
            "2023-07-01T24:00:00Z",
            "2023-07-01T00:00:60Z",
            "2023-07-01T00:00:00.Z",
            "2023-07-01T00:00:00,5Z",
            "2023-07-01T00:00:00+0800",
            "2023-07-01T00:00:00Z[UTC]",
            "+002023-07-01T00:00:00Z",
            "0000-07-01T00:00:00Z",
            "1688169600",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(from_text(&Value::Integer(1_688_169_600)), None);
    }

    #[test]
    fn tagged_numbers_are_whole_seconds() {
        let tagged = |number: u64, inner: Value| from_tag(&Value::Tagged(number, Box::new(inner))).map(Timestamp::as_second);
        assert_eq!(tagged(1, Value::Integer(-1)), Some(-1));
        assert_eq!(tagged(1, Value::Float(1_688_169_600.0)), Some(1_688_169_600));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, 1e300, -1e12] {
            assert_eq!(tagged(1, Value::Float(bad)), None, "{bad}");
        }
        for bad in [i128::from(i64::MAX), 253_402_300_800, -62_135_596_801] {
            assert_eq!(tagged(1, Value::Integer(bad)), None, "{bad}");
        }
        assert_eq!(tagged(0, Value::Text("2023-07-01T00:00:00Z".to_owned())), None);
        assert_eq!(tagged(1, Value::Text("2023-07-01T00:00:00Z".to_owned())), None);
        assert_eq!(from_tag(&Value::Integer(1)), None);
    }
}
