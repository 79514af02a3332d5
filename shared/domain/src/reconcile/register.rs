//! What the books expect of the world, small enough to keep for a million numbers: a key and a fingerprint each.
//!
//! A key finds a thing (an E.164's digits, a platform's id), the fingerprint stands for everything that must be the same on
//! both sides. A false "same" needs two different things with one fingerprint of 64 bits; a false "other" costs a closer
//! look and no more.

use crate::number::{AtEnd, Number, PlatformRef, Reach};
use crate::numbering::E164;
use crate::ports::{CarrierNumber, NumberSettings, PlatformNumber};

/// What is expected somewhere, and which of it was met there.
#[derive(Debug, Default)]
pub struct Register {
    entries: Vec<(u64, u64)>,
    sealed: bool,
    met: Vec<u64>,
}

/// Bytes of an entry when written.
const ENTRY: usize = 16;

/// How a thing of the world stands to what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Expected exactly so.
    Same,
    /// Met before; a page may be read twice.
    Again,
    /// Expected, but not so.
    Other,
    /// Not expected.
    Unknown,
}

impl Register {
    /// Expects one thing more. Not after [`Register::seal`].
    pub fn expect(&mut self, key: u64, print: u64) {
        debug_assert!(!self.sealed);
        self.entries.push((key, print));
    }

    /// How many are expected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Everything expected is in; now it can be met. A thing noted twice counts once.
    pub fn seal(&mut self) {
        self.entries.sort_unstable();
        self.entries.dedup_by_key(|(key, _)| *key);
        self.met = vec![0; self.entries.len().div_ceil(64)];
        self.sealed = true;
    }

    /// Meets a thing of the world; only what is exactly as expected counts as met.
    pub fn meet(&mut self, key: u64, print: u64) -> Met {
        let Some(at) = self.place(key) else { return Met::Unknown };
        if self.is_met(at) {
            return Met::Again;
        }
        let same = self.entries.get(at).is_some_and(|(_, expected)| *expected == print);
        if !same {
            return Met::Other;
        }
        self.mark(key);
        Met::Same
    }

    /// Counts something as met, however it was.
    pub fn mark(&mut self, key: u64) {
        if let Some(at) = self.place(key)
            && let Some(word) = self.met.get_mut(at / 64)
        {
            *word |= 1 << (at % 64);
        }
    }

    /// Whether something is expected and was not met.
    #[must_use]
    pub fn is_unmet(&self, key: u64) -> bool {
        self.place(key).is_some_and(|at| !self.is_met(at))
    }

    fn place(&self, key: u64) -> Option<usize> {
        debug_assert!(self.sealed);
        self.entries.binary_search_by_key(&key, |(key, _)| *key).ok()
    }

    fn is_met(&self, at: usize) -> bool {
        self.met.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// Keys that were not met, from this place on, at most `limit`, each with the place after it.
    #[must_use]
    pub fn unmet(&self, from: usize, limit: usize) -> Vec<(usize, u64)> {
        let rest = self.entries.iter().enumerate().skip(from);
        rest.filter(|(at, _)| !self.is_met(*at)).map(|(at, (key, _))| (at + 1, *key)).take(limit).collect()
    }

    /// Entries from this place on, to be written; [`Register::read`] takes them back in.
    #[must_use]
    pub fn write(&self, from: usize, limit: usize) -> Vec<u8> {
        let some = self.entries.iter().skip(from).take(limit);
        some.flat_map(|(key, print)| [key.to_be_bytes(), print.to_be_bytes()]).flatten().collect()
    }

    /// Takes entries in that were written.
    pub fn read(&mut self, bytes: &[u8]) {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
        self.entries.reserve(bytes.len() / ENTRY);
        for entry in bytes.chunks_exact(ENTRY) {
            let (key, print) = entry.split_at(ENTRY / 2);
            self.entries.push((number(key), number(print)));
        }
    }

    /// What was met, to be written.
    #[must_use]
    pub fn write_met(&self) -> Vec<u8> {
        self.met.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Takes what was met in again, after [`Register::seal`].
    pub fn read_met(&mut self, bytes: &[u8]) {
        for (word, bytes) in self.met.iter_mut().zip(bytes.chunks_exact(8)) {
            *word |= bytes.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        }
    }

    /// Bytes it takes up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries.capacity() * std::mem::size_of::<(u64, u64)>() + self.met.capacity() * 8
    }
}

/// Key of an E.164: its digits, at most fifteen.
#[must_use]
pub fn e164_key(e164: &E164) -> u64 {
    e164.as_str().trim_start_matches('+').parse().unwrap_or(0)
}

/// The E.164 of a key.
#[must_use]
pub fn key_e164(key: u64) -> Option<E164> {
    format!("+{key}").parse().ok()
}

/// Key of what a platform knows by this id.
#[must_use]
pub fn platform_key(id: &str) -> u64 {
    hash([id])
}

/// Fingerprint of a number as its carrier should have it; none while it has none.
#[must_use]
pub fn carrier_expected(number: &Number, settings: &NumberSettings) -> Option<u64> {
    // What was ordered by hand has no name of ours there to be known by.
    let known = number.carrier_ref.as_ref().filter(|known| known.at_end != AtEnd::ByHand);
    known.map(|known| carrier_print(&known.id, &known.tag, settings))
}

/// Fingerprint of a number as its carrier has it.
#[must_use]
pub fn carrier_met(found: &CarrierNumber) -> u64 {
    carrier_print(&found.id, &found.tag, &found.settings)
}

fn carrier_print(id: &str, tag: &str, settings: &NumberSettings) -> u64 {
    let NumberSettings { webhooks, trunk, application } = settings;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    hash([id, tag, &webhooks.voice, &webhooks.voice_fallback, &webhooks.status, &or_none(trunk), &or_none(application)])
}

/// Fingerprint of a linked number as its platform should have it, bound to this agent or to none.
#[must_use]
pub fn platform_expected(known: &PlatformRef, agent: Option<&str>) -> u64 {
    let sip_uri = match &known.reach {
        Reach::Dial { sip_uri, .. } => sip_uri,
        Reach::Register | Reach::Trunk { .. } | Reach::Import { .. } | Reach::Direct { .. } | Reach::Native => "",
    };
    platform_print(&known.tag, sip_uri, agent)
}

/// Fingerprint of a number as its platform has it.
#[must_use]
pub fn platform_met(found: &PlatformNumber) -> u64 {
    platform_print(&found.tag, found.sip_uri.as_deref().unwrap_or_default(), found.platform_agent_id.as_deref())
}

fn platform_print(tag: &str, sip_uri: &str, agent: Option<&str>) -> u64 {
    hash([tag, &sip_uri.to_ascii_lowercase(), agent.unwrap_or_default()])
}

/// FNV-1a of 64 bits over the parts, each ended by a byte no UTF-8 text has: no adversary chooses what goes in, and it must
/// be the same in every version that goes on with a run.
fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // The multiplication leaves the low bits poor; one more mixing spreads them.
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_met_once_it_is_sealed() {
        let mut register = Register::default();
        for (key, print) in [(30, 3), (10, 1), (20, 2), (10, 1)] {
            register.expect(key, print);
        }
        register.seal();
        assert_eq!(register.len(), 3);
        assert_eq!(register.meet(10, 1), Met::Same);
        assert_eq!(register.meet(10, 1), Met::Again);
        assert_eq!(register.meet(20, 9), Met::Other);
        assert_eq!(register.meet(15, 1), Met::Unknown);
        assert_eq!(register.unmet(0, 9), [(2, 20), (3, 30)]);
        assert_eq!(register.unmet(2, 9), [(3, 30)]);
        assert!(register.is_unmet(20) && !register.is_unmet(10) && !register.is_unmet(15));
        register.mark(20);
        assert_eq!(register.unmet(0, 9), [(3, 30)]);
        assert_eq!(register.unmet(3, 9), []);
    }

    #[test]
    fn it_goes_on_where_it_was_written() {
        let mut before = Register::default();
        for index in 0..1_000_u64 {
            before.expect(index.wrapping_mul(0x9e37_79b9_7f4a_7c15), index);
        }
        let mut after = Register::default();
        for from in (0..1_000).step_by(300) {
            after.read(&before.write(from, 300));
        }
        before.seal();
        after.seal();
        for index in (0..1_000_u64).step_by(3) {
            assert_eq!(before.meet(index.wrapping_mul(0x9e37_79b9_7f4a_7c15), index), Met::Same);
        }
        after.read_met(&before.write_met());
        assert_eq!(before.unmet(0, 2_000), after.unmet(0, 2_000));
        assert_eq!(after.unmet(0, 2_000).len(), 666);
        let some = after.unmet(0, 10);
        let (place, _) = some[9];
        assert_eq!([some, after.unmet(place, 2_000)].concat(), before.unmet(0, 2_000));
    }

    #[test]
    fn a_million_numbers_take_a_sixty_fourth_of_a_gigabyte() {
        let mut register = Register::default();
        for index in 0..1_000_000_u64 {
            register.expect(12_120_000_000 + index, index);
        }
        register.seal();
        for index in 0..1_000_000_u64 {
            assert_eq!(register.meet(12_120_000_000 + index, index), Met::Same);
        }
        assert!(register.bytes() <= 17 << 20, "{} bytes", register.bytes());
        assert_eq!(register.unmet(0, 1), []);
    }

    #[test]
    fn an_e164_and_its_key() {
        for text in ["+12125550123", "+905321234567", "+447700900123"] {
            let e164: E164 = text.parse().unwrap();
            assert_eq!(key_e164(e164_key(&e164)), Some(e164));
        }
        assert_eq!(key_e164(0), None);
    }

    #[test]
    fn fingerprints_know_where_a_part_ends() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_ne!(hash(["ab"]), hash(["ab", ""]));
        assert_eq!(platform_print("t", "sip:A@x", None), platform_print("t", "sip:a@X", None));
    }
}
