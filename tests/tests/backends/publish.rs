//! Ports of a sandbox that are reached from the host, on every backend that publishes.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_pipeline::{
    Begin, Environment, LongRunning, Named, Pipeline, PipelineError, PolicyChoice, PolicyInput, Reply,
    Silent, TargetChoice, Upkeep, Wish,
};
use perry_sandbox_policy::{Protocol, Publication};
use perry_sandbox_runner::{Restart, SandboxId, SandboxInfo, Stop};
use perry_sandbox_testkit::made::{MADE_KEY, content, write_signed};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{As, Home, checker, is_root};
use serde_json::json;

use crate::engines::engines;
use crate::life::turn;
use crate::policy;
use crate::wall::{Wall, engine_walls};

/// Where the programs of these tests listen inside.
const INSIDE: u16 = 8080;

/// Backends that publish, as whoever runs the tests: what an ordinary user publishes is seen in the runner's own tests.
fn publishers() -> Vec<&'static str> {
    let engines = engine_walls().into_iter().map(|wall: Wall| wall.name).filter(|name| *name != "runsc");
    ["native"].into_iter().chain(engines).collect()
}

fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn entry(publish: &str) -> String {
    format!(
        "[service.\"shop/web\"]\nimage = [\"hello\"]\ntier = \"asked\"\ngrants = {{ publish = [\"{publish}\"] }}\n"
    )
}

/// A home, and its sandboxes in a backend. Its copy of the program supervises.
struct Yard {
    home: Home,
    pipeline: Pipeline,
    backend: &'static str,
    port: u16,
}

impl Yard {
    fn new(backend: &'static str) -> Self {
        let (home, port) = (Home::new(As::Me), free());
        let text = policy("seccomp = \"perry-default\"", &entry(&port.to_string()));
        home.give("policy.toml", text.as_bytes());
        let variables = if is_root() { engines().environment().to_vec() } else { Vec::new() };
        let lookup = |name: &str| match name {
            "HOME" => Some(OsString::from(home.path())),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
        };
        let mut environment =
            Environment::new(&lookup, Some(&home.data_dir())).expect("the environment is whole");
        environment.runtime_dir = home.path().join("runtime");
        let pipeline = Pipeline::open(environment).expect("the home can be written");
        Self { home, pipeline, backend, port }
    }

    fn sandboxes(&self) -> LongRunning<'_> {
        let sandboxes = self.pipeline.sandboxes().expect("the runtime folder is ours");
        sandboxes.with_program(&self.home.path().join("perry-sandbox"))
    }

    fn wish(&self, script: &str, protocol: Protocol) -> Wish {
        let policy = PolicyInput::File(self.home.path().join("policy.toml"));
        let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
        let target = TargetChoice::Service {
            name: "shop/web".parse().expect("a service"),
            image: format!("oci:{}", hello.join("image").display()),
        };
        let on = self.port.to_string().parse().expect("an address");
        let port = INSIDE.try_into().expect("a port");
        let mut wish = Wish {
            policy: PolicyChoice { inputs: vec![policy], require: None },
            backend: Some(self.backend.to_owned()),
            args: ["/bin/busybox", "sh", "-c", script].map(str::to_owned).to_vec(),
            ..Wish::of(target)
        };
        wish.project.publish = vec![Publication { on, port, protocol }];
        wish
    }

    fn run(&self, script: &str, restart: Restart) -> Result<SandboxInfo, PipelineError> {
        let upkeep = Upkeep { restart, ..Upkeep::default() };
        let named = Named { upkeep, ..Named::default() };
        let wish = self.wish(script, Protocol::Tcp);
        match self.sandboxes().run(&wish, &named, Begin::default(), &Silent)? {
            Reply::Done(made) => Ok(made.info),
            Reply::Refused(asked) => panic!("{}: refused: {:?}", self.backend, asked.answer),
        }
    }

    fn stop(&self, id: &SandboxId) {
        let stop = Stop { grace: Duration::ZERO, ..Stop::default() };
        self.sandboxes().stop(id, &stop).expect("it can be stopped");
    }

    /// What the server answers; nothing where nobody does.
    fn fetch(&self) -> Option<String> {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        client.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        client.write_all(b"GET /page HTTP/1.0\r\n\r\n").ok()?;
        client.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        client.read_to_string(&mut answer).ok()?;
        answer.split_once("\r\n\r\n").map(|(_, page)| page.to_owned())
    }

    fn until(&self, what: &str, holds: impl Fn(Option<String>) -> bool) {
        let begun = Instant::now();
        loop {
            let found = self.fetch();
            if holds(found.clone()) {
                return;
            }
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(30), "{}: not {what}: {found:?}", self.backend);
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A server that has one page.
fn server(address: &str, page: &str, last: &str) -> String {
    format!("echo {page} >/tmp/page; busybox httpd -p {address}:{INSIDE} -h /tmp; {last}")
}

#[test]
fn a_server_is_fetched_by_many_wherever_it_listens_and_its_port_is_free_afterwards() {
    let _turn = turn();
    for backend in publishers() {
        for address in ["0.0.0.0", "127.0.0.1"] {
            let yard = Yard::new(backend);
            let info = yard.run(&server(address, address, "sleep 100"), Restart::No).expect("it starts");
            let is_page = |page: Option<String>| page.is_some_and(|page| page.trim() == address);
            yard.until("there", is_page);
            thread::scope(|scope| {
                let many = (0..4).map(|_| scope.spawn(|| (0..50).all(|_| is_page(yard.fetch()))));
                let many: Vec<_> = many.collect();
                assert!(many.into_iter().all(|one| one.join().expect("it fetches")), "{backend}");
            });
            assert!(TcpListener::bind(("127.0.0.1", yard.port)).is_err(), "{backend}: it is taken");
            assert!(TcpStream::connect(("127.0.0.1", INSIDE)).is_err(), "{backend}: it is not published");
            yard.stop(&info.id);
            TcpListener::bind(("127.0.0.1", yard.port)).expect("it is free");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_starts() {
    let _turn = turn();
    for backend in publishers() {
        let yard = Yard::new(backend);
        let taken = TcpListener::bind(("127.0.0.1", yard.port)).expect("it is free");
        let error = yard.run("sleep 100", Restart::No).expect_err("it is taken").to_string();
        assert!(
            error.contains(&format!("127.0.0.1:{}", yard.port)) && error.contains("another port"),
            "{error}"
        );
        drop(taken);
        let info = yard.run("sleep 100", Restart::No).expect("nothing of the first is left");
        yard.stop(&info.id);
    }
}

#[test]
fn it_is_published_again_when_it_is_run_again() {
    let _turn = turn();
    for backend in publishers() {
        let yard = Yard::new(backend);
        let script = server("127.0.0.1", "$(cat /proc/sys/kernel/random/uuid)", "sleep 3");
        let info = yard.run(&script, Restart::Always).expect("it starts");
        yard.until("there", |page| page.is_some());
        let first = yard.fetch();
        yard.until("run again", |page| page.is_some() && page != first);
        yard.stop(&info.id);
    }
}

#[test]
fn datagrams_are_answered_at_the_port_that_the_kernel_chose() {
    let Some(checker) = checker() else { return };
    let _turn = turn();
    for backend in publishers() {
        let yard = Yard::new(backend);
        let program = std::fs::read(checker).expect("the checker can be read");
        let top = Tarball::new().file_mode("bin/checker", &program, 0o755);
        let (content, digest) = content(&yard.home, top, &json!({}));
        write_signed(&yard.home, content, &digest);
        let granted = policy("seccomp = \"perry-default\"", &entry("free"));
        let made = granted.replace("examples/hello/cosign.pub", MADE_KEY);
        let made = made.replace("perry-sandbox/hello", "acme/made");
        yard.home.give("policy.toml", made.as_bytes());
        let mut wish = yard.wish("", Protocol::Udp);
        let image = format!("oci:{}", yard.home.path().join("made").display());
        wish.target = TargetChoice::Service { name: "shop/web".parse().expect("a service"), image };
        wish.project.publish[0].on = "free".parse().expect("an address");
        wish.args = vec!["/bin/checker".to_owned(), format!("echo=127.0.0.1:{INSIDE}")];
        let reply = yard.sandboxes().run(&wish, &Named::default(), Begin::default(), &Silent);
        let Reply::Done(made) = reply.expect("it starts") else { panic!("{backend}: refused") };
        let looked = yard.sandboxes().inspect(&made.info.id).expect("it is there");
        let [published] = looked.published.as_slice() else { panic!("{backend}: {looked:?}") };
        let on = published.on.only().expect("one port").socket();
        assert!(on.ip().is_loopback() && on.port() >= 1024, "{backend}: {on}");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client.connect(on).expect("it is an address");
        client.set_read_timeout(Some(Duration::from_millis(200))).expect("a time");
        let (begun, mut answer) = (Instant::now(), [0; 64]);
        let length = loop {
            client.send(b"hello").ok();
            match client.recv(&mut answer) {
                Ok(length) => break length,
                Err(error) => {
                    assert!(begun.elapsed() < Duration::from_secs(30), "{backend}: {error}");
                }
            }
        };
        assert_eq!(&answer[..length], b"127.0.0.2 hello", "{backend}");
        yard.stop(&made.info.id);
        UdpSocket::bind(on).expect("it is free");
    }
}
