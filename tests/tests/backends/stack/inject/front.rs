//! A socket before docker's own, on which questions and answers go wrong as a test wants.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use perry_sandbox_testkit::{As, Home};

/// What becomes of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The engine answers.
    Passes,
    /// The engine never hears of it, and an answer says that it has failed.
    Refused,
    /// The engine does it, and an answer says that it has failed.
    DoneAndRefused,
    /// The engine never hears of it, and nobody answers.
    Cut,
    /// The engine does it, and half of its answer arrives.
    DoneAndCut,
    /// The engine never hears of it, and nobody ever answers or hangs up.
    Silent,
    /// The engine hears of it so much later, whoever still listens.
    Late(Duration),
}

const FAILS: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 32\r\n\r\n{\"message\":\"it fails on purpose\"}";

/// Says what becomes of a question of this kind.
type Rule = dyn FnMut(&str) -> Fate + Send;

/// The socket; it is there as long as this is.
pub(super) struct Front {
    home: Home,
    shared: Arc<Shared>,
}

struct Shared {
    engine: PathBuf,
    rule: Mutex<Box<Rule>>,
    kinds: Mutex<BTreeSet<String>>,
}

impl Front {
    /// Before this engine's socket; everything passes.
    pub(super) fn before(engine: &Path) -> Self {
        let home = Home::new(As::Me);
        let listener = UnixListener::bind(home.path().join("front.sock")).expect("a socket of the home");
        let shared = Arc::new(Shared {
            engine: engine.to_owned(),
            rule: Mutex::new(Box::new(|_| Fate::Passes)),
            kinds: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = Arc::clone(&own);
                // Whoever asked may have gone.
                thread::spawn(move || drop(own.serve(stream)));
            }
        });
        Self { home, shared }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.home.path().join("front.sock")
    }

    /// The kinds of questions that came so far.
    pub(super) fn kinds(&self) -> BTreeSet<String> {
        self.shared.kinds.lock().expect("no test panics with it").clone()
    }

    /// Forgets them.
    pub(super) fn forget(&self) {
        self.shared.kinds.lock().expect("no test panics with it").clear();
    }

    /// From now on.
    pub(super) fn rule(&self, rule: impl FnMut(&str) -> Fate + Send + 'static) {
        *self.shared.rule.lock().expect("no test panics with it") = Box::new(rule);
    }

    /// Everything passes again.
    pub(super) fn heal(&self) {
        self.rule(|_| Fate::Passes);
    }

    /// What becomes of the next question of this kind; all others pass.
    pub(super) fn once(&self, kind: &str, fate: Fate) {
        let kind = kind.to_owned();
        let mut left = Some(fate);
        self.rule(
            move |found| if found == kind { left.take().unwrap_or(Fate::Passes) } else { Fate::Passes },
        );
    }

    /// What becomes of every question from the next of this kind on.
    pub(super) fn from(&self, kind: &str, fate: Fate) {
        let kind = kind.to_owned();
        let mut begun = false;
        self.rule(move |found| {
            begun |= found == kind;
            if begun { fate } else { Fate::Passes }
        });
    }
}

impl Shared {
    fn serve(&self, mut asker: UnixStream) -> io::Result<()> {
        let head = read_head(&mut asker)?;
        let kind = kind(&head);
        self.kinds.lock().expect("no test panics with it").insert(kind.clone());
        let fate = (self.rule.lock().expect("no test panics with it"))(&kind);
        match fate {
            Fate::Passes => self.pass(&head, asker),
            Fate::Refused => refuse(asker),
            Fate::DoneAndRefused => {
                self.whole(&head, &asker)?;
                refuse(asker)
            }
            Fate::Cut => Ok(()),
            Fate::DoneAndCut => {
                let answer = self.whole(&head, &asker)?;
                asker.write_all(&answer[..answer.len() / 2])
            }
            Fate::Silent => io::copy(&mut asker, &mut io::sink()).map(drop),
            Fate::Late(time) => {
                thread::sleep(time);
                self.pass(&head, asker)
            }
        }
    }

    /// Asks the engine; what it is told further, and what it says, goes through.
    fn pass(&self, head: &[u8], asker: UnixStream) -> io::Result<()> {
        let mut engine = UnixStream::connect(&self.engine)?;
        engine.write_all(head)?;
        forward(asker.try_clone()?, engine.try_clone()?);
        let passed = io::copy(&mut engine, &mut &asker);
        asker.shutdown(Shutdown::Both)?;
        passed.map(drop)
    }

    /// Asks the engine, and gives its whole answer.
    fn whole(&self, head: &[u8], asker: &UnixStream) -> io::Result<Vec<u8>> {
        let mut engine = UnixStream::connect(&self.engine)?;
        engine.write_all(head)?;
        forward(asker.try_clone()?, engine.try_clone()?);
        let mut answer = Vec::new();
        engine.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// Passes a body on. The asker that is gone has said all of it: an engine that sees the end of a connection gives up.
fn forward(mut from: UnixStream, mut to: UnixStream) {
    thread::spawn(move || drop(io::copy(&mut from, &mut to)));
}

fn refuse(mut asker: UnixStream) -> io::Result<()> {
    asker.write_all(FAILS)?;
    asker.shutdown(Shutdown::Write)?;
    // Who has more to say is heard to the end, and so finds the answer.
    io::copy(&mut asker, &mut io::sink()).map(drop)
}

fn read_head(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// Method and path, without version, names and details: `POST /containers/*/start`.
fn kind(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default().trim_start_matches("/v1.40");
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [_, of, .., last] if parts.len() > 3 => format!("{method} /{of}/*/{last}"),
        [_, of, last] if !["create", "json", "load"].contains(last) => format!("{method} /{of}/*"),
        _ => format!("{method} {path}"),
    }
}
