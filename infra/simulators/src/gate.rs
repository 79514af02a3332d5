//! The way of one request: the fault that may be due, the third party's answer, the journal, the
//! commit. Every simulated third party stands behind this gate and knows nothing of faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;

use crate::book::{Book, locked};
use crate::faults::{Faults, Fired, Kind};
use crate::server::{Answer, Call, Outcome, answer};

pub(crate) type OnCrash = Arc<dyn Fn() + Send + Sync>;

/// A simulated third party: its state and how it answers.
pub(crate) trait ThirdParty: Send + 'static {
    /// As faults and the control surface call it.
    const NAME: &'static str;

    /// What a request is, in the words of faults and journal.
    fn operation(call: &Call) -> &'static str;

    /// Answers and leaves its changes uncommitted in the book.
    fn answer(&mut self, call: &Call) -> Answer;

    /// A refusal in the third party's own shape.
    fn refusal(status: StatusCode, code: Option<&str>) -> Answer;

    fn book(&mut self) -> &mut Book;
}

#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) faults: Arc<Faults>,
    pub(crate) on_crash: OnCrash,
}

impl Gate {
    pub(crate) async fn pass<P: ThirdParty>(&self, party: &Mutex<P>, call: Call) -> Outcome {
        let operation = P::operation(&call);
        let Some(fired) = self.faults.take(P::NAME, operation) else {
            return Outcome::Answer(answered(party, operation, &call));
        };
        match fired.kind {
            Kind::Delay => {
                tokio::time::sleep(Duration::from_millis(fired.ms.unwrap_or_default())).await;
                Outcome::Answer(answered(party, operation, &call))
            }
            Kind::Error => Outcome::Answer(refused(party, operation, &fired)),
            Kind::RateLimit => {
                let limited = Fired { status: Some(429), ..fired };
                Outcome::Answer(refused(party, operation, &limited))
            }
            Kind::Timeout => {
                let mut party = locked(party);
                party.book().record(operation, 0);
                party.book().commit();
                Outcome::HangUp
            }
            Kind::LostReply => {
                unanswered(party, operation, &call);
                Outcome::HangUp
            }
            Kind::Crash => {
                unanswered(party, operation, &call);
                (self.on_crash)();
                Outcome::HangUp
            }
            // The registry takes these for the database engine only.
            Kind::Conflict | Kind::Throttle | Kind::StaleIndex => Outcome::Answer(answered(party, operation, &call)),
        }
    }
}

fn answered<P: ThirdParty>(party: &Mutex<P>, operation: &str, call: &Call) -> Answer {
    let mut party = locked(party);
    let answer = party.answer(call);
    party.book().record(operation, answer.status().as_u16());
    party.book().commit();
    answer
}

fn unanswered<P: ThirdParty>(party: &Mutex<P>, operation: &str, call: &Call) {
    let mut party = locked(party);
    drop(party.answer(call));
    party.book().record(operation, 0);
    party.book().commit();
}

fn refused<P: ThirdParty>(party: &Mutex<P>, operation: &str, fired: &Fired) -> Answer {
    let status = fired.status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut party = locked(party);
    party.book().record(operation, status.as_u16());
    party.book().commit();
    if status.is_server_error() && fired.code.is_none() {
        broken_page(status)
    } else {
        P::refusal(status, fired.code.as_deref())
    }
}

/// What a load balancer says in a third party's place.
fn broken_page(status: StatusCode) -> Answer {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    answer(status, "text/html", page)
}
