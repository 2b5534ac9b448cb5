//! Receive offload (GRO): packets of one flow become super-packets for the TUN device.
//!
//! The kernel trusts a merged packet, so every inner checksum is verified here first. Payloads are
//! not copied: a super-packet is a header and the places of its parts.

use crate::checksum::{folded, sum, word};

const TCP: u8 = 6;
const UDP: u8 = 17;
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const VNET: usize = 10;
const F_NEEDS_CSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const MAX_PACKET: usize = 0xffff;
const MAX_FLOWS: usize = 16;

/// An inner packet in a buffer: `length` octets, with its padding `padded`.
#[derive(Clone, Copy)]
pub struct Piece {
    pub at: usize,
    pub length: usize,
    pub padded: usize,
}

/// What is to be written, one system call each: a head, then parts of the buffer.
#[derive(Default)]
pub struct Writes {
    heads: Vec<u8>,
    parts: Vec<(usize, usize)>,
    ends: Vec<(usize, usize)>,
}

impl Writes {
    pub fn clear(&mut self) {
        self.heads.clear();
        self.parts.clear();
        self.ends.clear();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Head and parts (offset and length) of write `i`.
    pub fn get(&self, i: usize) -> (&[u8], &[(usize, usize)]) {
        let (head, part) = if i == 0 { (0, 0) } else { self.ends[i - 1] };
        let (head_end, part_end) = self.ends[i];
        (&self.heads[head..head_end], &self.parts[part..part_end])
    }

    fn end(&mut self) {
        self.ends.push((self.heads.len(), self.parts.len()));
    }

    /// A packet as it is, behind an empty virtio-net header if the device has those.
    pub fn single(&mut self, piece: Piece, vnet: bool) {
        if vnet {
            self.heads.extend_from_slice(&[0; VNET]);
        }
        self.parts.push((piece.at, piece.length));
        self.end();
    }
}

/// Length that the IP header claims, 0 if it is malformed or exceeds what is there.
pub fn ip_length(packet: &[u8]) -> usize {
    if packet.len() < 20 {
        return 0;
    }
    let length = match packet[0] >> 4 {
        4 => {
            let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            let least = usize::from(packet[0] & 15) * 4;
            if least < 20 || length < least {
                return 0;
            }
            length
        }
        6 if packet.len() >= 40 => 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]])),
        _ => return 0,
    };
    if length <= packet.len() {
        length
    } else {
        0
    }
}

/// The source address of a packet that `ip_length` found whole.
pub fn source(packet: &[u8]) -> &[u8] {
    if packet[0] >> 4 == 4 {
        &packet[12..16]
    } else {
        &packet[8..24]
    }
}

/// How the packets of a flow begin: where TCP or UDP starts, and the payload.
#[derive(Clone, Copy)]
struct Flow {
    v4: bool,
    transport: usize,
    size: usize,
    protocol: u8,
}

impl Flow {
    /// What a packet would merge as; None if it is nothing to merge: no IP options or extension
    /// headers, no fragments, no flags but ACK and PSH.
    fn of(packet: &[u8], udp: bool) -> Option<Flow> {
        let (v4, transport, protocol) = match packet[0] {
            0x45 if packet[6] & 0xbf == 0 && packet[7] == 0 => (true, 20, packet[9]),
            first if first >> 4 == 6 => (false, 40, packet[6]),
            _ => return None,
        };
        if protocol == TCP && packet.len() > transport + 20 {
            let size = transport + usize::from(packet[transport + 12] >> 4) * 4;
            let plain = packet[transport + 13] & !PSH == ACK;
            if transport + 20 <= size && size < packet.len() && plain {
                return Some(Flow { v4, transport, size, protocol });
            }
        } else if protocol == UDP && udp && packet.len() > transport + 8 {
            // no checksum (RFC 768) is nothing that the kernel may be told to trust
            let has_sum = packet[transport + 6] | packet[transport + 7] != 0;
            return has_sum.then_some(Flow { v4, transport, size: transport + 8, protocol });
        }
        None
    }

    /// Whether addresses and ports are those of `first`.
    fn holds(&self, first: &[u8], packet: &[u8]) -> bool {
        let key = if self.v4 { 12..24 } else { 8..44 };
        packet.len() >= key.end && first[key.clone()] == packet[key]
    }

    /// Whether a packet of the flow is built as `first` is: version, fragment, protocol, TCP
    /// offset and flags.
    fn is_plain(&self, first: &[u8], packet: &[u8]) -> bool {
        if packet.len() < self.size || first[0] != packet[0] || first[6] != packet[6] {
            return false;
        }
        if self.v4 && (first[7] != packet[7] || first[9] != packet[9]) {
            return false;
        }
        let at = self.transport;
        self.protocol != TCP
            || first[at + 12] == packet[at + 12] && (first[at + 13] ^ packet[at + 13]) & !PSH == 0
    }

    /// Whether two headers agree in all that does not differ lawfully.
    fn agrees(&self, a: &[u8], b: &[u8]) -> bool {
        let same = |from: usize, to: usize| a[from..to] == b[from..to];
        let at = self.transport;
        if b.len() < self.size || a.len() < self.size {
            return false;
        }
        let ip = if self.v4 {
            same(0, 2) && same(6, 10) && same(12, 24)
        } else {
            same(0, 4) && same(6, 44)
        };
        ip && (self.protocol == UDP
            || same(at + 8, at + 13)
                && (a[at + 13] ^ b[at + 13]) & !PSH == 0
                && same(at + 14, at + 16)
                && same(at + 18, self.size))
    }

    /// Whether lengths agree and the checksums are right; `padded` ends in zeros if they are to be.
    fn is_right(&self, padded: &[u8], length: usize) -> bool {
        let transport = length.wrapping_sub(self.transport);
        let addresses = if self.v4 { &padded[12..20] } else { &padded[8..40] };
        let mut total = sum(addresses) + word(u16::from(self.protocol)) + word(transport as u16);
        total += sum(&padded[self.transport..]);
        if total % 0xffff != 0 || self.v4 && sum(&padded[..20]) % 0xffff != 0 {
            return false;
        }
        let at = self.transport;
        self.protocol == TCP
            || padded[at + 6] | padded[at + 7] != 0
                && usize::from(u16::from_be_bytes([padded[at + 4], padded[at + 5]])) == transport
    }
}

fn sequence(packet: &[u8], transport: usize) -> u32 {
    u32::from_be_bytes(packet[transport + 4..transport + 8].try_into().expect("four octets"))
}

/// Merge what may be merged. Packets of one flow stay in order.
pub fn coalesce(buf: &[u8], pieces: &[Piece], udp: bool, writes: &mut Writes) {
    let packet = |piece: &Piece| &buf[piece.at..piece.at + piece.length];
    let mut left: Vec<Piece> = pieces.to_vec();
    let mut members = Vec::with_capacity(left.len());
    for _ in 0..MAX_FLOWS {
        if left.len() < 2 {
            break;
        }
        let first = packet(&left[0]);
        let Some(flow) = Flow::of(first, udp) else {
            writes.single(left.remove(0), true);
            continue;
        };
        members.clear();
        left.retain(|piece| {
            let same = flow.holds(first, packet(piece));
            if same {
                members.push(*piece);
            }
            !same
        });
        Merge { buf, flow, members: &members }.emit(writes);
    }
    for piece in left {
        writes.single(piece, true);
    }
}

/// The packets of one flow, in order.
struct Merge<'a> {
    buf: &'a [u8],
    flow: Flow,
    members: &'a [Piece],
}

impl<'a> Merge<'a> {
    fn packet(&self, i: usize) -> &'a [u8] {
        let piece = self.members[i];
        &self.buf[piece.at..piece.at + piece.length]
    }

    /// Octets of payload; none in a packet that is shorter than the headers.
    fn payload(&self, i: usize) -> usize {
        self.members[i].length.saturating_sub(self.flow.size)
    }

    fn is_good(&self, i: usize) -> bool {
        let piece = self.members[i];
        let padded = &self.buf[piece.at..piece.at + piece.padded];
        self.flow.is_plain(self.packet(0), self.packet(i)) && self.flow.is_right(padded, piece.length)
    }

    /// Whether packet `i` continues the one before it, by size, header and sequence.
    fn joins(&self, i: usize) -> bool {
        let (size, before) = (self.payload(i), self.payload(i - 1));
        if size == 0 || size > before {
            return false;
        }
        let (last, this, at) = (self.packet(i - 1), self.packet(i), self.flow.transport);
        if !self.flow.agrees(last, this) {
            return false;
        }
        // PSH says "hand it to the reader now": only the last of a run may carry it
        self.flow.protocol == UDP
            || last[at + 13] & PSH == 0
                && sequence(this, at) == sequence(last, at).wrapping_add(before as u32)
    }

    fn emit(&self, writes: &mut Writes) {
        let count = self.members.len();
        let good: Vec<bool> = (0..count).map(|i| self.is_good(i)).collect();
        let joins: Vec<bool> = (1..count).map(|i| self.joins(i)).collect();
        let first = self.payload(0);
        let even = (0..count - 1).all(|i| self.payload(i) == first);
        if even && good.iter().all(|g| *g) && joins.iter().all(|j| *j) {
            let most = (MAX_PACKET - self.flow.size) / first;
            for start in (0..count).step_by(most) {
                self.emit_run(start, (start + most).min(count), writes);
            }
            return;
        }
        let mut start = 0;
        let mut total = self.flow.size + first;
        for i in 1..count {
            total += self.payload(i);
            let goes_on = joins[i - 1]
                && good[i]
                && good[i - 1]
                && self.payload(i - 1) == self.payload(start)
                && total <= MAX_PACKET;
            if !goes_on {
                self.emit_run(start, i, writes);
                start = i;
                total = self.flow.size + self.payload(i);
            }
        }
        self.emit_run(start, count, writes);
    }

    fn emit_run(&self, start: usize, end: usize, writes: &mut Writes) {
        if end - start == 1 {
            writes.single(self.members[start], true);
            return;
        }
        let (flow, size) = (self.flow, self.flow.size);
        let mss = self.payload(start);
        let total: usize = (start..end).map(|i| self.payload(i)).sum();
        let head = writes.heads.len();
        let (kind, field) = match (flow.protocol, flow.v4) {
            (TCP, true) => (GSO_TCPV4, 16u16),
            (TCP, false) => (GSO_TCPV6, 16),
            _ => (GSO_UDP_L4, 6),
        };
        writes.heads.extend_from_slice(&[F_NEEDS_CSUM, kind]);
        for value in [size as u16, mss as u16, flow.transport as u16, field] {
            writes.heads.extend_from_slice(&value.to_le_bytes());
        }
        writes.heads.extend_from_slice(&self.packet(start)[..size]);
        let header = &mut writes.heads[head + VNET..];
        if flow.protocol == TCP {
            header[flow.transport + 13] |= self.packet(end - 1)[flow.transport + 13] & PSH;
        }
        self.finish(header, usize::from(field), total);
        writes.parts.extend(self.members[start..end].iter().map(|p| (p.at + size, p.length - size)));
        writes.end();
    }

    /// Set lengths, the IP checksum and the partial transport checksum of a super-packet.
    fn finish(&self, header: &mut [u8], field: usize, payload: usize) {
        let (flow, at) = (self.flow, self.flow.transport);
        let segment = (flow.size - at + payload) as u16;
        let octets = segment.to_be_bytes();
        if flow.v4 {
            header[2..4].copy_from_slice(&(at as u16 + segment).to_be_bytes());
            header[10..12].fill(0);
            let check = !folded(sum(&header[..at]));
            header[10..12].copy_from_slice(&check.to_le_bytes());
        } else {
            header[4..6].copy_from_slice(&octets);
        }
        if flow.protocol == UDP {
            header[at + 4..at + 6].copy_from_slice(&octets);
        }
        let addresses = if flow.v4 { &header[12..20] } else { &header[8..40] };
        let partial = folded(sum(addresses) + word(u16::from(flow.protocol)) + word(segment));
        header[at + field..at + field + 2].copy_from_slice(&partial.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::complement;

    #[test]
    fn a_length_that_lies_is_none() {
        let mut packet = [0u8; 64];
        packet[0] = 0x45;
        for (length, wanted) in [(0u16, 0), (19, 0), (20, 20), (64, 64), (65, 0)] {
            packet[2..4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(ip_length(&packet), wanted);
        }
        packet[0] = 0x44;
        assert_eq!(ip_length(&packet), 0);
        packet[0] = 0x60;
        for (length, wanted) in [(0u16, 40), (24, 64), (25, 0)] {
            packet[4..6].copy_from_slice(&length.to_be_bytes());
            assert_eq!(ip_length(&packet), wanted);
        }
        assert_eq!(ip_length(&packet[..39]), 0);
        assert_eq!(ip_length(&[]), 0);
    }

    #[test]
    fn a_checksum_is_written_so_that_it_is_right() {
        let mut header = [0x45u8, 0, 0, 100, 1, 2, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let check = complement(sum(&header));
        header[10..12].copy_from_slice(&check);
        assert_eq!(sum(&header) % 0xffff, 0);
    }
}
