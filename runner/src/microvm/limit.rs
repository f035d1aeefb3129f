//! Which limit an end is laid to.

use super::frame::{Ended, met};
use crate::outcome::Limit;

/// A refused process, byte or file ends nobody, and is named only where the program did not end with success.
pub(crate) fn limit_of(ended: Ended) -> Option<Limit> {
    let has = |bit: u8| ended.met & bit != 0;
    let succeeded = !ended.killed && ended.number == 0;
    let all = [
        (has(met::MEMORY), Limit::Memory),
        (has(met::CPU), Limit::Cpu),
        (has(met::DISK) && !succeeded, Limit::Disk),
        (has(met::PIDS) && !succeeded, Limit::Pids),
    ];
    all.into_iter().find(|(is_met, _)| *is_met).map(|(_, limit)| limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_where_it_ended_the_program_or_the_program_failed() {
        let limit =
            |killed, number, met| limit_of(Ended { killed, number, met, user: 0, system: 0, peak: 0 });
        assert_eq!(limit(true, 9, met::MEMORY | met::PIDS), Some(Limit::Memory));
        assert_eq!(limit(true, 24, met::CPU), Some(Limit::Cpu));
        assert_eq!(limit(false, 0, met::PIDS | met::DISK), None);
        assert_eq!(limit(false, 1, met::PIDS), Some(Limit::Pids));
        assert_eq!(limit(true, 25, met::DISK), Some(Limit::Disk));
        assert_eq!(limit(false, 1, 0), None);
    }
}
