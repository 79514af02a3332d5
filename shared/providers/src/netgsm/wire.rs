//! Netgsm's answers: a code first, as JSON or as bare text, in UTF-8 or ISO-8859-9, with decimal commas and ten-digit numbers.
//!
//! Nothing is taken for a success but the code 00. Only the fields named here are ever taken out of an answer.

use domain::money::{Currency, Money};
use domain::numbering::E164;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The code of a success.
pub(super) const DONE: &str = "00";
/// What the numbers sold here begin with, nationally.
const PREFIX: &str = "850";

/// An answer as far as all of them are alike.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) code: String,
    /// What was said about it; the rest of a bare text.
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
}

impl Reply {
    /// None when it has no code.
    pub(super) fn read(body: &[u8], content_type: Option<&str>) -> Option<Self> {
        let text = text(body, content_type);
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.starts_with('{') {
            let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
            let code = match fields.get("code")? {
                Value::String(code) => code.trim().to_owned(),
                Value::Number(code) => code.to_string(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
            };
            let message = fields.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
            return is_code(&code).then_some(Self { code, message, fields });
        }
        let (code, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (code, message) = (code.to_owned(), rest.trim().to_owned());
        is_code(&code).then_some(Self { code, message, fields: Map::new() })
    }

    /// The fields as what they should be; none if they are not.
    pub(super) fn fields<T: for<'a> Deserialize<'a>>(self) -> Option<T> {
        T::deserialize(Value::Object(self.fields)).ok()
    }
}

fn is_code(text: &str) -> bool {
    (2..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What was sent, in whichever of the two alphabets it makes sense.
fn text(body: &[u8], content_type: Option<&str>) -> String {
    let older = content_type.is_some_and(|it| it.to_ascii_lowercase().contains("8859-9"));
    match std::str::from_utf8(body) {
        Ok(text) if !older => text.to_owned(),
        Ok(_) | Err(_) => body.iter().map(|byte| latin5(*byte)).collect(),
    }
}

/// ISO-8859-9 is the beginning of Unicode but for six Turkish letters.
fn latin5(byte: u8) -> char {
    match byte {
        0xD0 => 'Ğ',
        0xDD => 'İ',
        0xDE => 'Ş',
        0xF0 => 'ğ',
        0xFD => 'ı',
        0xFE => 'ş',
        other => char::from(other),
    }
}

/// A 0850 number in any of its spellings: `0850…`, `850…`, `90850…`, `+90850…`.
pub(super) fn e164(text: &str) -> Option<E164> {
    let digits: String = text.trim().chars().filter(|c| *c != ' ').collect();
    let digits =
        digits.strip_prefix("+90").or(digits.strip_prefix("90")).or(digits.strip_prefix('0')).unwrap_or(&digits);
    let whole = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    (whole && digits.starts_with(PREFIX)).then(|| format!("+90{digits}").parse().ok()).flatten()
}

/// Lira with a decimal comma: `191,00`, `34,020`, `1.191,00`. Points alone could mean either, so they mean nothing.
pub(super) fn lira(text: &str) -> Option<Money> {
    let (units, places) = text.trim().split_once(',').unwrap_or((text.trim(), "0"));
    let mut groups = units.split('.');
    let first = groups.next()?;
    let grouped = text.contains(',') && (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if units.contains('.') && !grouped {
        return None;
    }
    Money::parse(&format!("{}.{places}", units.replace('.', "")), Currency::TRY).ok()
}

/// Numbers on sale, or owned.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) numaralar: Vec<Listed>,
    pub(super) toplam: Option<usize>,
}

/// One of them, or an order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Listed {
    #[serde(deserialize_with = "text_or_number")]
    numara_id: String,
    #[serde(deserialize_with = "text_or_number")]
    numara: String,
    yillik_ucret: Option<String>,
    kurulum_ucreti: Option<String>,
    referans: Option<String>,
    durum: Option<String>,
    alis_tarihi: Option<String>,
    bitis_tarihi: Option<String>,
}

/// The carrier's words for how an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Active,
    Suspended,
    Waiting,
    Cancelled,
}

impl Listed {
    pub(super) fn id(&self) -> Option<&str> {
        Some(self.numara_id.as_str()).filter(|id| !id.is_empty())
    }

    pub(super) fn e164(&self) -> Option<E164> {
        e164(&self.numara)
    }

    pub(super) fn reference(&self) -> Option<&str> {
        self.referans.as_deref().filter(|reference| !reference.is_empty())
    }

    pub(super) fn yearly_fee(&self) -> Option<Money> {
        lira(self.yillik_ucret.as_deref()?)
    }

    pub(super) fn setup_fee(&self) -> Option<Money> {
        lira(self.kurulum_ucreti.as_deref()?)
    }

    /// An unknown word is one of an order that is not decided.
    pub(super) fn word(&self) -> Option<Word> {
        let word = self.durum.as_deref()?.trim().replace(['ı', 'I', 'İ'], "i").to_lowercase();
        Some(match word.as_str() {
            "aktif" => Word::Active,
            "askida" => Word::Suspended,
            "iptal" => Word::Cancelled,
            _ => Word::Waiting,
        })
    }

    pub(super) fn expires_at(&self) -> Option<Date> {
        date(self.bitis_tarihi.as_deref()?)
    }

    /// The beginning of the day in Turkey on which it was sold; a year before its end where only that is said.
    pub(super) fn sold_at(&self) -> Option<Timestamp> {
        let said = self.alis_tarihi.as_deref().and_then(date);
        let day = said.or_else(|| self.expires_at()?.checked_sub(1.year()).ok())?;
        day.to_zoned(tz::TimeZone::fixed(tz::offset(3))).ok().map(|day| day.timestamp())
    }
}

/// `dd.MM.yyyy`
fn date(text: &str) -> Option<Date> {
    Date::strptime("%d.%m.%Y", text.trim()).ok()
}

/// Where a number registers.
#[derive(Deserialize)]
pub(super) struct Sip {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) sip_kullanici_adi: String,
    #[serde(deserialize_with = "text_or_number")]
    pub(super) sip_sifre: String,
    pub(super) sip_sunucu: String,
    #[serde(default, deserialize_with = "text_or_number")]
    pub(super) sip_port: String,
}

impl Sip {
    /// The port; the usual one where none is said, none at all where it makes no sense.
    pub(super) fn port(&self) -> Option<u16> {
        if self.sip_port.is_empty() { Some(5060) } else { self.sip_port.parse().ok().filter(|port| *port > 0) }
    }

    /// The host, if it can be one.
    pub(super) fn host(&self) -> Option<&str> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        Some(self.sip_sunucu.trim()).filter(|host| !host.is_empty() && host.bytes().all(fits))
    }
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(serde::de::Error::custom("neither text nor number")),
    }
}

/// What asks for the balance.
pub(super) fn balance_question(usercode: &str, password: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<?xml version=\"1.0\"?><mainbody><header><usercode>{}</usercode><password>{}</password><stip>2</stip></header></mainbody>",
        escaped(usercode),
        escaped(password)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_code_is_read_in_every_manner() {
        let check = |body: &[u8], expected: Option<(&str, &str)>| {
            let reply = Reply::read(body, None);
            let read = reply.as_ref().map(|reply| (reply.code.as_str(), reply.message.as_str()));
            assert_eq!(read, expected, "{}", String::from_utf8_lossy(body));
        };
        check(b"30", Some(("30", "")));
        check(b" 30\r\n", Some(("30", "")));
        check(b"00 34,020", Some(("00", "34,020")));
        check(b"\xEF\xBB\xBF30", Some(("30", "")));
        check(br#"{"code":"30","message":"no"}"#, Some(("30", "no")));
        check(br#"{"status":"Error","code":30,"message":"no"}"#, Some(("30", "no")));
        check(br#"{"code":"00","numaralar":[]}"#, Some(("00", "")));
        check("{\"code\":\"40\",\"message\":\"Kayıt yok\"}".as_bytes(), Some(("40", "Kayıt yok")));
        check(b"{\"code\":\"40\",\"message\":\"Kay\xFDt \xDEi\xFEli \xD0\xF0\xDD\"}", Some(("40", "Kayıt Şişli Ğğİ")));
        check(br#"{"code":true}"#, None);
        check(br#"{"code":"0"}"#, None);
        check(br#"{"code":"0000"}"#, None);
        check(br#"{"code":"OK"}"#, None);
        check(br#"{"status":"Success"}"#, None);
        check(b"<html>", None);
        check(b"0034,020", None);
        check(b"[]", None);
        check(b"", None);
    }

    #[test]
    fn an_alphabet_that_is_named_is_believed() {
        // Two letters of the older alphabet that are one of the newer.
        let body = b"{\"code\":\"40\",\"message\":\"\xC4\xB1\"}";
        let message = |content_type| Reply::read(body, content_type).unwrap().message;
        assert_eq!(message(None), "ı");
        assert_eq!(message(Some("text/html; charset=ISO-8859-9")), "Ä±");
    }

    #[test]
    fn every_spelling_is_one_number() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(e164(text).as_ref().map(E164::as_str), expected, "{text}");
        };
        for spelling in ["8501234567", "08501234567", "908501234567", "+908501234567", " 0850 123 45 67 "] {
            check(spelling, Some("+908501234567"));
        }
        for other in [
            "",
            "850123456",
            "85012345678",
            "2121234567",
            "+18501234567",
            "850123456x",
            "+8501234567",
            "00908501234567",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn commas_are_decimal_and_points_alone_are_nothing() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(lira(text).map(|money| money.micros), expected, "{text}");
            assert!(lira(text).iter().all(|money| money.currency == Currency::TRY));
        };
        check("191,00", Some(191_000_000));
        check("34,020", Some(34_020_000));
        check("0,5", Some(500_000));
        check("191", Some(191_000_000));
        check("1.191,00", Some(1_191_000_000));
        check("1.234.567,89", Some(1_234_567_890_000));
        check("191.00", None);
        check("1.191", None);
        check("12.34,5", None);
        check("1,2,3", None);
        check("1191.000,5", None);
        check("", None);
        check(",5", None);
        check("5,", None);
        check("TL 5", None);
    }

    #[test]
    fn a_number_knows_when_it_was_sold() {
        let check = |fields: Value, expected: Option<&str>| {
            let listed: Listed = serde_json::from_value(fields).unwrap();
            assert_eq!(listed.sold_at().map(|at| at.to_string()).as_deref(), expected, "{listed:?}");
        };
        check(json!({"alis_tarihi": "01.03.2027"}), Some("2027-02-28T21:00:00Z"));
        check(json!({"bitis_tarihi": "01.03.2028"}), Some("2027-02-28T21:00:00Z"));
        check(json!({"bitis_tarihi": "29.02.2028"}), Some("2027-02-27T21:00:00Z"));
        check(json!({"alis_tarihi": "2027-03-01", "bitis_tarihi": "31.02.2027"}), None);
        check(json!({}), None);
    }

    #[test]
    fn an_unknown_word_is_of_an_order_that_waits() {
        let check = |word: Value, expected: Option<Word>| {
            let listed: Listed = serde_json::from_value(json!({"durum": word})).unwrap();
            assert_eq!(listed.word(), expected, "{listed:?}");
        };
        check(json!("aktif"), Some(Word::Active));
        check(json!("AKTİF"), Some(Word::Active));
        check(json!("askida"), Some(Word::Suspended));
        check(json!("askıda"), Some(Word::Suspended));
        check(json!("iptal"), Some(Word::Cancelled));
        check(json!("beklemede"), Some(Word::Waiting));
        check(json!("onaylandı"), Some(Word::Waiting));
        check(Value::Null, None);
    }

    #[test]
    fn credentials_cannot_break_out_of_the_question() {
        let asked = balance_question("850", "a<b>&c");
        let document = roxmltree::Document::parse(&asked).unwrap();
        let password = document.descendants().find(|node| node.has_tag_name("password")).unwrap();
        assert_eq!(password.text(), Some("a<b>&c"));
    }

    proptest! {
        #[test]
        fn nothing_panics(body in prop::collection::vec(any::<u8>(), 0..60), text in ".{0,20}") {
            drop((Reply::read(&body, None), Reply::read(&body, Some("charset=iso-8859-9")), e164(&text), lira(&text), date(&text)));
        }
    }
}
