//! The lane out: packets of the TUN device that belong to known sessions are sealed and sent, as
//! long as there are any; the first one that is anything else is left to the caller.

use crate::keys::{Misuse, Sealing, HEADER, OVERHEAD, TAG};
use crate::segment::{padded, split_seal, Gso};
use crate::{checksum, sys};

const VNET: usize = 10;
const NEEDS_CSUM: u8 = 1;
const GSO_ECN: u8 = 0x80;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// UDP_MAX_SEGMENTS of kernels before 6.10, and what a datagram may hold.
const MOST_SEGMENTS: usize = 64;
const MOST_OCTETS: usize = 65_507;
/// Segments that one call of `split_seal` makes at most.
const MOST_AT_ONCE: usize = 128;
const LEAST_SEGMENT: usize = 16;

/// Where the datagrams of a session go, and what was sent since somebody asked.
pub struct Way {
    pub destinations: Vec<Vec<u8>>,
    pub socket: i32,
    pub name: Vec<u8>,
    pub source: Vec<u8>,
    /// How many more messages may be sealed.
    pub allowed: u64,
    pub octets: u64,
    /// When that was, the last of it.
    pub at: f64,
}

/// Sealed datagrams of the session `way` that wait in the buffer for more of their kind.
pub struct Waiting {
    pub way: usize,
    pub start: usize,
    pub end: usize,
    pub size: usize,
    closed: bool,
}

/// How a turn ended.
pub struct Turn {
    pub taken: usize,
    /// There is nothing more to read.
    pub drained: bool,
    /// Octets of a packet that lies in the slot and is nobody's, 0 if there is none.
    pub left: usize,
    /// What reading failed with.
    pub error: i32,
    /// What could not be sent, and why not.
    pub unsent: Option<(Waiting, i32)>,
}

pub struct Transmit<'a> {
    pub tun: i32,
    pub vnet: bool,
    pub mtu: usize,
    /// Packets longer than that are not for here, unless they are super-packets.
    pub room: usize,
    pub slot: &'a mut [u8],
    pub out: &'a mut [u8],
    pub ways: Vec<(&'a mut Way, &'a mut Sealing)>,
    /// When the turn began.
    pub now: f64,
}

/// Why a packet is not taken.
enum No {
    Left,
    Unsent(i32),
}

impl From<Misuse> for No {
    fn from(_: Misuse) -> No {
        No::Left
    }
}

impl Transmit<'_> {
    /// Read and send until there is nothing more, or `budget` packets were taken.
    pub fn run(&mut self, budget: usize) -> Turn {
        self.now = sys::now();
        let mut turn = Turn { taken: 0, drained: false, left: 0, error: 0, unsent: None };
        let mut waiting = Waiting { way: 0, start: 0, end: 0, size: 0, closed: false };
        while turn.taken < budget {
            let size = match sys::read(self.tun, self.slot) {
                Ok(size) => size,
                Err(libc::EAGAIN) => {
                    turn.drained = true;
                    break;
                }
                Err(error) => {
                    turn.error = error;
                    break;
                }
            };
            turn.taken += 1;
            match self.take(size, &mut waiting) {
                Ok(()) => {}
                Err(No::Left) => {
                    turn.left = size;
                    break;
                }
                Err(No::Unsent(error)) => {
                    turn.unsent = Some((waiting, error));
                    return turn;
                }
            }
        }
        if let Err(error) = self.emit(&mut waiting, true) {
            turn.unsent = Some((waiting, error));
        }
        turn
    }

    /// The session of the packet's destination.
    fn way_of(&self, packet: &[u8]) -> Option<usize> {
        let destination = match packet.first()? >> 4 {
            4 => packet.get(16..20)?,
            6 => packet.get(24..40)?,
            _ => return None,
        };
        self.ways.iter().position(|(way, _)| way.destinations.iter().any(|d| d == destination))
    }

    fn take(&mut self, size: usize, waiting: &mut Waiting) -> Result<(), No> {
        let head = if self.vnet { VNET } else { 0 };
        if size <= head || size == self.slot.len() {
            return Err(No::Left);
        }
        let way = self.way_of(&self.slot[head..size]).ok_or(No::Left)?;
        if head > 0 && self.slot[1] != 0 {
            return self.take_super(way, size, waiting);
        }
        let length = size - head;
        if length > self.room || self.ways[way].0.allowed == 0 {
            return Err(No::Left);
        }
        let csum = self.csum(length)?;
        let datagram = padded(length, self.mtu) + OVERHEAD;
        self.make_room(way, datagram, 1, waiting)?;
        let row = self.out.get_mut(waiting.end..waiting.end + datagram).ok_or(No::Left)?;
        let packet = &mut row[HEADER..datagram - TAG];
        packet[..length].copy_from_slice(&self.slot[head..size]);
        packet[length..].fill(0);
        if let Some((start, field)) = csum {
            let check = checksum::complement(checksum::sum(&packet[start..length]));
            packet[start + field..start + field + 2].copy_from_slice(&check);
        }
        let (way, key) = &mut self.ways[way];
        key.check(1)?;
        key.seal(row);
        way.allowed -= 1;
        way.octets += datagram as u64;
        way.at = self.now;
        waiting.end += datagram;
        waiting.closed |= datagram < waiting.size;
        self.emit(waiting, false).map_err(No::Unsent)
    }

    /// The checksum that the virtio-net header says is left to us.
    fn csum(&self, length: usize) -> Result<Option<(usize, usize)>, No> {
        if !self.vnet || self.slot[0] & NEEDS_CSUM == 0 {
            return Ok(None);
        }
        let number = |at: usize| usize::from(u16::from_le_bytes([self.slot[at], self.slot[at + 1]]));
        let (start, field) = (number(6), number(8));
        if start + field + 2 > length {
            return Err(No::Left);
        }
        Ok(Some((start, field)))
    }

    fn take_super(&mut self, way: usize, size: usize, waiting: &mut Waiting) -> Result<(), No> {
        let gso = segmentation(&self.slot[..size]).ok_or(No::Left)?;
        let payload = size - VNET - gso.header;
        let number = payload.div_ceil(gso.mss);
        if self.ways[way].0.allowed < number as u64 {
            return Err(No::Left);
        }
        let datagram = padded(gso.header + gso.mss.min(payload), self.mtu) + OVERHEAD;
        if number.min(MOST_AT_ONCE) * datagram > self.out.len() {
            return Err(No::Left);
        }
        self.ways[way].1.check(number)?;
        let mut first = 0;
        while first < number {
            self.make_room(way, datagram, (number - first).min(MOST_AT_ONCE), waiting)?;
            let packet = &self.slot[VNET..size];
            let (way, key) = &mut self.ways[way];
            let out = &mut self.out[waiting.end..];
            let split = split_seal(key, packet, &gso, self.mtu, out, first)?;
            let count = split.number + usize::from(split.last_size > 0);
            let octets = split.number * split.size + split.last_size;
            first += count;
            way.allowed -= count as u64;
            way.octets += octets as u64;
            way.at = self.now;
            waiting.end += octets;
            waiting.closed |= split.last_size > 0 || split.size < waiting.size;
        }
        self.emit(waiting, false).map_err(No::Unsent)
    }

    /// Send what `count` datagrams of `size` octets cannot join.
    fn make_room(
        &mut self,
        way: usize,
        size: usize,
        count: usize,
        waiting: &mut Waiting,
    ) -> Result<(), No> {
        let joins = waiting.way == way
            && !waiting.closed
            && (size == waiting.size || count == 1 && size < waiting.size)
            && waiting.end + count * size <= self.out.len();
        if waiting.end > waiting.start && !joins {
            self.emit(waiting, true).map_err(No::Unsent)?;
        }
        if waiting.end == waiting.start {
            *waiting = Waiting { way, start: 0, end: 0, size, closed: false };
        }
        Ok(())
    }

    /// Send what fills a system call, and with `everything` also the rest. What was not sent is
    /// what is left waiting.
    fn emit(&self, waiting: &mut Waiting, everything: bool) -> Result<(), i32> {
        if waiting.end == waiting.start {
            return Ok(());
        }
        let size = waiting.size;
        let chunk = MOST_SEGMENTS.min(MOST_OCTETS / size).max(1) * size;
        let (way, _) = &self.ways[waiting.way];
        while waiting.end > waiting.start {
            let left = waiting.end - waiting.start;
            if left < chunk && !everything && !waiting.closed {
                break;
            }
            let end = waiting.start + left.min(chunk);
            sys::send(way.socket, &self.out[waiting.start..end], size, &way.name, &way.source)?;
            waiting.start = end;
        }
        Ok(())
    }
}

/// How a super-packet behind its virtio-net header is to be split; None if its headers contradict
/// each other, or ask for too many segments (see `Segmentation` in Python). `hdr_len` is not looked at: in the forward path it may be that of the linear part.
fn segmentation(slot: &[u8]) -> Option<Gso> {
    let (vnet, packet) = slot.split_at_checked(VNET)?;
    let number = |at: usize| usize::from(u16::from_le_bytes([vnet[at], vnet[at + 1]]));
    let (kind, mss, transport) = (vnet[1] & !GSO_ECN, number(4), number(6));
    let fits = match packet.first()? >> 4 {
        4 => {
            transport == usize::from(packet[0] & 15) * 4
                && transport >= 20
                && matches!(kind, GSO_TCPV4 | GSO_UDP_L4)
        }
        6 => transport >= 40 && transport % 4 == 0 && matches!(kind, GSO_TCPV6 | GSO_UDP_L4),
        _ => false,
    };
    if !fits || mss < LEAST_SEGMENT || transport + 8 > packet.len() {
        return None;
    }
    let (header, protocol) = if kind == GSO_UDP_L4 {
        (transport + 8, UDP)
    } else {
        let offset = packet.get(transport + 12)?;
        (transport + usize::from(offset >> 4) * 4, TCP)
    };
    let whole = protocol == UDP || header >= transport + 20 && transport + 20 <= packet.len();
    let fits = whole
        && header < packet.len()
        && header + mss <= 0xffff
        && (packet.len() - header).div_ceil(mss) <= MOST_AT_ONCE;
    fits.then_some(Gso { transport, header, protocol, mss })
}
