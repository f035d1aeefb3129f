//! Ending one sandbox, with an ear for a user who loses patience.

use std::thread;
use std::time::Duration;

use crate::desired::StopHow;
use crate::error::StepError;
use crate::interrupt::Interrupt;
use crate::world::World;

/// The signal that no program can refuse.
const SIGKILL: i32 = 9;
/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks a sandbox to end and waits for it; whoever asks to stop a second time has it killed at once.
///
/// # Errors
/// As [`World::stop`].
pub fn stop_heeding(
    world: &dyn World,
    id: &str,
    how: StopHow,
    interrupt: &Interrupt,
) -> Result<(), StepError> {
    let now = StopHow { signal: Some(SIGKILL), grace: Some(Duration::ZERO) };
    if interrupt.times() > 1 {
        return world.stop(id, now);
    }
    thread::scope(|scope| {
        let Ok(asked) = thread::Builder::new().spawn_scoped(scope, || world.stop(id, how)) else {
            // Without a thread nobody can be heard meanwhile.
            return world.stop(id, how);
        };
        while !asked.is_finished() {
            if interrupt.times() > 1 {
                // The first one returns when the sandbox has ended, however it did.
                world.stop(id, now)?;
                break;
            }
            thread::sleep(PAUSE);
        }
        asked.join().unwrap_or_else(|_| Err(StepError::Failed("ending it broke off".to_owned())))
    })
}
