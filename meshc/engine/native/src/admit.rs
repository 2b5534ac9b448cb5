//! The lane in: messages of known sessions that lie in a receive buffer are opened there, checked,
//! merged and written to the TUN device; all others are left to the caller.

use crate::coalesce::{coalesce, ip_length, source, Piece, Writes};
use crate::keys::{Opening, Refusal, HEADER, OVERHEAD};
use crate::sys;

const SOL_UDP: i32 = 17;
const UDP_GRO: i32 = 104;
const TRANSPORT_DATA: u32 = 4;
/// So many packets are merged at a time; more would keep the first of them waiting.
const MANY: usize = 128;
/// Up to so many are delivered as they are: what comes alone is in a hurry.
const FEW: usize = 3;
const MOST_SOURCES: usize = 64;

/// A session, where its messages come from, and what became of them since somebody asked.
pub struct Entry {
    pub index: u32,
    pub name: Vec<u8>,
    pub control: Vec<u8>,
    /// Source addresses that are known to be the peer's.
    pub sources: Vec<Vec<u8>>,
    pub octets: u64,
    /// When that was, the last of it, and the last that was more than a keepalive.
    pub at: f64,
    pub data_at: f64,
    pub bad: u64,
    pub replayed: u64,
    pub malformed: u64,
    pub foreign: u64,
}

/// A message in the buffer, as it was received: one datagram, or many of one size.
pub struct Message<'a> {
    pub at: usize,
    pub length: usize,
    pub name: &'a [u8],
    pub control: &'a [u8],
}

/// Control messages without the one that tells the segments, and what that told.
pub fn sender(control: &[u8]) -> (Vec<u8>, usize) {
    let (mut rest, mut segment) = (Vec::new(), 0);
    for (level, kind, data) in sys::controls(control) {
        match (level, kind, data.first_chunk::<4>()) {
            (SOL_UDP, UDP_GRO, Some(size)) => segment = i32::from_ne_bytes(*size).max(0) as usize,
            _ => rest.extend(sys::control(level, kind, data)),
        }
    }
    (rest, segment)
}

pub struct Admit<'a, F: FnMut(usize, &[u8]) -> bool> {
    pub buf: &'a mut [u8],
    pub tun: i32,
    /// Whether UDP is merged too; None that there are no virtio-net headers.
    pub udp: Option<bool>,
    pub entries: Vec<(&'a mut Entry, &'a mut Opening)>,
    /// Whether an address is that of the peer of an entry.
    pub is_owner: F,
    pub pieces: Vec<Piece>,
    pub writes: Writes,
    /// What writing failed with.
    pub errors: Vec<i32>,
    /// When the turn began.
    pub now: f64,
}

impl<F: FnMut(usize, &[u8]) -> bool> Admit<'_, F> {
    /// Take what is for here; a flag for each message that is not.
    pub fn run(&mut self, messages: &[Message<'_>]) -> Vec<bool> {
        self.now = sys::now();
        let mut left = Vec::with_capacity(messages.len());
        let (mut before, mut who) = (None, (Vec::new(), 0));
        let mut current = usize::MAX;
        for message in messages {
            if before != Some(message.control) {
                before = Some(message.control);
                who = sender(message.control);
            }
            let Some((entry, segment)) = self.entry_of(message, &who.0, who.1) else {
                left.push(true);
                continue;
            };
            left.push(false);
            if entry != current || self.pieces.len() >= MANY {
                self.deliver();
                current = entry;
            }
            self.open(entry, message, segment);
        }
        self.deliver();
        left
    }

    /// The session that all datagrams of a message belong to, and how long they are.
    fn entry_of(
        &self,
        message: &Message<'_>,
        control: &[u8],
        segment: usize,
    ) -> Option<(usize, usize)> {
        let octets = self.buf.get(message.at..message.at + message.length)?;
        let size = if segment == 0 { octets.len() } else { segment.min(octets.len()) };
        if size < OVERHEAD {
            return None;
        }
        let head = octets.first_chunk::<8>()?;
        let all = octets.chunks(size).all(|d| d.len() >= OVERHEAD && d.starts_with(head));
        let [kind, index] = [0, 4].map(|at| {
            u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
        });
        if !all || kind != TRANSPORT_DATA {
            return None;
        }
        let entry = self.entries.iter().position(|(entry, _)| {
            entry.index == index && entry.name == message.name && entry.control == control
        })?;
        Some((entry, size))
    }

    fn open(&mut self, number: usize, message: &Message<'_>, size: usize) {
        let end = message.at + message.length;
        let mut at = message.at;
        while at < end {
            let length = size.min(end - at);
            let (entry, key) = &mut self.entries[number];
            match key.open(&mut self.buf[at..at + length]) {
                Ok(()) => {
                    entry.octets += length as u64;
                    entry.at = self.now;
                    if length > OVERHEAD {
                        entry.data_at = self.now;
                        self.admit(number, at + HEADER, length - OVERHEAD);
                    }
                }
                Err(Refusal::BadAead) => entry.bad += 1,
                Err(Refusal::Replayed) => entry.replayed += 1,
            }
            at += length;
        }
    }

    /// Cut a packet to its length and see whether its source is the peer's.
    fn admit(&mut self, number: usize, at: usize, padded: usize) {
        let packet = &self.buf[at..at + padded];
        let length = ip_length(packet);
        let entry = &mut self.entries[number].0;
        if length == 0 {
            entry.malformed += 1;
            return;
        }
        let source = source(packet);
        if !entry.sources.iter().any(|known| known == source) {
            if !(self.is_owner)(number, source) {
                entry.foreign += 1;
                return;
            }
            if entry.sources.len() >= MOST_SOURCES {
                entry.sources.clear();
            }
            entry.sources.push(source.to_vec());
        }
        self.pieces.push(Piece { at, length, padded });
    }

    /// Write what was opened.
    fn deliver(&mut self) {
        self.writes.clear();
        match self.udp {
            Some(udp) if self.pieces.len() > FEW => {
                coalesce(self.buf, &self.pieces, udp, &mut self.writes);
            }
            _ => {
                for piece in &self.pieces {
                    self.writes.single(*piece, self.udp.is_some());
                }
            }
        }
        self.pieces.clear();
        for i in 0..self.writes.len() {
            let (head, parts) = self.writes.get(i);
            if let Err(error) = sys::write(self.tun, head, self.buf, parts) {
                self.errors.push(error);
            }
        }
    }
}
