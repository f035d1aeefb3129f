//! What a sandbox with egress reaches.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Starts a server on the host's loopback that says `hello` over HTTP to everybody; gives its port.
///
/// # Panics
/// When there is no port.
pub fn greeter() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || greet(client));
        }
    });
    port
}

fn greet(mut client: TcpStream) {
    let hello = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
    drop(client.read(&mut [0; 4096]));
    drop(client.write_all(hello.as_bytes()));
}
