//! The random actions and faults of a sequence.

use crate::model::{NAMES, PASSWORDS};
use crate::world::{Fault, FaultKind};
use guichet_local::faults::FaultMode;
use proptest::prelude::*;

/// An action, and the fault injected into its AWS calls.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) fault: Option<Fault>,
}

/// Indices (`request`, `link`, `session`, `mail`) count modulo the number of such things that exist at that step.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    RequestLink {
        user: usize,
        register: bool,
        untrusted: bool,
    },
    /// The stream delivers a request to the mailer, or to two mailers at once.
    DeliverRecord {
        request: usize,
        twice: bool,
    },
    /// The mailer's run of each minute.
    Sweep,
    /// In seconds.
    AdvanceClock(u64),
    /// One redemption of a link, or two at once with different passwords.
    Reset {
        link: usize,
        password: usize,
        twice: bool,
    },
    SignIn {
        user: usize,
        password: usize,
        untrusted: bool,
    },
    GetSession {
        session: usize,
    },
    SignOut {
        session: usize,
    },
    /// `event` is an index into `SES_EVENTS`.
    SesEvent {
        mail: usize,
        event: usize,
    },
    /// The directory import deactivates or reactivates an account.
    Import {
        user: usize,
        active: bool,
    },
    RevokeSessions {
        user: usize,
    },
    /// DynamoDB deletes expired items.
    DeleteExpired,
}

/// An SES event type and the name of its field in the event.
pub(crate) const SES_EVENTS: [(&str, &str); 4] =
    [("DeliveryDelay", "deliveryDelay"), ("Delivery", "delivery"), ("Bounce", "bounce"), ("Complaint", "complaint")];

pub(crate) fn sequences() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..32)
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..8_usize;
    let user = 0..NAMES.len();
    let directory_user = 0..NAMES.len() - 1;
    let action = prop_oneof![
        4 => (user.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(user, register, untrusted)| Action::RequestLink { user, register, untrusted }),
        6 => (n.clone(), prop::bool::weighted(0.2))
            .prop_map(|(request, twice)| Action::DeliverRecord { request, twice }),
        2 => Just(Action::Sweep),
        3 => prop::sample::select(vec![1_u64, 30, 61, 125, 700, 901, 3700, 90_000]).prop_map(Action::AdvanceClock),
        5 => (n.clone(), 0..PASSWORDS.len(), prop::bool::weighted(0.2))
            .prop_map(|(link, password, twice)| Action::Reset { link, password, twice }),
        4 => (user, 0..PASSWORDS.len(), any::<bool>())
            .prop_map(|(user, password, untrusted)| Action::SignIn { user, password, untrusted }),
        2 => n.clone().prop_map(|session| Action::GetSession { session }),
        1 => n.clone().prop_map(|session| Action::SignOut { session }),
        2 => (n, 0..SES_EVENTS.len()).prop_map(|(mail, event)| Action::SesEvent { mail, event }),
        1 => (directory_user.clone(), any::<bool>()).prop_map(|(user, active)| Action::Import { user, active }),
        1 => directory_user.prop_map(|user| Action::RevokeSessions { user }),
        1 => Just(Action::DeleteExpired),
    ];
    (action, prop::option::weighted(0.3, fault())).prop_map(|(action, fault)| Step { action, fault })
}

fn fault() -> impl Strategy<Value = Fault> {
    let kind = prop::sample::select(vec![
        FaultKind::Call(FaultMode::Throttle),
        FaultKind::Call(FaultMode::Broken),
        FaultKind::Call(FaultMode::DropBefore),
        FaultKind::Call(FaultMode::DropAfter),
        FaultKind::Call(FaultMode::Conflict),
        FaultKind::Call(FaultMode::Malformed),
        FaultKind::CrashBefore,
        FaultKind::CrashAfter,
    ]);
    (0..10_u64, 1..5_u64, kind).prop_map(|(first, count, kind)| Fault { first, count, kind })
}
