//! Process 1 of the guest: puts the walls up inside, runs the program, and tells the helper on the host what it does.
//!
//! One static file that a single `rustc` makes, put into the memory disk by the helper. It reads its task from a file
//! there, and speaks over the serial port and nothing else. Where a step fails the program does not run.

#[path = "../frame.rs"]
mod frame;
#[path = "../task.rs"]
mod task;

mod confine;
mod kernel;
mod place;
mod port;
mod read;
mod stay;

use std::fmt::Display;
use std::io::Read as _;

use frame::{Cause, Message};
use port::Port;

/// Why the program does not run, in words.
type Outcome<T> = Result<T, Why>;

/// What kept the program from being started, or the guest from going on.
struct Why {
    cause: Cause,
    text: String,
}

impl From<String> for Why {
    fn from(text: String) -> Self {
        Self { cause: Cause::Step, text }
    }
}

impl From<&str> for Why {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Says which step failed.
fn step<T>(name: &str, answer: kernel::Result<T>) -> Outcome<T> {
    answer.map_err(|errno| format!("{name}: {}", std::io::Error::from_raw_os_error(errno)).into())
}

/// [`step`] for what std does.
fn std_step<T>(name: &str, answer: Result<T, impl Display>) -> Outcome<T> {
    answer.map_err(|error| format!("{name}: {error}").into())
}

fn main() {
    // Without a port there is nobody to tell.
    if let Ok(mut port) = place::ground().and_then(|()| Port::open()) {
        if let Err(why) = work(&mut port) {
            // As above.
            let _ = port.send(&Message::Failed(why.cause, why.text.chars().take(1000).collect()));
        }
        port.rest();
    }
    kernel::restart();
}

fn work(port: &mut Port) -> Outcome<()> {
    let task = read_task()?;
    place::machine(&task)?;
    let child = confine::start(&task)?;
    std_step("tell that it runs", port.send(&Message::Started))?;
    let ended = stay::stay(port, child, &task)?;
    std_step("tell how it ended", port.send(&Message::Ended(ended)))
}

fn read_task() -> Outcome<task::Task> {
    const PATH: &str = "/task";
    /// Arguments and environment are at most what the kernel takes for one exec.
    const LONGEST: u64 = 8 << 20;
    let file = std_step("open the task", std::fs::File::open(PATH))?;
    let mut bytes = Vec::new();
    std_step("read the task", file.take(LONGEST).read_to_end(&mut bytes))?;
    // What it says is the program's own; its memory is better used.
    std_step("remove the task", std::fs::remove_file(PATH))?;
    read::task(&bytes).ok_or_else(|| "the task is not one that this program knows".into())
}
