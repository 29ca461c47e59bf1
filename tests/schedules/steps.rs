//! What may happen, in any order.

use crate::model::{NAMES, PASSWORDS};
use crate::world::{Fault, How};
use guichet_local::faults::FaultMode;
use proptest::prelude::*;

/// What is done, and what goes wrong meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) fault: Option<Fault>,
}

/// What is done. Numbers name the one that they come to when counted round.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Somebody asks for a link.
    Ask { who: usize, first: bool, outside: bool },
    /// The stream tells the mailer of a request, or two mailers at once.
    Ring { request: usize, twice: bool },
    /// The minute's sweep.
    Sweep,
    /// So many seconds pass.
    Pass(u64),
    /// A password is set through a link; or two at once, through the same.
    Reset { link: usize, password: usize, twice: bool },
    /// Somebody signs in.
    SignIn { who: usize, password: usize, outside: bool },
    /// Somebody looks at who is signed in.
    Visit { session: usize },
    /// Somebody signs out.
    SignOut { session: usize },
    /// SES tells what became of a mail.
    Tell { mail: usize, what: usize },
    /// The directory takes somebody away, or brings them back.
    Import { who: usize, active: bool },
    /// The desk ends somebody's sessions.
    EndSessions { who: usize },
    /// DynamoDB takes away what has expired.
    SweepAway,
}

/// What SES tells.
pub(crate) const TOLD: [(&str, &str); 4] =
    [("DeliveryDelay", "deliveryDelay"), ("Delivery", "delivery"), ("Bounce", "bounce"), ("Complaint", "complaint")];

/// Any schedule.
pub(crate) fn schedules() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..32)
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..8_usize;
    let who = 0..NAMES.len();
    let known = 0..NAMES.len() - 1;
    let act = prop_oneof![
        4 => (who.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(who, first, outside)| Act::Ask { who, first, outside }),
        6 => (n.clone(), prop::bool::weighted(0.2)).prop_map(|(request, twice)| Act::Ring { request, twice }),
        2 => Just(Act::Sweep),
        3 => prop::sample::select(vec![1_u64, 30, 61, 125, 700, 901, 3700, 90_000]).prop_map(Act::Pass),
        5 => (n.clone(), 0..PASSWORDS.len(), prop::bool::weighted(0.2))
            .prop_map(|(link, password, twice)| Act::Reset { link, password, twice }),
        4 => (who, 0..PASSWORDS.len(), any::<bool>())
            .prop_map(|(who, password, outside)| Act::SignIn { who, password, outside }),
        2 => n.clone().prop_map(|session| Act::Visit { session }),
        1 => n.clone().prop_map(|session| Act::SignOut { session }),
        2 => (n, 0..TOLD.len()).prop_map(|(mail, what)| Act::Tell { mail, what }),
        1 => (known.clone(), any::<bool>()).prop_map(|(who, active)| Act::Import { who, active }),
        1 => known.prop_map(|who| Act::EndSessions { who }),
        1 => Just(Act::SweepAway),
    ];
    (act, prop::option::weighted(0.3, fault())).prop_map(|(act, fault)| Step { act, fault })
}

fn fault() -> impl Strategy<Value = Fault> {
    let how = prop::sample::select(vec![
        How::Wire(FaultMode::Throttle),
        How::Wire(FaultMode::Broken),
        How::Wire(FaultMode::DropBefore),
        How::Wire(FaultMode::DropAfter),
        How::Wire(FaultMode::Conflict),
        How::Wire(FaultMode::Malformed),
        How::DiesBefore,
        How::DiesAfter,
    ]);
    (0..10_u64, 1..5_u64, how).prop_map(|(at, times, how)| Fault { at, times, how })
}
