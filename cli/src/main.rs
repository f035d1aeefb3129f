//! The `perry-sandbox` command.
fn main() {}
