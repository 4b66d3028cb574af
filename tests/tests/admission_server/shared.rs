//! Replicas that share verdicts in Redis: what one found out the other knows; what Redis says beside that counts for nothing, and
//! that it is gone costs nothing but time (section 6.2 of the admission contract).
//!
//! Without `redis-server` on the machine the tests say so and pass; `tests/tools/install.sh registry` installs it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Client;
use tempfile::TempDir;
use verimage::Verimage;
use verimage::core::SignatureStore;
use verimage_server::{Server, ServerConfig, StartError};

use crate::world::{Layouts, ask, client, pod, write_certificate, write_policy_for_all};

/// A Redis of this test alone.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
        let Ok(process) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            println!("skipped: redis-server is not installed");
            return None;
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Some(Self { process, port })
    }

    /// Sends a command, and gives the answer as it stands on the wire.
    fn say(&self, words: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend(*word);
            command.extend(b"\r\n");
        }
        stream.write_all(&command).unwrap();
        let mut answer = vec![0; 1 << 20];
        let read = stream.read(&mut answer).unwrap();
        answer.truncate(read);
        answer
    }

    fn keys(&self) -> Vec<String> {
        let answer = String::from_utf8(self.say(&[b"KEYS", b"*"])).unwrap();
        answer.lines().filter(|line| line.starts_with("verimage:")).map(str::to_owned).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Replica {
    server: Server,
    layouts: Arc<Layouts>,
    client: Client,
}

fn prepare(folder: &Path, port: u16) {
    write_certificate(folder);
    write_policy_for_all(folder);
    fs::write(folder.join("shared.key"), [7; 32]).unwrap();
    let text = format!(
        "apiVersion: verimage/v1\nkind: ServerConfig\nlisten: 127.0.0.1:0\npolicy: policy.yaml\ntls: {{ certificate: tls.crt, key: tls.key }}\ndrainSeconds: 0\ncache: {{ shared: {{ redis: \"redis://127.0.0.1:{port}/0\", keyFile: shared.key }} }}\n"
    );
    fs::write(folder.join("server.yaml"), text).unwrap();
}

async fn start(folder: &Path) -> Result<(Server, Arc<Layouts>), StartError> {
    let layouts = Arc::new(Layouts::default());
    let config = ServerConfig::load(&folder.join("server.yaml")).unwrap();
    let engine = Verimage::builder().registry(Arc::clone(&layouts) as Arc<dyn SignatureStore>);
    Ok((Server::start(config, engine, drop).await?, layouts))
}

impl Replica {
    async fn start(folder: &Path) -> Self {
        let (server, layouts) = start(folder).await.unwrap();
        Self { server, layouts, client: client(&fs::read_to_string(folder.join("tls.crt")).unwrap()) }
    }

    /// Whether a pod with this image is admitted, and how many questions that took.
    async fn judge(&self, image: &str) -> (bool, usize) {
        let answer = ask(&self.client, &format!("https://{}/validate", self.server.address()), &pod(&[image])).await;
        (answer["allowed"] == true, self.layouts.fetched.swap(0, Ordering::Relaxed))
    }
}

const DIGEST: &str = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";

/// Waits until the replica has written what it found out; nobody waits for that but a test.
async fn written(redis: &Redis, entries: usize) -> Vec<String> {
    loop {
        let keys = redis.keys();
        if keys.len() >= entries {
            return keys;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_found_out_the_other_knows() {
    let Some(redis) = Redis::start() else { return };
    let folder = TempDir::new().unwrap();
    prepare(folder.path(), redis.port);
    let (one, other) = (Replica::start(folder.path()).await, Replica::start(folder.path()).await);
    let signed = format!("registry.example/p256@{DIGEST}");
    let unsigned = format!("registry.example/unsigned@{DIGEST}");
    let (allowed, asked) = one.judge(&signed).await;
    assert!(allowed && asked > 0);
    let first = written(&redis, 1).await;
    assert_eq!(other.judge(&signed).await, (true, 0));
    // What one does not find is looked for by the other.
    assert!(!one.judge(&unsigned).await.0);
    let (allowed, asked) = other.judge(&unsigned).await;
    assert!(!allowed && asked > 0);
    // Whoever writes to Redis cannot make an image allowed: not with what stands under another name, nor with anything else.
    let another = format!("registry.example/another@{DIGEST}");
    assert!(!one.judge(&another).await.0);
    let second = format!("registry.example/p256:v1@{DIGEST}");
    assert!(one.judge(&second).await.0);
    let of_second = written(&redis, 2).await.into_iter().find(|key| !first.contains(key)).unwrap();
    redis.say(&[b"COPY", first[0].as_bytes(), of_second.as_bytes(), b"REPLACE"]);
    let (allowed, asked) = Replica::start(folder.path()).await.judge(&second).await;
    assert!(allowed && asked > 0, "it was judged, not read");
    for garbage in [&b""[..], b"allow", &[0; 100]] {
        for key in redis.keys() {
            redis.say(&[b"SET", key.as_bytes(), garbage]);
        }
        let fresh = Replica::start(folder.path()).await;
        let (allowed, asked) = fresh.judge(&signed).await;
        assert!(allowed && asked > 0 && !fresh.judge(&unsigned).await.0);
    }
    // Another secret is another memory.
    written(&redis, 1).await;
    fs::write(folder.path().join("shared.key"), [8; 32]).unwrap();
    assert!(Replica::start(folder.path()).await.judge(&signed).await.1 > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_that_goes_away_costs_time_and_nothing_else() {
    let Some(redis) = Redis::start() else { return };
    let folder = TempDir::new().unwrap();
    prepare(folder.path(), redis.port);
    let replica = Replica::start(folder.path()).await;
    assert!(replica.judge(&format!("registry.example/p256@{DIGEST}")).await.0);
    drop(redis);
    assert_eq!(replica.judge(&format!("registry.example/p256@{DIGEST}")).await, (true, 0));
    let (allowed, asked) = replica.judge("registry.example/p256:v1").await;
    assert!(allowed && asked > 0);
    assert!(!replica.judge("registry.example/unsigned:v1").await.0);
    // One that is not there when the server starts is no reason not to.
    assert!(Replica::start(folder.path()).await.judge("registry.example/p256:v1").await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_that_dies_midway_loses_no_answer() {
    let Some(redis) = Redis::start() else { return };
    let folder = TempDir::new().unwrap();
    prepare(folder.path(), redis.port);
    let replica = Arc::new(Replica::start(folder.path()).await);
    let mut redis = Some(redis);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..100 {
        let replica = Arc::clone(&replica);
        clients.spawn(async move {
            // Different questions, so that each looks there: the registry knows all of these names as one image.
            let signed = replica.judge(&format!("host-{client}.example/p256@{DIGEST}")).await.0;
            signed && !replica.judge(&format!("host-{client}.example/unsigned@{DIGEST}")).await.0
        });
    }
    let mut answers = 0;
    while let Some(right) = clients.join_next().await {
        assert!(right.unwrap());
        answers += 1;
        if answers == 10 {
            redis.take();
        }
    }
    assert_eq!(answers, 100);
}

#[tokio::test]
async fn a_shared_memory_has_a_secret() {
    let folder = TempDir::new().unwrap();
    prepare(folder.path(), 9);
    for secret in [None, Some(&b"short"[..])] {
        fs::remove_file(folder.path().join("shared.key")).unwrap();
        secret.iter().for_each(|secret| fs::write(folder.path().join("shared.key"), secret).unwrap());
        assert!(matches!(start(folder.path()).await, Err(StartError::Shared(_))));
        fs::write(folder.path().join("shared.key"), "").unwrap();
    }
}
