//! Attacks on the whole program, and on its peers: killed at any moment; the checker under every launcher of the field.

mod chaos;

/// The example image, as the README names it.
const IMAGE: &str = "oci:examples/hello/image";
/// The key that signed it.
const KEY: &str = "examples/hello/cosign.pub";
