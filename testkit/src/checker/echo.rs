//! A server that answers datagrams.

use std::net::UdpSocket;

/// Answers each datagram with who sent it and what it says. What begins with `later ` is answered after half a second, and
/// what begins with `twice ` twice.
pub fn answer(address: &str) {
    let socket = UdpSocket::bind(address).expect("the address is free");
    let mut bytes = vec![0; 65_535];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
        let text = &bytes[..length];
        println!("heard {length}");
        let answer = [format!("{} ", from.ip()).as_bytes(), text].concat();
        if text.starts_with(b"later ") {
            let socket = socket.try_clone().expect("a descriptor is left");
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(500));
                socket.send_to(&answer, from)
            });
            continue;
        }
        for _ in 0..if text.starts_with(b"twice ") { 2 } else { 1 } {
            drop(socket.send_to(&answer, from));
        }
    }
}
