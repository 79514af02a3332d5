//! What is due, what it costs and what is covered: tables of cases, and properties of whatever comes.

use jiff::Span;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::catalog::PRICE_BOOK;
use crate::money::Currency;

fn usd(micros: i64) -> Money {
    Money::from_micros(micros, Currency::USD)
}

fn candidate(n: u8, anchor: Date, paid_through: Date) -> Candidate {
    Candidate {
        id: format!("num_{n:032x}").parse().unwrap(),
        e164: format!("+1212555{:04}", 100 + u16::from(n)).parse().unwrap(),
        carrier: Carrier::Twilio,
        country: CountryCode::US,
        kind: NumberKind::Local,
        status: NumberStatus::Active,
        primary: false,
        included: false,
        was_included: false,
        price: usd(1_500_000),
        price_change: None,
        anchor,
        paid_through,
        dunning: None,
        served_until: None,
    }
}

fn suspended(on: Date) -> Option<Dunning> {
    Some(Dunning { since: on, day: 7, on, suspended_on: Some(on), look_on: on })
}

#[test]
fn what_was_served_is_due_and_nothing_else() {
    let check = |candidate: Candidate, today: Date, expected: &[(Date, i64)]| {
        let due: Vec<_> = candidate.due(today).into_iter().map(|(period, micros, _)| (period.start, micros)).collect();
        assert_eq!(due, expected, "{today}");
    };
    let (january, march) = (date(2027, 1, 31), date(2027, 3, 31));
    let number = || candidate(1, january, date(2027, 2, 28));
    check(number(), date(2027, 2, 27), &[]);
    check(number(), date(2027, 2, 28), &[(date(2027, 2, 28), 1_500_000)]);
    check(number(), date(2027, 3, 30), &[(date(2027, 2, 28), 1_500_000)]);
    check(number(), march, &[(date(2027, 2, 28), 1_500_000), (march, 1_500_000)]);
    // Suspended within the first unpaid period: that one was served in part; the next not at all; the current one would be.
    let held = || Candidate { status: NumberStatus::Suspended, dunning: suspended(date(2027, 3, 7)), ..number() };
    check(held(), date(2027, 3, 20), &[(date(2027, 2, 28), 1_500_000)]);
    check(held(), date(2027, 4, 10), &[(date(2027, 2, 28), 1_500_000), (march, 1_500_000)]);
    let may = date(2027, 4, 30);
    check(held(), date(2027, 5, 5), &[(date(2027, 2, 28), 1_500_000), (march, 0), (may, 1_500_000)]);
    // Suspended on the very day a period began: not served in it.
    let on_the_day = Candidate { dunning: suspended(march), ..held() };
    check(on_the_day, date(2027, 5, 5), &[(date(2027, 2, 28), 1_500_000), (march, 0), (may, 1_500_000)]);
    // Let go, and unparked on 30 March: what begins later is not served for money, however long its release takes.
    let gone = || Candidate { served_until: Some(date(2027, 3, 30)), ..number() };
    check(gone(), date(2027, 3, 30), &[(date(2027, 2, 28), 1_500_000)]);
    check(gone(), may, &[(date(2027, 2, 28), 1_500_000)]);
}

#[test]
fn a_price_that_was_announced_applies_from_its_day_on() {
    let change = PriceChange { price: usd(2_000_000), from: date(2027, 3, 31) };
    let number = Candidate { price_change: Some(change), ..candidate(1, date(2027, 1, 31), date(2027, 2, 28)) };
    let prices: Vec<i64> = number.due(date(2027, 5, 1)).into_iter().map(|(_, micros, _)| micros).collect();
    assert_eq!(prices, [1_500_000, 2_000_000, 2_000_000]);
}

#[test]
fn a_price_that_changed_in_the_book_is_announced_and_kept_for_a_period() {
    let book = PriceBook::read(&PRICE_BOOK.replacen("\"1.50\"", "\"1.75\"", 1)).unwrap();
    let first = period::nth(date(2027, 1, 31), 1).unwrap();
    let number = candidate(1, date(2027, 1, 31), date(2027, 2, 28));
    let settled = number.settled(first, first.start, &book);
    let change = PriceChange { price: usd(1_750_000), from: date(2027, 3, 31) };
    assert_eq!((settled.price, settled.price_change, settled.announced), (usd(1_500_000), Some(change), Some(change)));
    let second = period::nth(date(2027, 1, 31), 2).unwrap();
    let number = Candidate { price_change: Some(change), ..number };
    let settled = number.settled(second, second.start, &book);
    assert_eq!((settled.price, settled.price_change, settled.announced), (usd(1_750_000), None, None));
}

#[test]
fn the_oldest_comes_first_then_the_primary_number_then_the_id() {
    let today = date(2027, 3, 15);
    let (early, late) = (date(2027, 1, 5), date(2027, 1, 10));
    let candidates = [
        candidate(1, late, date(2027, 3, 10)),
        candidate(2, early, date(2027, 2, 5)),
        Candidate { primary: true, ..candidate(3, late, date(2027, 3, 10)) },
        Candidate { included: true, ..candidate(4, late, date(2027, 3, 10)) },
    ];
    let order: Vec<_> =
        in_order(&candidates, today).iter().map(|charge| (charge.candidate, charge.period.start)).collect();
    let march = date(2027, 3, 10);
    assert_eq!(order, [(3, march), (1, date(2027, 2, 5)), (1, date(2027, 3, 5)), (2, march), (0, march)]);
}

#[test]
fn the_longest_run_that_the_money_covers_is_charged() {
    let today = date(2027, 2, 20);
    let start = date(2027, 1, 10);
    let candidates: Vec<_> = (1..=3).map(|n| candidate(n, start, date(2027, 2, 10))).collect();
    let charges = in_order(&candidates, today);
    let check = |available: i64, covered: usize| assert_eq!(affordable(&charges, available), covered, "{available}");
    check(-1, 0);
    check(1_499_999, 0);
    check(1_500_000, 1);
    check(4_499_999, 2);
    check(4_500_000, 3);
    check(i64::MAX, 3);
    let free = [Candidate { included: true, ..candidates[0].clone() }];
    assert_eq!(affordable(&in_order(&free, today), -5), 1, "what costs nothing does not wait for money");
}

#[test]
fn places_of_a_plan_go_to_the_oldest_and_are_lost_by_the_newest() {
    let start = date(2027, 1, 10);
    let places = |included: [bool; 4], taken: u32, places: u32| {
        let mut candidates: Vec<_> = (1..=4u8).map(|n| candidate(n, start, start)).collect();
        for (candidate, included) in candidates.iter_mut().zip(included) {
            candidate.included = included;
        }
        include(&mut candidates, taken, places);
        candidates.iter().map(|candidate| candidate.included).collect::<Vec<_>>()
    };
    assert_eq!(places([false; 4], 0, 2), [true, true, false, false]);
    assert_eq!(places([false; 4], 1, 2), [true, false, false, false]);
    assert_eq!(places([false, true, true, false], 2, 1), [false, true, false, false]);
    assert_eq!(places([false, true, false, false], 1, 1), [false, true, false, false]);
    assert_eq!(places([true; 4], 4, 0), [false; 4]);
}

proptest! {
    /// However long nobody charged, and in however many portions it is caught up, each period is charged once.
    #[test]
    fn catching_up_in_any_portions_charges_each_period_once(
        anchor_days in 0i32..1_000,
        ticks in proptest::collection::vec(1i64..90, 1..30),
        money in proptest::collection::vec(0i64..6_000_000, 30),
    ) {
        let book = PriceBook::read(PRICE_BOOK).unwrap();
        let anchor = date(2026, 1, 1).checked_add(Span::new().days(anchor_days)).unwrap();
        let first = period::nth(anchor, 0).unwrap();
        let mut number = candidate(1, anchor, first.end);
        let (mut charged, mut today) = (vec![first], anchor);
        for (days, available) in ticks.into_iter().zip(money) {
            today = today.checked_add(Span::new().days(days)).unwrap();
            let charges = in_order(std::slice::from_ref(&number), today);
            for charge in &charges[..affordable(&charges, available)] {
                charged.push(charge.period);
                number.paid_through = number.settled(charge.period, today, &book).paid_through;
            }
        }
        prop_assert!(charged.windows(2).all(|pair| pair[0].end == pair[1].start));
        prop_assert_eq!(charged.last().map(|period| period.end), Some(number.paid_through));
    }
}
