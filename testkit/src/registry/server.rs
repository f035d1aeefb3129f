//! The threads: one that accepts, and one for each connection.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perry_sandbox_reference::{Digest, Repository};

use super::answer::answer;
use super::options::{Hostile, Options};
use super::rounds::Rounds;
use super::state::{Asked, State};
use crate::http;
use crate::layout::Content;

/// A registry on 127.0.0.1, gone when the value is.
#[derive(Debug)]
pub struct TestRegistry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    traffic: Arc<Traffic>,
}

/// What went over the wire.
#[derive(Debug, Default)]
struct Traffic {
    ended: AtomicBool,
    connections: AtomicUsize,
    sent: AtomicU64,
    rounds: Rounds,
}

/// Counts what is written.
struct Counted<'a>(&'a TcpStream, &'a AtomicU64);

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.write(bytes)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl TestRegistry {
    /// Starts a registry.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State { options, address: address.to_string(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let traffic = Arc::new(Traffic::default());
        let (shared, counted) = (Arc::clone(&state), Arc::clone(&traffic));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if counted.ended.load(Ordering::SeqCst) {
                    break;
                }
                counted.connections.fetch_add(1, Ordering::Relaxed);
                let (state, traffic) = (Arc::clone(&shared), Arc::clone(&counted));
                std::thread::spawn(move || serve(&stream, &state, &traffic));
            }
        });
        Self { address, state, traffic }
    }

    /// Starts a registry that holds this content as the repository `path`.
    pub fn serving(path: &str, content: &Content, options: Options) -> Self {
        let registry = Self::start(options);
        registry.load(path, content);
        registry
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// A repository of this registry.
    ///
    /// # Panics
    /// When the path breaks the grammar.
    pub fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.address).parse().expect("a repository")
    }

    /// Puts content on a repository's shelf.
    pub fn load(&self, path: &str, content: &Content) {
        let mut state = self.state();
        let shelf = state.shelves.entry(path.to_owned()).or_default();
        for (digest, bytes) in &content.blobs {
            match content.manifests.get(digest) {
                Some(kind) => {
                    shelf.manifests.insert(digest.clone(), (kind.clone(), bytes.clone()));
                }
                None => {
                    shelf.blobs.insert(digest.clone(), bytes.clone());
                }
            }
        }
        shelf.tags.extend(content.tags.clone());
    }

    /// Changes how it behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        change(&mut self.state().options);
    }

    /// Answers from now on in rounds of these sizes: no request of a round is answered before all of them are there. Who
    /// waits for an answer of a round before asking the rest of it is hung up on. What comes after is answered at once.
    pub fn answer_in_rounds(&self, sizes: &[usize]) {
        self.traffic.rounds.expect(sizes);
    }

    /// Everything that it was asked so far.
    pub fn log(&self) -> Vec<Asked> {
        self.state().log.clone()
    }

    /// How many requests were made for paths that contain this.
    pub fn count(&self, part: &str) -> usize {
        self.state().log.iter().filter(|asked| asked.path.contains(part)).count()
    }

    /// How many connections were made to it so far.
    pub fn connections(&self) -> usize {
        self.traffic.connections.load(Ordering::Relaxed)
    }

    /// How many bytes it has sent so far, heads of answers included.
    pub fn sent(&self) -> u64 {
        self.traffic.sent.load(Ordering::Relaxed)
    }

    /// Where a tag points.
    pub fn tag(&self, path: &str, tag: &str) -> Option<Digest> {
        self.state().shelves.get(path)?.tags.get(tag).cloned()
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.traffic.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers what comes over one connection, until either side ends it.
fn serve(stream: &TcpStream, state: &Mutex<State>, traffic: &Traffic) {
    drop(stream.set_read_timeout(Some(Duration::from_secs(30))));
    drop(stream.set_write_timeout(Some(Duration::from_secs(30))));
    drop(stream.set_nodelay(true));
    while let Ok(Some(request)) = http::read(stream) {
        if traffic.ended.load(Ordering::SeqCst) {
            return;
        }
        let (reply, silent, delay) = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.log.push(Asked {
                method: request.method.clone(),
                path: request.path.clone(),
                authorization: request.header("authorization").map(str::to_owned),
            });
            let silent = state.options.hostile.contains(&Hostile::Silent);
            (answer(&mut state, &request), silent, state.options.delay)
        };
        if silent {
            std::thread::sleep(Duration::from_secs(20));
            return;
        }
        std::thread::sleep(delay);
        if !traffic.rounds.hold() {
            return;
        }
        let more = reply.keeps_connection();
        // The other side may hang up at any time.
        let written = reply.write(Counted(stream, &traffic.sent), request.method == "HEAD");
        if written.is_err() || !more {
            return;
        }
    }
}
