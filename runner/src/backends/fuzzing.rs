//! Entry point of the fuzz target: what engines answer.

use super::attach::split;
use super::reply::read_reply;
use super::{docker, podman, stock};

/// Reads some bytes as each answer that an engine gives; none may make us panic. Answers whether one was understood.
pub fn engine(bytes: &[u8]) -> bool {
    let reply = read_reply(bytes).is_ok();
    // Both are called: one that understands everything must not hide the other.
    let streams =
        !bytes.is_empty() && split(&mut &*bytes, &mut std::io::sink(), &mut std::io::sink()).is_ok();
    let stock = stock::understands(bytes);
    reply || stock || streams || podman::understands(bytes) || docker::read_info(bytes, "6.1").is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_is_understood() {
        assert!(perry_sandbox_testkit::corpus::understood("engine", super::engine) > 9);
    }
}
