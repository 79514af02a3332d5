//! The moments at which the matrix lets something fail: what led up to them, and what is to be done.

use domain::audit::Actor;
use local::worker::Job;
use serde_json::json;
use shared::App;
use shared::use_cases::parking;
use tests::twilio;

use crate::kit::{Story, text};

/// Just before something happens with money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Three numbers renew.
    Renewal,
    /// Two numbers cannot be charged for the first time, a third can.
    PastDue,
    /// The tenant is to be told of day 3.
    Notice,
    /// A number is to be suspended.
    Suspension,
    /// Money has come in for two suspended numbers, and covers one and the other.
    Recovery,
    /// Nobody has paid for three weeks.
    UnpaidRelease,
    /// The tenant lets a number go at the end of what is paid for.
    PeriodEnd,
    /// Money has come in for two calls.
    Usage,
    /// The same, and the plan pays for one of them and a minute of the other.
    Included,
    /// There was no money for a call that went past us.
    Barring,
    /// Now there is.
    Unbarring,
    /// An operator sets a number aside.
    Parking,
    /// An operator keeps a number that was parked for two periods.
    Keeping,
    /// The same, of a number that its tenant had let go before them.
    Ending,
    /// An operator gives up a parked number.
    GivingUp,
}

/// What is to be done then.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// One tick of a job.
    Tick(Job),
    /// What is queued.
    Queue,
    /// A decision about every number there is.
    Decision(Decision),
}

/// What an operator decides.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Decision {
    Park,
    Keep,
    GiveUp,
}

impl Decision {
    /// Decides so about every number of a tenant. What is decided already stays as it is.
    pub(crate) async fn decide(self, app: &App, tenant: &str) -> Result<(), shared::Error> {
        let (by, id) = (Actor::operator("operator"), tenant.parse().expect("a tenant"));
        for number in app.store.number_list(&id, None, 100, |_| true).await?.items {
            let request = |decision: &str| {
                let body = json!({ "tenant_id": tenant, "decision": decision, "reason": "It was looked into" });
                serde_json::from_value(body).expect("a request")
            };
            let decided = match self {
                Self::Park => {
                    parking::park(app, &id, &number.id, "The carrier does not know it", &by).await.map(|_| ())
                }
                Self::Keep => parking::resolve(app, &number.id, &request("keep"), &by).await.map(|_| ()),
                Self::GiveUp => parking::resolve(app, &number.id, &request("release"), &by).await.map(|_| ()),
            };
            match decided {
                Ok(()) | Err(shared::Error::NumberNotParked) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Moment {
    /// What the tenant begins with, in USD.
    pub(crate) const fn opening(self) -> &'static str {
        match self {
            Self::Renewal | Self::PeriodEnd | Self::Parking | Self::Keeping | Self::Ending | Self::GivingUp => "10.00",
            Self::PastDue => "6.00",
            Self::Notice | Self::Suspension | Self::UnpaidRelease | Self::Usage | Self::Included => "1.50",
            Self::Barring | Self::Unbarring => "1.50",
            Self::Recovery => "3.00",
        }
    }

    /// Everything up to the evening before.
    pub(crate) async fn lead_up(self, story: &Story) {
        let numbers = match self {
            Self::Renewal | Self::PastDue => 3,
            Self::Recovery => 2,
            Self::Notice | Self::Suspension | Self::UnpaidRelease | Self::PeriodEnd => 1,
            Self::Usage | Self::Included | Self::Parking | Self::Keeping | Self::Ending | Self::GivingUp => 1,
            Self::Barring | Self::Unbarring => 1,
        };
        let mut ids = Vec::new();
        for n in 0..numbers {
            let key = format!("number {n}");
            ids.push(if n == 0 { story.bought_with_an_agent(&key).await } else { story.bought(&key).await });
            let _ = story.app.advance("PT1M").await;
        }
        match self {
            Self::Renewal | Self::PastDue => {
                story.outage_until("2027-03-09T23:30:00Z").await;
                story.job("renew").await;
            }
            Self::Notice => drop(story.to("2027-03-12T23:30:00Z").await),
            Self::Suspension => drop(story.to("2027-03-16T23:30:00Z").await),
            Self::UnpaidRelease => drop(story.to("2027-03-30T23:30:00Z").await),
            Self::Recovery => {
                story.to("2027-03-19T23:30:00Z").await;
                story.fund("10.00").await;
            }
            Self::PeriodEnd => {
                let path = format!("/v1/numbers/{}?when=period_end", ids[0]);
                let _ = story.app.delete(&story.tenant, &path).await.expect(200);
                story.outage_until("2027-03-09T21:30:00Z").await;
            }
            Self::Parking => story.outage_until("2027-02-20T11:00:00Z").await,
            Self::Keeping | Self::Ending | Self::GivingUp => {
                if self == Self::Ending {
                    let path = format!("/v1/numbers/{}?when=period_end", ids[0]);
                    let _ = story.app.delete(&story.tenant, &path).await.expect(200);
                }
                let _ = story.park(&ids[0]).await.expect(200);
                story.to("2027-04-20T11:00:00Z").await;
            }
            Self::Usage | Self::Included => {
                let e164 = text(&story.number(&ids[0]).await, "/e164");
                // Not a cent is left, so all that is told of them is that they were.
                for (sid, minutes) in [("CA1", 99), ("CA2", 5)] {
                    let people = ("+13125550199", e164.as_str());
                    let told = twilio::call_completed(&story.app, &story.tenant, people, sid, minutes * 60).await;
                    assert_eq!(told, 200);
                    let _ = story.app.advance("PT1M").await;
                }
                story.outage_until("2027-02-11T12:00:00Z").await;
                if self == Self::Included {
                    let path = format!("/v1/operator/tenants/{}", story.tenant.id);
                    let plan = json!({ "plan": "BUNDLE" });
                    let _ = story.app.put(&story.app.operator().await, &path, plan).await.expect(200);
                }
                story.fund("10.00").await;
            }
            Self::Barring | Self::Unbarring => {
                let e164 = text(&story.number(&ids[0]).await, "/e164");
                story.linked_by_trunk(&ids[0]).await;
                story.outage_until("2027-02-11T12:00:00Z").await;
                let simulators = &story.app.system.simulators;
                let call = json!({ "to": e164, "from": "+13125550199" });
                let call = simulators.twilio.call(serde_json::from_value(call).expect("a call")).await;
                assert_eq!(call.expect("a call")["status"], "completed");
                simulators.tell().await;
                if self == Self::Unbarring {
                    let _ = story.app.drain().await.expect(200);
                    story.fund("10.00").await;
                }
            }
        }
    }

    /// When it happens.
    pub(crate) const fn at(self) -> &'static str {
        match self {
            Self::Renewal | Self::PastDue => "2027-03-10T00:00:00Z",
            Self::Notice => "2027-03-13T00:00:00Z",
            Self::Suspension => "2027-03-17T00:00:00Z",
            Self::Recovery => "2027-03-20T00:00:00Z",
            Self::UnpaidRelease => "2027-03-31T00:00:00Z",
            Self::PeriodEnd => "2027-03-09T22:00:00Z",
            Self::Usage | Self::Included | Self::Barring | Self::Unbarring => "2027-02-11T12:30:00Z",
            Self::Parking => "2027-02-20T12:00:00Z",
            Self::Keeping | Self::Ending | Self::GivingUp => "2027-04-20T12:00:00Z",
        }
    }

    /// When all must be well again, without another day having begun.
    pub(crate) const fn hours_later(self) -> &'static str {
        match self {
            Self::Renewal | Self::PastDue => "2027-03-10T06:00:00Z",
            Self::Notice => "2027-03-13T06:00:00Z",
            Self::Suspension => "2027-03-17T06:00:00Z",
            Self::Recovery => "2027-03-20T06:00:00Z",
            Self::UnpaidRelease => "2027-03-31T06:00:00Z",
            Self::PeriodEnd => "2027-03-10T04:00:00Z",
            Self::Usage | Self::Included | Self::Barring | Self::Unbarring => "2027-02-11T18:30:00Z",
            Self::Parking => "2027-02-20T18:00:00Z",
            Self::Keeping | Self::Ending | Self::GivingUp => "2027-04-20T18:00:00Z",
        }
    }

    pub(crate) const fn work(self) -> Work {
        match self {
            Self::Renewal | Self::PastDue => Work::Tick(Job::Renew),
            Self::Notice | Self::Suspension | Self::UnpaidRelease => Work::Tick(Job::Dun),
            Self::PeriodEnd => Work::Tick(Job::Release),
            Self::Recovery | Self::Usage | Self::Included | Self::Barring | Self::Unbarring => Work::Queue,
            Self::Parking => Work::Decision(Decision::Park),
            Self::Keeping | Self::Ending => Work::Decision(Decision::Keep),
            Self::GivingUp => Work::Decision(Decision::GiveUp),
        }
    }

    /// The statuses at the end, so that nothing is compared with nothing; `barred` of a number whose calls are.
    pub(crate) fn check(self, statuses: &[&str]) {
        let expected: &[&str] = match self {
            Self::Renewal => &["active"; 3],
            Self::PastDue => &["active", "past_due", "past_due"],
            Self::Notice => &["past_due"],
            Self::Suspension => &["suspended"],
            Self::Recovery => &["active"; 2],
            Self::UnpaidRelease | Self::PeriodEnd | Self::Ending | Self::GivingUp => &["released"],
            Self::Usage | Self::Included | Self::Unbarring | Self::Parking | Self::Keeping => &["active"],
            Self::Barring => &["barred"],
        };
        assert_eq!(statuses, expected);
    }
}
