//! Who is told how a run goes on, while it runs.

use std::io;
use std::os::fd::BorrowedFd;

use perry_sandbox_policy::Publication;

use super::cgroup::Group;

/// Told by the supervision of one sandbox, and asked for what else belongs to it.
pub(crate) trait Observer: Sync {
    /// Its ports are published so. Nothing of it is there yet.
    fn published(&self, ports: &[Publication]) -> io::Result<()>;

    /// Its first process is there, and sets itself up, under these limits.
    fn started(&self, pid: i32, process: BorrowedFd<'_>, group: Option<&Group>);

    /// The program runs.
    fn executed(&self);

    /// Processes that joined it: what they use counts.
    fn joined(&self) -> Vec<i32>;

    /// Processor time, in hundredths of a second, of those that joined it and are gone.
    fn spent(&self) -> u64;
}
