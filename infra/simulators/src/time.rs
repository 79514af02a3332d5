//! The two ways third parties write an instant. The instants themselves come from the injected clock.

use jiff::Timestamp;

/// `Thu, 30 Jul 2015 23:19:04 +0000`
pub(crate) fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// `2015-07-30T23:19:04.000Z`
pub(crate) fn iso_ms(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_the_third_parties_ways() {
        let at: Timestamp = "2015-07-30T23:19:04.007Z".parse().expect("an instant");
        assert_eq!(rfc2822(at), "Thu, 30 Jul 2015 23:19:04 +0000");
        assert_eq!(iso_ms(at), "2015-07-30T23:19:04.007Z");
    }
}
