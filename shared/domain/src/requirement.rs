//! What must be on file at the carrier before it sells: a business address, a regulatory bundle. Which of those that are
//! there goes with an order, and what is missing.
//!
//! An offer says whose address it asks for; that a bundle is needed no offer says, so the price book does
//! ([`crate::catalog::PriceLine::requires`]). Addresses are the operator's or the tenant's own, bundles always the tenant's:
//! the carrier wants one for each end customer. Whether what is on file still holds is known to the carrier alone.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::numbering::{CountryCode, NumberKind};
use crate::ports::AddressRequirement;

/// Something that cannot be on file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OnFileError {
    /// Not a sid of this kind.
    #[error("a sid is {0} and 32 hexadecimal digits")]
    Sid(&'static str),
    /// Not a country.
    #[error("an address is in a country of ISO 3166-1, such as GB")]
    Country,
    /// Not a country and a type.
    #[error("a bundle is for a country and a type, such as GB/local")]
    BundleFor,
    /// Not `GB=AD…`.
    #[error("addresses are written GB=AD…, separated by commas, each country once")]
    List,
}

macro_rules! sid {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As the carrier writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = OnFileError;
            fn from_str(text: &str) -> Result<Self, OnFileError> {
                let digits = text.strip_prefix($prefix).ok_or(OnFileError::Sid($prefix))?;
                let fine = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                if fine { Ok(Self(text.to_owned())) } else { Err(OnFileError::Sid($prefix)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = OnFileError;
            fn try_from(text: String) -> Result<Self, OnFileError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(sid: $name) -> String {
                sid.0
            }
        }
    };
}

sid!(
    /// A business address on file at the carrier.
    AddressSid,
    "AD"
);
sid!(
    /// A regulatory bundle on file at the carrier.
    BundleSid,
    "BU"
);

/// Business addresses by country, one for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Addresses(BTreeMap<CountryCode, AddressSid>);

impl Addresses {
    /// Reads countries and sids as somebody wrote them.
    ///
    /// # Errors
    /// [`OnFileError::Country`], [`OnFileError::Sid`].
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, OnFileError> {
        let read = |(country, sid): (&str, &str)| {
            let known = country.parse().ok().filter(CountryCode::is_assigned);
            Ok((known.ok_or(OnFileError::Country)?, sid.parse()?))
        };
        pairs.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Countries and sids.
    pub fn iter(&self) -> impl Iterator<Item = (CountryCode, &AddressSid)> {
        self.0.iter().map(|(country, sid)| (*country, sid))
    }

    /// The address that is best for this place.
    fn fit(&self, place: Place) -> Option<&AddressSid> {
        match place {
            Place::Anywhere(home) => self.0.get(&home).or_else(|| self.0.values().next()),
            Place::Inside(home) => self.0.get(&home),
            Place::Outside(home) => self.iter().find(|(country, _)| *country != home).map(|(_, sid)| sid),
        }
    }
}

impl FromStr for Addresses {
    type Err = OnFileError;
    /// `US=AD…,GB=AD…`; nothing is none.
    fn from_str(text: &str) -> Result<Self, OnFileError> {
        let listed: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let pairs: Option<Vec<(&str, &str)>> = listed.iter().map(|part| part.split_once('=')).collect();
        let pairs = pairs.ok_or(OnFileError::List)?;
        let read = Self::read(pairs.into_iter().map(|(country, sid)| (country.trim(), sid.trim())))?;
        if read.0.len() == listed.len() { Ok(read) } else { Err(OnFileError::List) }
    }
}

/// What a bundle is for: it fits numbers of one country and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BundleFor {
    /// Country of the numbers.
    pub country: CountryCode,
    /// Their type.
    pub kind: NumberKind,
}

impl FromStr for BundleFor {
    type Err = OnFileError;
    /// `GB/local`
    fn from_str(text: &str) -> Result<Self, OnFileError> {
        let (country, kind) = text.split_once('/').ok_or(OnFileError::BundleFor)?;
        let country = country.parse().map_err(|_| OnFileError::BundleFor)?;
        Ok(Self { country, kind: kind.parse().map_err(|_| OnFileError::BundleFor)? })
    }
}

impl TryFrom<String> for BundleFor {
    type Error = OnFileError;
    fn try_from(text: String) -> Result<Self, OnFileError> {
        text.parse()
    }
}

impl From<BundleFor> for String {
    fn from(what: BundleFor) -> String {
        format!("{}/{}", what.country, what.kind.as_str())
    }
}

/// What is on file at the carrier for one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnFile {
    /// Its addresses.
    #[serde(default)]
    pub addresses: Addresses,
    /// Its bundles.
    #[serde(default)]
    pub bundles: BTreeMap<BundleFor, BundleSid>,
}

/// What goes with an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Papers {
    /// The buyer's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressSid>,
    /// The buyer's bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleSid>,
}

impl Papers {
    /// Whether nothing goes with the order.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.address.is_none() && self.bundle.is_none()
    }
}

/// What the price book says a buyer must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// A business address.
    Address,
    /// A regulatory bundle.
    Bundle,
}

impl Needed {
    /// As written in the API and the price book.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Bundle => "bundle",
        }
    }
}

/// Where an address must be. Each names the country of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In any country; the number's own is the best.
    Anywhere(CountryCode),
    /// In the country. That some areas ask for one of their own is left to the carrier to say.
    Inside(CountryCode),
    /// In any other country.
    Outside(CountryCode),
}

/// What is not on file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An address in this place.
    Address(Place),
    /// A bundle of the tenant's for these numbers.
    Bundle(BundleFor),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(Place::Anywhere(_)) => f.write_str("a business address"),
            Self::Address(Place::Inside(country)) => write!(f, "a business address in {country}"),
            Self::Address(Place::Outside(country)) => write!(f, "a business address outside {country}"),
            Self::Bundle(BundleFor { country, kind }) => {
                write!(f, "a regulatory bundle of yours for {} {country} numbers", kind.as_str())
            }
        }
    }
}

/// What is asked of whoever buys a number.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Country of the number.
    pub country: CountryCode,
    /// Its type.
    pub kind: NumberKind,
    /// What the offer says.
    pub address: AddressRequirement,
    /// What the price book says.
    pub requires: &'a [Needed],
}

impl Asked<'_> {
    fn place(&self) -> Option<Place> {
        match self.address {
            AddressRequirement::None => {
                self.requires.contains(&Needed::Address).then_some(Place::Anywhere(self.country))
            }
            AddressRequirement::Any => Some(Place::Anywhere(self.country)),
            AddressRequirement::Local => Some(Place::Inside(self.country)),
            AddressRequirement::Foreign => Some(Place::Outside(self.country)),
        }
    }

    /// What goes with the order. The tenant's own comes before the operator's, and the better address before the worse.
    ///
    /// A bundle for exactly these numbers goes along though nobody asked: the price book may be behind the carrier. With it
    /// goes the tenant's address in the country, but not the operator's, which would contradict it.
    ///
    /// # Errors
    /// Everything that is missing; at least one.
    pub fn met_by(&self, tenant: &OnFile, operator: &Addresses) -> Result<Papers, Vec<Missing>> {
        let (place, what) = (self.place(), BundleFor { country: self.country, kind: self.kind });
        let bundle = tenant.bundles.get(&what);
        let address = match place {
            Some(place) => tenant.addresses.fit(place).or_else(|| operator.fit(place)),
            None => tenant.addresses.fit(Place::Inside(self.country)).filter(|_| bundle.is_some()),
        };
        let mut missing = Vec::new();
        missing.extend(place.filter(|_| address.is_none()).map(Missing::Address));
        if bundle.is_none() && self.requires.contains(&Needed::Bundle) {
            missing.push(Missing::Bundle(what));
        }
        if missing.is_empty() {
            Ok(Papers { address: address.cloned(), bundle: bundle.cloned() })
        } else {
            Err(missing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressRequirement::{Any, Foreign, Local, None as No};

    /// `GB1` is the address sid that ends in 1, kept under GB.
    fn addresses(held: &str) -> Addresses {
        let sid = |n: &str| format!("AD{n:0>32}");
        let listed: Vec<String> =
            held.split_whitespace().map(|one| format!("{}={}", &one[..2], sid(&one[2..]))).collect();
        listed.join(",").parse().unwrap()
    }

    fn tenant(held: &str, bundles: &str) -> OnFile {
        let bundle = |one: &str| {
            let (what, n) = one.split_once('=').unwrap();
            (what.parse().unwrap(), format!("BU{n:0>32}").parse().unwrap())
        };
        OnFile { addresses: addresses(held), bundles: bundles.split_whitespace().map(bundle).collect() }
    }

    fn said(met: &Result<Papers, Vec<Missing>>) -> String {
        let short = |sid: &str| format!("{}{}", &sid[..2], sid[2..].trim_start_matches('0'));
        match met {
            Ok(papers) => {
                let address = papers.address.iter().map(|sid| short(sid.as_str()));
                address.chain(papers.bundle.iter().map(|sid| short(sid.as_str()))).collect::<Vec<_>>().join(" ")
            }
            Err(missing) => {
                format!("no {}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and no "))
            }
        }
    }

    /// A British local number.
    fn check(address: AddressRequirement, requires: &[Needed], of_tenant: &OnFile, of_operator: &str, expected: &str) {
        let asked = Asked { country: CountryCode::GB, kind: NumberKind::Local, address, requires };
        let met = asked.met_by(of_tenant, &addresses(of_operator));
        assert_eq!(said(&met), expected, "{address:?} {requires:?} {of_tenant:?} {of_operator}");
    }

    #[test]
    fn an_address_is_chosen_by_place_and_the_tenants_own_comes_first() {
        let none = tenant("", "");
        check(No, &[], &none, "", "");
        check(No, &[], &tenant("GB1", ""), "GB2", "");
        check(Any, &[], &none, "", "no a business address");
        check(Any, &[], &none, "US2", "AD2");
        check(Any, &[], &none, "CA1 GB2", "AD2");
        check(Any, &[], &tenant("US3", ""), "GB2", "AD3");
        check(Any, &[], &tenant("CA3 GB4", ""), "GB2", "AD4");
        check(Local, &[], &none, "US1", "no a business address in GB");
        check(Local, &[], &tenant("US3", ""), "US1", "no a business address in GB");
        check(Local, &[], &tenant("US3", ""), "GB1", "AD1");
        check(Local, &[], &tenant("GB3", ""), "GB1", "AD3");
        check(Foreign, &[], &none, "GB1", "no a business address outside GB");
        check(Foreign, &[], &tenant("GB3", ""), "GB1", "no a business address outside GB");
        check(Foreign, &[], &none, "GB1 US2", "AD2");
        check(Foreign, &[], &tenant("DE3 GB4", ""), "US2", "AD3");
    }

    #[test]
    fn the_price_book_asks_for_what_no_offer_says() {
        let (address, bundle) = (Needed::Address, Needed::Bundle);
        let papers = "a regulatory bundle of yours for local GB numbers";
        let (none, all) = (tenant("", ""), tenant("GB3", "GB/local=7"));
        check(No, &[address], &none, "", "no a business address");
        check(No, &[address], &none, "US1", "AD1");
        check(Local, &[address], &none, "US1", "no a business address in GB");
        check(No, &[bundle], &none, "GB1", &format!("no {papers}"));
        check(Local, &[address, bundle], &none, "", &format!("no a business address in GB and no {papers}"));
        check(Local, &[bundle], &all, "GB1", "AD3 BU7");
        check(Local, &[bundle], &tenant("", "GB/local=7"), "GB1", "AD1 BU7");
    }

    #[test]
    fn a_bundle_fits_its_country_and_type_and_takes_the_tenants_address_along() {
        let bundle = [Needed::Bundle];
        let papers = "no a regulatory bundle of yours for local GB numbers";
        check(No, &bundle, &tenant("", "GB/mobile=7"), "", papers);
        check(No, &bundle, &tenant("", "DE/local=7"), "", papers);
        check(No, &bundle, &tenant("", "GB/mobile=7 GB/local=8"), "", "BU8");
        check(No, &bundle, &tenant("US3", "GB/local=8"), "", "BU8");
        check(No, &bundle, &tenant("GB3", "GB/local=8"), "", "AD3 BU8");
        check(No, &bundle, &tenant("", "GB/local=8"), "GB1", "BU8");
        check(No, &[], &tenant("", "GB/local=8"), "", "BU8");
        check(No, &[], &tenant("GB3", ""), "", "");
    }

    #[test]
    fn what_is_on_file_is_read_strictly() {
        let sid = "AD0123456789abcdef0123456789ABCDEF";
        let check = |text: &str, ok: bool| assert_eq!(text.parse::<Addresses>().is_ok(), ok, "{text}");
        check("", true);
        check(&format!("US={sid}"), true);
        check(&format!(" US = {sid} , GB={sid}, "), true);
        check(&format!("US={sid},US={sid}"), false);
        check(&format!("XX={sid}"), false);
        check(&format!("us={sid}"), false);
        check(sid, false);
        check("US=", false);
        check(&format!("US={}", &sid[..33]), false);
        check(&format!("US={sid}0"), false);
        check(&format!("US={}", sid.replace("AD", "BU")), false);
        check(&format!("US={}", sid.replace('9', "g")), false);
        let bundle_for = |text: &str, ok: bool| assert_eq!(text.parse::<BundleFor>().is_ok(), ok, "{text}");
        bundle_for("GB/local", true);
        bundle_for("GB/toll_free", true);
        bundle_for("GB/toll-free", false);
        bundle_for("GB", false);
        bundle_for("gb/local", false);
        assert_eq!(sid.parse::<BundleSid>(), Err(OnFileError::Sid("BU")));
    }

    #[test]
    fn what_is_on_file_is_kept_as_it_is_written() {
        let kept = serde_json::to_value(tenant("GB3", "GB/toll_free=7")).unwrap();
        let sid = |prefix: &str, n: u8| format!("{prefix}{n:032}");
        let expected = serde_json::json!({
            "addresses": { "GB": sid("AD", 3) }, "bundles": { "GB/toll_free": sid("BU", 7) },
        });
        assert_eq!(kept, expected);
        assert_eq!(serde_json::from_value::<OnFile>(kept).unwrap(), tenant("GB3", "GB/toll_free=7"));
        assert_eq!(serde_json::from_str::<OnFile>("{}").unwrap(), OnFile::default());
    }
}
