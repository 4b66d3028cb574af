//! Whatever happens while questions come in: each is answered, no image is admitted that must not be, and afterwards all is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;
use verimage_server::Event;

use crate::world::{Mood, World, digest, pod, write_policy};

/// Several clients ask about signed and unsigned images until they are told to stop, or `most` times. Gives how often a signed one
/// was admitted.
fn ask(world: &Arc<World>, stop: &Arc<AtomicBool>, most: usize) -> JoinSet<usize> {
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (world, stop) = (Arc::clone(world), Arc::clone(stop));
        clients.spawn(async move {
            let mut admitted = 0;
            for turn in 0..most {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let unsigned = [
                    "unsigned:v1".to_owned(),
                    "attack-tampered-signature:v1".to_owned(),
                    format!("multi-children@{}", digest("multi-children")),
                ];
                let unsigned = format!("registry.example/{}", unsigned[turn % unsigned.len()]);
                let refused = world.ask("/validate", &pod(&[&unsigned])).await;
                assert_eq!(refused["allowed"], false, "client {client}: {unsigned}: {refused}");
                let signed = world.ask("/mutate", &pod(&["registry.example/p256:v1"])).await;
                admitted += usize::from(signed["allowed"].as_bool().unwrap());
            }
            admitted
        });
    }
    clients
}

async fn is_admitted(world: &World) -> bool {
    world.ask("/validate", &pod(&["registry.example/p256:v1"])).await["allowed"] == true
}

/// The registry goes away, is slow, lies, forgets, and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mood_of_the_registry_admits_an_image_or_loses_an_answer() {
    let world = Arc::new(World::with(tempfile::tempdir().unwrap(), "cache: { deniedSeconds: 0 }\n").await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = ask(&world, &stop, 60);
    let (changing, stopped) = (Arc::clone(&world), Arc::clone(&stop));
    let moods = tokio::spawn(async move {
        for mood in [Mood::Good, Mood::Down, Mood::Slow, Mood::Empty].into_iter().cycle() {
            changing.layouts.be(mood);
            let seen = changing.layouts.fetched.load(Ordering::Relaxed);
            while changing.layouts.fetched.load(Ordering::Relaxed) < seen + 50 && !stopped.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            if stopped.load(Ordering::Relaxed) {
                return;
            }
        }
    });
    let mut admitted = 0;
    while let Some(client) = clients.join_next().await {
        admitted += client.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    moods.await.unwrap();
    world.layouts.be(Mood::Good);
    assert!(admitted > 0 && is_admitted(&world).await);
}

/// A registry that never answers, asked about by many, keeps nobody else waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_silent_registry_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::with(folder, "deadlineSeconds: 29\n").await);
    let mut waiting = JoinSet::new();
    for tag in 0..100 {
        let world = Arc::clone(&world);
        let image = format!("registry.example/silent:v{tag}");
        waiting.spawn(async move { world.ask("/validate", &pod(&[&image])).await });
    }
    // As many as may be asked at the same time are.
    while world.layouts.silent.load(Ordering::Relaxed) < 16 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ask("/validate", &pod(&["elsewhere.example/p256:v1"])).await["allowed"], true);
    assert_eq!(world.layouts.silent.load(Ordering::Relaxed), 16);
}

/// What is asked for by digest is not what a lying registry gives.
#[tokio::test]
async fn a_lying_registry_is_found_out() {
    let world = World::with(tempfile::tempdir().unwrap(), "cache: { deniedSeconds: 0 }\n").await;
    world.layouts.be(Mood::Lying);
    let image = format!("registry.example/multi-children@{}", digest("multi-children"));
    for _ in 0..2 {
        assert_eq!(world.ask("/validate", &pod(&[&image])).await["allowed"], false);
    }
    world.server.stop().await.unwrap();
}

/// Another policy counts for every question from when it is in force, whichever verdicts are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_is_swapped_under_load_counts_at_once() {
    let mut world = World::new().await;
    let mut events = std::mem::replace(&mut world.events, tokio::sync::mpsc::unbounded_channel().1);
    let (world, stop) = (Arc::new(world), Arc::new(AtomicBool::new(false)));
    let mut clients = ask(&world, &stop, usize::MAX);
    for (key, admits) in [("other", false), ("p256", true), ("other", false), ("p256", true)] {
        write_policy(world.folder.path(), key);
        assert!(matches!(events.recv().await, Some(Event::PolicyChanged { .. })));
        for _ in 0..20 {
            assert_eq!(is_admitted(&world).await, admits, "{key}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}
