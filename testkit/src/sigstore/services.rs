//! The services of an instance behind HTTP on loopback, in threads of the test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::answers::answer;
use super::certificate::old_issuer;
use super::instance::{ISSUER, Sigstore};
use crate::http;

/// A running instance, gone when the value is.
#[derive(Debug)]
pub struct Services {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    instance: Mutex<Sigstore>,
    paths: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Services {
    /// Starts the services. They sign at the machine's own time, whatever the instance's was.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(instance: Sigstore) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            instance: Mutex::new(instance),
            paths: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { address, shared }
    }

    /// An instance in which everything is in order, signing now, with leaves that cosign 2 and 3 understand.
    pub fn new() -> Self {
        let mut instance = Sigstore::at(Timestamp::now().as_second());
        instance.extensions.push(old_issuer(ISSUER));
        Self::start(instance)
    }

    /// `http://127.0.0.1:PORT`, the address of every service.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the instance, or changes it.
    pub fn with<T>(&self, work: impl FnOnce(&mut Sigstore) -> T) -> T {
        work(&mut self.shared.instance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The paths that were asked for, in order.
    pub fn log(&self) -> Vec<String> {
        self.shared.paths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Services {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// Answers what comes over one connection, until either side ends it.
    fn serve(&self, stream: &TcpStream) {
        drop(stream.set_read_timeout(Some(Duration::from_secs(30))));
        drop(stream.set_nodelay(true));
        while let Ok(Some(request)) = http::read(stream) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let asked = format!("{} {}", request.method, request.path);
            self.paths.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            let reply = {
                let mut instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
                instance.set_time(Timestamp::now().as_second());
                answer(&instance, &request)
            };
            // The other side may hang up at any time.
            if reply.write(stream, false).is_err() {
                return;
            }
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}
