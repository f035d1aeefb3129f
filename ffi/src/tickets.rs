//! Replies that wait to be taken.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::code::Code;
use crate::envelope;
use crate::fault::Fault;
use crate::lock::lock;

/// The ticket table.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u32,
    replies: HashMap<u32, String>,
}

impl Tickets {
    /// Keeps a reply; its ticket is never 0, nor one under which another waits.
    pub(crate) fn keep(&self, reply: String) -> u32 {
        let mut table = lock(&self.0);
        let mut ticket = table.last;
        loop {
            ticket = ticket.wrapping_add(1);
            if ticket != 0 && !table.replies.contains_key(&ticket) {
                break;
            }
        }
        table.last = ticket;
        table.replies.insert(ticket, reply);
        ticket
    }

    /// The reply under a ticket, once.
    pub(crate) fn take(&self, ticket: u32) -> String {
        let reply = lock(&self.0).replies.remove(&ticket);
        reply.unwrap_or_else(|| {
            let message = format!("no reply waits under the ticket {ticket}: unknown, or taken before");
            envelope::answer("", Err(Fault::new(Code::Ticket, message)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_taken_once() {
        let tickets = Tickets::default();
        let ticket = tickets.keep("reply".to_owned());
        assert_eq!(tickets.take(ticket), "reply");
        assert!(tickets.take(ticket).contains("\"TICKET\""));
        assert!(tickets.take(0).contains("\"TICKET\""));
    }

    #[test]
    fn tickets_that_wait_are_not_given_again_when_numbers_start_over() {
        let tickets = Tickets::default();
        let first = tickets.keep("first".to_owned());
        lock(&tickets.0).last = u32::MAX;
        assert_eq!(tickets.keep("next".to_owned()), first + 1);
        assert_eq!(tickets.take(first), "first");
    }
}
