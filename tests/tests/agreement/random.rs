//! Any sequence of changes by the world, each sort at its own number: a run names exactly these, what may be put right is put
//! right by the first run, a second finds only what was left to a person, and nothing without our tag is ever touched.
//!
//! Each seed is a sequence of its own; `TRUNKLINE_DRIFT_SEEDS` says how many are played.

use std::collections::BTreeMap;

use domain::number::Carrier;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::outside::{Told, World, finding, things, told};

/// What somebody does behind our back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Calls of one of ours go elsewhere.
    Reroute,
    /// One of ours is put on a trunk.
    Trunk,
    /// One of ours is named otherwise.
    Rename,
    /// One of ours is given back.
    Delete,
    /// One of ours is given back and bought again under its name.
    Rebuy,
    /// The platform forgets one of ours.
    Forget,
    /// The platform lets another assistant answer.
    Rebind,
    /// The platform calls one of ours otherwise.
    RenameAtPlatform,
    /// The operator buys a number.
    Own,
    /// Another deployment buys a number.
    Foreign,
    /// A number with our tag that nobody knows.
    Orphan,
    /// The same at the platform.
    OrphanAtPlatform,
    /// Somebody else's number at the platform.
    OwnAtPlatform,
    /// The operator orders one of the platform's own numbers.
    OwnNative,
    /// One of the platform's own numbers with our tag that nobody knows.
    OrphanNative,
}

const ACTS: [Act; 15] = [
    Act::Reroute,
    Act::Trunk,
    Act::Rename,
    Act::Delete,
    Act::Rebuy,
    Act::Forget,
    Act::Rebind,
    Act::RenameAtPlatform,
    Act::Own,
    Act::Foreign,
    Act::Orphan,
    Act::OrphanAtPlatform,
    Act::OwnAtPlatform,
    Act::OwnNative,
    Act::OrphanNative,
];

/// Numbers of ours at Twilio.
const OURS: usize = 10;

/// A number of ours.
struct Ours {
    e164: String,
    id: String,
    carrier: Carrier,
    linked: bool,
}

impl Ours {
    /// Whether this can happen to it.
    fn can(&self, act: Act) -> bool {
        match act {
            Act::Reroute | Act::Trunk | Act::Rebuy => self.carrier == Carrier::Twilio,
            // Netgsm has a reference of ours instead of a name, which nobody can change.
            Act::Rename => self.carrier != Carrier::Netgsm,
            Act::Delete => true,
            // Of its own numbers the platform has nothing besides.
            Act::Forget | Act::RenameAtPlatform => self.linked && self.carrier != Carrier::Vapi,
            Act::Rebind => self.linked,
            Act::Own
            | Act::Foreign
            | Act::Orphan
            | Act::OrphanAtPlatform
            | Act::OwnAtPlatform
            | Act::OwnNative
            | Act::OrphanNative => false,
        }
    }
}

/// What runs are expected to tell of an act: the first, those after it, those from a day later on.
struct Expected {
    first: Vec<Told>,
    second: Vec<Told>,
    later: Vec<Told>,
    last: Vec<Told>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_world_changes_is_told_exactly_and_put_right_where_it_may_be() {
    let seeds = std::env::var("TRUNKLINE_DRIFT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    for seed in 1..=seeds {
        play(seed).await;
    }
}

async fn play(seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let world = World::begin(seed).await;
    let mut ours = Vec::new();
    let (retell, _) = world.agent_on("retell", "Front desk").await;
    let (elevenlabs, _) = world.agent_on("elevenlabs", "Front desk").await;
    let elsewhere = [(&retell, "trunk"), (&elevenlabs, "trunk"), (&elevenlabs, "import")];
    for index in 0..OURS {
        let e164 = format!("+1212555{:04}", 100 + index);
        let linked = random.random_range(0..3) > 0;
        // One of each other way, and the rest as usual.
        let (id, linked) = match elsewhere.get(index) {
            Some((agent, method)) => (world.bought_by(&e164, agent, method).await, true),
            None => (world.bought(&e164, linked).await, linked),
        };
        ours.push(Ours { e164, id, carrier: Carrier::Twilio, linked });
    }
    for carrier in [Carrier::Netgsm, Carrier::Vapi] {
        let (e164, id) = world.bought_from(carrier).await;
        ours.push(Ours { e164, id, carrier, linked: true });
    }
    let mut expected = Expected { first: vec![], second: vec![], later: vec![], last: vec![] };
    for step in 0..random.random_range(1..=8_usize) {
        let act = ACTS[random.random_range(0..ACTS.len())];
        happen(&world, act, step, &mut ours, &mut expected, &mut random).await;
    }
    // What was made at this very instant may still be somebody's work.
    world.outage("PT1M").await;
    let untouched = touched_by_nobody(&world).await;
    let dry = told(&world.reconcile(true).await);
    let undone = |told: &[Told]| {
        let mut all: Vec<Told> =
            told.iter().map(|(kind, _, subject)| (kind.clone(), "reported".to_owned(), subject.clone())).collect();
        all.sort();
        all
    };
    assert_eq!(dry, undone(&expected.first), "seed {seed}, dry");
    for (run, wait, told) in [
        ("first", "PT0S", &mut expected.first),
        ("second", "PT1H", &mut expected.second),
        ("a day later", "PT24H", &mut expected.later),
        ("last", "PT1H", &mut expected.last),
    ] {
        world.outage(wait).await;
        told.sort();
        assert_eq!(world.found().await, *told, "seed {seed}, {run}");
        assert_eq!(touched_by_nobody(&world).await, untouched, "seed {seed}, {run}");
    }
    // What is left to say is what was left to a person.
    let left: Vec<&Told> = expected.last.iter().filter(|(kind, _, _)| kind != "orphan_untagged").collect();
    let violations = world.violations().await;
    let of_world = violations.iter().filter(|violation| violation["invariant"] == "I2").count();
    assert_eq!(of_world, violations.len(), "seed {seed}: {violations:?}");
    assert!(of_world <= left.len(), "seed {seed}: {violations:?} and {left:?}");
}

/// Something happens at a number nothing has happened to, if there is one left that it can happen to.
async fn happen(
    world: &World,
    act: Act,
    step: usize,
    ours: &mut Vec<Ours>,
    expected: &mut Expected,
    random: &mut SmallRng,
) {
    let new = format!("+1212556{step:04}");
    let native = format!("+1205556{step:04}");
    let tag = format!("local-0192a6b0c5d17e3f8a9b0c1d2e3f{step:04x}");
    let mut tell = |first: Told, second: Option<Told>, later: Option<Told>, last: Option<Told>| {
        expected.first.push(first);
        expected.second.extend(second);
        expected.later.extend(later);
        expected.last.extend(last);
    };
    match act {
        Act::Own | Act::Foreign => {
            let name = if act == Act::Own { "Switchboard" } else { "other-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b" };
            world.buy_at_carrier(&new, name).await;
            let same = || finding("orphan_untagged", "reported", &new);
            return tell(same(), Some(same()), Some(same()), Some(same()));
        }
        Act::Orphan => {
            world.buy_at_carrier(&new, &tag).await;
            let told = |action: &str| finding("orphan_tagged", action, &new);
            return tell(told("reported"), Some(told("reported")), Some(told("released")), None);
        }
        Act::OrphanAtPlatform => {
            let id = world.make_at_platform(&tag).await;
            let told = |action: &str| finding("orphan_at_platform", action, &id);
            return tell(told("reported"), Some(told("reported")), Some(told("released")), None);
        }
        Act::OwnAtPlatform => {
            world.make_at_platform(&format!("theirs-{step}")).await;
            return;
        }
        Act::OwnNative => {
            world.order_at_vapi(&native, "Reception").await;
            let same = || finding("orphan_untagged", "reported", &native);
            return tell(same(), Some(same()), Some(same()), Some(same()));
        }
        Act::OrphanNative => {
            world.order_at_vapi(&native, &tag).await;
            let told = |action: &str| finding("orphan_tagged", action, &native);
            return tell(told("reported"), Some(told("reported")), Some(told("released")), None);
        }
        Act::Reroute
        | Act::Trunk
        | Act::Rename
        | Act::Delete
        | Act::Rebuy
        | Act::Forget
        | Act::Rebind
        | Act::RenameAtPlatform => {}
    }
    let fitting: Vec<usize> = (0..ours.len()).filter(|index| ours[*index].can(act)).collect();
    if fitting.is_empty() {
        return;
    }
    let Ours { e164, id, carrier, .. } = ours.remove(fitting[random.random_range(0..fitting.len())]);
    let told = |kind: &str, action: &str| finding(kind, action, &e164);
    let for_good = |kind: &str| Some(told(kind, "reported"));
    match act {
        Act::Reroute => {
            world.set_at_carrier(&e164, "VoiceUrl", "https://elsewhere.example/voice").await;
            tell(told("routing_drift", "repaired"), None, None, None);
        }
        Act::Trunk => {
            let trunk = world.app.system.simulators.twilio.trunk("theirs", "sip:elsewhere.example");
            world.set_at_carrier(&e164, "TrunkSid", &trunk).await;
            tell(told("routing_drift", "repaired"), None, None, None);
        }
        Act::Rename => {
            match carrier {
                Carrier::Vapi => world.set_at_platform(&id, json!({ "name": "mine now" })).await,
                _ => world.set_at_carrier(&e164, "FriendlyName", "mine now").await,
            }
            let same = || for_good("routing_drift");
            tell(told("routing_drift", "reported"), same(), same(), same());
        }
        Act::Delete => {
            match carrier {
                Carrier::Vapi => world.delete_at_platform(&id).await,
                Carrier::Netgsm => world.app.system.simulators.netgsm.settle(&e164, "iptal").expect("a number"),
                Carrier::Twilio | Carrier::Custom => world.delete_at_carrier(&e164).await,
            }
            let same = || for_good("missing_at_carrier");
            tell(told("missing_at_carrier", "parked"), same(), same(), same());
        }
        Act::Rebuy => {
            let name = world.at_carrier(&e164).await.expect("a number")["name"].as_str().expect("a name").to_owned();
            world.delete_at_carrier(&e164).await;
            world.buy_at_carrier(&e164, &name).await;
            tell(told("orphan_tagged", "adopted"), Some(told("routing_drift", "repaired")), None, None);
        }
        Act::Forget => {
            world.delete_at_platform(&id).await;
            tell(told("missing_at_platform", "repaired"), None, None, None);
        }
        Act::Rebind => {
            let platform = world.platform_of(&id).await;
            let (_, other) = world.agent_on(&platform, &format!("Somebody else {step}")).await;
            world.bind_at_platform(&id, Some(&other)).await;
            // Where the platform is the carrier too, who answers is where calls go.
            let kind = if carrier == Carrier::Vapi { "routing_drift" } else { "binding_drift" };
            tell(told(kind, "repaired"), None, None, None);
        }
        Act::RenameAtPlatform => {
            world.rename_at_platform(&id, "theirs").await;
            let same = || for_good("binding_drift");
            tell(told("binding_drift", "reported"), same(), same(), same());
        }
        Act::Own
        | Act::Foreign
        | Act::Orphan
        | Act::OrphanAtPlatform
        | Act::OwnAtPlatform
        | Act::OwnNative
        | Act::OrphanNative => {}
    }
}

/// Everything at carrier and platform that has no tag of ours, as it is.
async fn touched_by_nobody(world: &World) -> BTreeMap<String, Value> {
    let mut all = Vec::new();
    for party in ["twilio", "netgsm", "vapi", "retell", "elevenlabs"] {
        all.extend(things(&world.app.state(party).await));
    }
    let ours = |thing: &Value| thing["name"].as_str().is_some_and(|name| name.starts_with("local-"));
    all.into_iter()
        .filter(|thing| !ours(thing))
        .map(|thing| (thing["id"].as_str().unwrap_or_default().to_owned(), thing))
        .collect()
}
