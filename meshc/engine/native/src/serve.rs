//! The loop: as long as nothing but data of the lanes moves, packets and messages go both ways
//! without the interpreter. Whatever is anything else ends it, and is told.

use crate::admit::{Admit, Message};
use crate::sys::{self, Mailbox};
use crate::transmit::{Transmit, Turn};

const INPUT: u32 = (libc::EPOLLIN | libc::EPOLLERR | libc::EPOLLHUP) as u32;

pub struct Serve<'a, F: FnMut(usize, &[u8]) -> bool> {
    pub epoll: i32,
    /// The sockets that messages come from.
    pub sockets: Vec<i32>,
    /// Packets of a turn; with more than one in the last turn they come in bulk (`busy`).
    pub budget: usize,
    pub busy: bool,
    /// How long what was done may stay untold, in seconds.
    pub hold: f64,
    pub transmit: Transmit<'a>,
    pub admit: Admit<'a, F>,
    pub mailbox: Mailbox<'a>,
}

/// Why the loop ended.
#[derive(Default)]
pub struct Served {
    /// Descriptors that are not for here, or not yet: what lies in a buffer has to leave it first.
    pub others: Vec<(i32, u32)>,
    /// A turn of the device that left or could not send something.
    pub turn: Option<Turn>,
    /// A flag for each message that lies in the buffer: those that are for none of the lanes.
    pub left: Vec<bool>,
    /// What receiving failed with.
    pub error: i32,
}

impl Served {
    fn is_over(&self) -> bool {
        let over = !self.others.is_empty() || self.turn.is_some() || self.error != 0;
        over || !self.left.is_empty()
    }
}

impl<F: FnMut(usize, &[u8]) -> bool> Serve<'_, F> {
    /// Go on until `until` at the latest, or for `hold` from the first packet on.
    pub fn run(&mut self, until: f64) -> Served {
        let mut served = Served::default();
        let (mut deadline, mut events) = (until, Vec::new());
        loop {
            if sys::wait(self.epoll, deadline, &mut events).is_err() || events.is_empty() {
                return served; // a signal, or it is time
            }
            if deadline == until {
                deadline = until.min(sys::now() + self.hold);
            }
            for &(descriptor, mask) in &events {
                self.handle(descriptor, mask, &mut served);
            }
            if served.is_over() || !self.admit.errors.is_empty() || sys::now() >= deadline {
                return served;
            }
        }
    }

    fn handle(&mut self, descriptor: i32, mask: u32, served: &mut Served) {
        let is_input = mask & INPUT != 0;
        if is_input && descriptor == self.transmit.tun && served.turn.is_none() {
            self.take_packets(served);
        } else if is_input && self.sockets.contains(&descriptor) && served.left.is_empty() {
            self.take_messages(descriptor, served);
        } else {
            served.others.push((descriptor, mask));
        }
    }

    fn take_packets(&mut self, served: &mut Served) {
        let turn = self.transmit.run(self.budget);
        self.busy = turn.taken > 1;
        if turn.left > 0 || turn.error != 0 || turn.unsent.is_some() {
            served.turn = Some(turn);
        }
    }

    fn take_messages(&mut self, descriptor: i32, served: &mut Served) {
        let count = match self.mailbox.receive(descriptor, self.admit.buf) {
            Ok(count) => count,
            Err(libc::EAGAIN | libc::EINTR) => return,
            Err(error) => {
                served.error = error;
                return;
            }
        };
        let mailbox = &self.mailbox;
        let messages: Vec<_> = mailbox
            .lengths
            .iter()
            .enumerate()
            .map(|(i, &(length, control))| {
                let (name, start) = (i * Mailbox::NAME, i * Mailbox::CONTROL);
                Message {
                    at: i * mailbox.slot,
                    length,
                    name: &mailbox.names[name..name + Mailbox::NAME],
                    control: &mailbox.controls[start..start + control],
                }
            })
            .collect();
        let left = self.admit.run(&messages);
        let alone = count == 1 && !left[0];
        if left.contains(&true) {
            served.left = left;
        }
        if alone && !self.busy && served.turn.is_none() {
            // What was delivered may be answered by now, by the kernel itself.
            self.take_packets(served);
        }
    }
}
