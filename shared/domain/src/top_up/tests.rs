//! Tables of the rules of top-ups.

use jiff::SignedDuration;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn usd(units: i64) -> Money {
    Money::from_micros(units * 1_000_000, Currency::USD)
}

fn top_up(auto: bool, status: TopUpStatus) -> TopUp {
    let by = if auto {
        PaidBy::Auto { customer: "cus_1".into(), payment_method: "pm_1".into() }
    } else {
        PaidBy::Checkout { save_card: true, success_url: String::new(), cancel_url: String::new() }
    };
    TopUp {
        id: "top_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
        tenant_id: "acme".parse().unwrap(),
        amount: usd(25),
        status,
        by,
        session: None,
        checkout_url: None,
        payment: None,
        expires_at: None,
        failure: None,
        review: None,
        look_at: None,
        created_at: NOW,
        revision: 0,
    }
}

fn decline(then: AfterDecline) -> Report {
    Report::Declined(Decline { then, code: "card_declined".into() })
}

/// What becomes of the status: `-` when nothing changes.
fn after(auto: bool, status: TopUpStatus, report: &Report) -> &'static str {
    match top_up(auto, status).told(report) {
        None => "-",
        Some(Change::Processing) => "processing",
        Some(Change::Over(status, _)) => status.as_str(),
    }
}

#[test]
fn a_report_moves_a_top_up_forward_or_not_at_all() {
    use TopUpStatus::{Expired, Failed, Open, Paid, Processing};
    let reports = [
        Report::Nothing,
        Report::Processing,
        Report::Expired,
        Report::NeverCame,
        decline(AfterDecline::TryLater),
        Report::Canceled,
    ];
    let check = |auto: bool, status: TopUpStatus, expected: [&str; 6]| {
        for (report, expected) in reports.iter().zip(expected) {
            assert_eq!(after(auto, status, report), expected, "auto {auto}, {status:?}, {report:?}");
        }
    };
    check(false, Open, ["-", "processing", "expired", "failed", "-", "-"]);
    check(false, Processing, ["-", "-", "expired", "failed", "-", "-"]);
    check(true, Open, ["-", "processing", "expired", "failed", "failed", "failed"]);
    check(true, Processing, ["-", "-", "expired", "failed", "failed", "failed"]);
    for auto in [false, true] {
        for over in [Expired, Failed, Paid] {
            check(auto, over, ["-"; 6]);
        }
    }
}

#[test]
fn a_page_and_a_payment_say_paid_or_what_else() {
    use CheckoutStatus as C;
    let page = |status: C, failed: bool, expected: Option<Report>| {
        assert_eq!(Report::of_checkout(status, failed), expected, "{status:?} {failed}");
    };
    page(C::Open, false, Some(Report::Nothing));
    page(C::Processing, false, Some(Report::Processing));
    page(C::Processing, true, Some(Report::NeverCame));
    page(C::Expired, false, Some(Report::Expired));
    page(C::Paid, false, None);
    // It was paid after all, by the time it was asked for.
    page(C::Paid, true, None);
    assert_eq!(Report::of_payment(&PaymentStatus::Succeeded), None);
    assert_eq!(Report::of_payment(&PaymentStatus::Canceled), Some(Report::Canceled));
    assert_eq!(Report::of_payment(&PaymentStatus::Open), Some(Report::Nothing));
}

#[test]
fn a_top_up_has_a_least_and_a_most() {
    let check = |amount: &str, currency: Currency, ok: bool| {
        assert_eq!(may_be(Money::parse(amount, currency).unwrap()), ok, "{amount} {currency}");
    };
    check("5", Currency::USD, true);
    check("4.99", Currency::USD, false);
    check("10000", Currency::USD, true);
    check("10000.01", Currency::USD, false);
    check("5.001", Currency::USD, false);
    check("-25", Currency::USD, false);
    check("200", Currency::TRY, true);
    check("199.99", Currency::TRY, false);
    check("25", "EUR".parse().unwrap(), false);
}

#[test]
fn a_card_is_tried_again_where_that_may_help() {
    let rule = AutoRule { below: usd(10), amount: usd(25) };
    let open = Some(top_up(true, TopUpStatus::Open).id);
    let auto =
        |declines: u8| AutoTopUp { rule: Some(rule), open: open.clone(), declines, ..AutoTopUp::none(Currency::USD) };
    let check = |declines: u8, then: AfterDecline, disabled: Option<AutoDisabled>| {
        let after = auto(declines).after_decline(then, NOW);
        assert_eq!((after.open.clone(), after.disabled), (None, disabled), "{declines} {then:?}");
        let today = NOW.checked_add(SignedDuration::from_hours(22)).unwrap();
        // A day's tick may come a little earlier than the one of the day before.
        let tomorrow = NOW.checked_add(SignedDuration::from_mins(24 * 60 - 1)).unwrap();
        assert_eq!(after.due(0, today), None, "{declines} {then:?}");
        assert_eq!(after.due(0, tomorrow).is_some(), disabled.is_none(), "{declines} {then:?}");
    };
    check(0, AfterDecline::TryLater, None);
    check(1, AfterDecline::TryLater, None);
    check(2, AfterDecline::TryLater, Some(AutoDisabled::DeclinedTooOften));
    check(0, AfterDecline::Authenticate, Some(AutoDisabled::AuthenticationRequired));
    check(0, AfterDecline::GiveUp, Some(AutoDisabled::CardRefused));
    let paid = auto(2).after_success(NOW);
    let hour = NOW.checked_add(SignedDuration::from_hours(1)).unwrap();
    assert_eq!((paid.declines, paid.open, paid.retry_at), (0, None, Some(hour)));
}

#[test]
fn one_automatic_top_up_at_a_time_and_only_below_the_threshold() {
    let rule = AutoRule { below: usd(10), amount: usd(25) };
    let auto = AutoTopUp { rule: Some(rule), ..AutoTopUp::none(Currency::USD) };
    let check = |auto: &AutoTopUp, available: i64, due: bool| assert_eq!(auto.due(available, NOW).is_some(), due);
    check(&auto, 9_999_999, true);
    check(&auto, 10_000_000, false);
    check(&auto, -5, true);
    check(&AutoTopUp { open: Some(top_up(true, TopUpStatus::Open).id), ..auto.clone() }, 0, false);
    check(&AutoTopUp { disabled: Some(AutoDisabled::CardRefused), ..auto.clone() }, 0, false);
    check(&AutoTopUp { rule: None, ..auto }, 0, false);
}

#[test]
fn what_is_unfinished_is_looked_at_again() {
    for status in [TopUpStatus::Open, TopUpStatus::Processing] {
        assert!(top_up(false, status).next_look(NOW).is_some_and(|at| at > NOW));
    }
    for status in [TopUpStatus::Expired, TopUpStatus::Failed, TopUpStatus::Paid] {
        assert_eq!(top_up(false, status).next_look(NOW), None);
    }
    let begun = top_up(false, TopUpStatus::Open);
    assert!(begun.repeatable(NOW));
    assert!(!begun.repeatable(NOW.checked_add(limits::PAYMENT_KEY_GOOD_FOR).unwrap()));
}
