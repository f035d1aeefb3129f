//! Failures of what a project stands on: the engine, its answers, room on disk, addresses, processes, the clock; and what others change
//! meanwhile. After each the world is as before, or what is left is said.

mod answers;
mod clock;
mod front;
mod killed;
mod meanwhile;
mod mortal;
mod room;
