//! How Netgsm answers: a code first, in JSON or bare, in one of two alphabets, and always with HTTP 200.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Manner;
use crate::server::Answer;

/// What is said, before it is known in which manner.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// With the code 00.
    Done(Value),
    /// The balance's own form, which is never JSON.
    Bare(String),
    Refused(&'static str),
}

pub(super) const DONE: &str = "00";
pub(super) const STRANGER: &str = "30";
pub(super) const NO_RECORD: &str = "40";
pub(super) const POOR: &str = "46";
pub(super) const WRONG: &str = "70";
pub(super) const TOO_OFTEN: &str = "100";

impl Said {
    pub(super) fn answer(self, manner: Manner) -> Answer {
        match self {
            Self::Done(mut fields) => {
                fields["code"] = json!(DONE);
                told(fields.to_string(), "application/json", manner)
            }
            Self::Bare(text) => told(text, "text/html", manner),
            Self::Refused(code) => refused(code, manner),
        }
    }
}

/// The words are not published; that they are Turkish is all that matters of them.
pub(super) fn refused(code: &str, manner: Manner) -> Answer {
    if manner.bare {
        return told(code.to_owned(), "text/html", manner);
    }
    let message = match code {
        STRANGER => "Geçersiz kullanıcı adı, şifre veya kullanıcının API erişim izni yok",
        NO_RECORD => "Kayıt bulunamadı",
        POOR => "Bakiye yetersiz, lütfen yükleme yapınız",
        WRONG => "Hatalı sorgulama: eksik ya da yanlış parametre gönderildi",
        TOO_OFTEN => "Sistem hatası ya da sorgu sınırı: dakikada en çok iki sorgu yapılabilir",
        _ => "İşlem gerçekleştirilemedi",
    };
    told(json!({ "code": code, "message": message }).to_string(), "application/json", manner)
}

fn told(text: String, media_type: &str, manner: Manner) -> Answer {
    let (body, charset) = if manner.latin5 { (latin5(&text), "iso-8859-9") } else { (text.into_bytes(), "utf-8") };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::OK;
    // The name of the alphabet is left out where it is the older one, as on old pages.
    let content_type = if manner.latin5 { media_type.to_owned() } else { format!("{media_type}; charset={charset}") };
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        answer.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    answer
}

/// ISO-8859-9: the first 256 characters of Unicode but for six Turkish letters.
fn latin5(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        'Ğ' => 0xD0,
        'İ' => 0xDD,
        'Ş' => 0xDE,
        'ğ' => 0xF0,
        'ı' => 0xFD,
        'ş' => 0xFE,
        other => u8::try_from(u32::from(other)).unwrap_or(b'?'),
    };
    text.chars().map(byte).collect()
}

/// `34,020` is 34 lira and two kuruş.
pub(super) fn lira(kurus: u64) -> String {
    format!("{},{:02}0", kurus / 100, kurus % 100)
}

/// `191,00`
pub(super) fn price(kurus: u64) -> String {
    format!("{},{:02}", kurus / 100, kurus % 100)
}
