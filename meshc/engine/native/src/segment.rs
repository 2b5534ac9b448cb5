//! Segmentation (GSO): super-packets of the TUN device become sealed datagrams of one segment
//! each, and runs of equal packets become sealed datagrams. What is sealed is written once, to
//! where it is sent from, and sealed there.

use crate::checksum::{complement, sum, word};
use crate::keys::{Misuse, Sealing, HEADER, OVERHEAD};

/// How many segments one call makes, and how much room those had that are made in Python.
const MOST_SEGMENTS: usize = 128;
const MOST_OCTETS: usize = 192 * 1024;

const TCP: u8 = 6;
const UDP: u8 = 17;
const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;
const DF: u8 = 0x40;

/// Octets to seal for a packet: a multiple of 16, never above `mtu` unless that is 0.
pub fn padded(length: usize, mtu: usize) -> usize {
    let padded = length.next_multiple_of(16);
    if mtu == 0 || padded <= mtu {
        padded
    } else {
        length.max(mtu)
    }
}

/// Where the parts of a super-packet lie.
pub struct Gso {
    pub transport: usize,
    pub header: usize,
    pub protocol: u8,
    pub mss: usize,
}

impl Gso {
    fn check(&self, packet: &[u8]) -> Result<usize, Misuse> {
        let least = self.transport + if self.protocol == TCP { 20 } else { 8 };
        let payload = packet.len().checked_sub(self.header).ok_or(Misuse::OutOfBounds)?;
        let right = matches!(self.protocol, TCP | UDP)
            && self.transport >= 20
            && self.transport % 4 == 0
            && (packet[0] >> 4 == 4 || self.transport >= 40)
            && self.header >= least
            && (1..=0xffff).contains(&self.mss)
            && payload > 0;
        right.then_some(payload).ok_or(Misuse::OutOfBounds)
    }
}

/// `number` datagrams of `size` octets, then one of `last_size` unless that is 0.
#[derive(Debug, PartialEq)]
pub struct Split {
    pub number: usize,
    pub size: usize,
    pub last_size: usize,
}

/// Segment a super-packet and seal its segments from number `first` on.
pub fn split_seal(
    key: &mut Sealing,
    packet: &[u8],
    gso: &Gso,
    mtu: usize,
    out: &mut [u8],
    first: usize,
) -> Result<Split, Misuse> {
    let payload = gso.check(packet)?;
    let number = payload.div_ceil(gso.mss);
    if first >= number {
        return Err(Misuse::OutOfBounds);
    }
    let whole = (gso.header + gso.mss).next_multiple_of(16);
    let count = MOST_SEGMENTS.min(MOST_OCTETS / whole).min(number - first);
    let full = count.min(payload / gso.mss - first.min(payload / gso.mss));
    let tail = if full < count { payload % gso.mss } else { 0 };
    let size = padded(gso.header + gso.mss, mtu) + OVERHEAD;
    let last_size = if tail > 0 { padded(gso.header + tail, mtu) + OVERHEAD } else { 0 };
    let out = out.get_mut(..full * size + last_size).ok_or(Misuse::OutOfBounds)?;
    key.check(count)?;

    let segments = Segments::new(packet, gso, number);
    let (rows, rest) = out.split_at_mut(full * size);
    for (i, datagram) in rows.chunks_exact_mut(size).enumerate() {
        segments.write(first + i, gso.mss, &mut datagram[HEADER..size - crate::keys::TAG]);
        key.seal(datagram);
    }
    if tail > 0 {
        segments.write(first + full, tail, &mut rest[HEADER..last_size - crate::keys::TAG]);
        key.seal(rest);
    }
    Ok(if full == 0 || size == last_size {
        // the last is as long as the others, or there are no others
        Split { number: full + 1, size: last_size, last_size: 0 }
    } else {
        Split { number: full, size, last_size }
    })
}

/// A super-packet's header and what its copies have in common.
struct Segments<'a> {
    packet: &'a [u8],
    gso: &'a Gso,
    number: usize,
    v4: bool,
    varies: bool,
    id: u16,
    sequence: u32,
    flags: u8,
    /// The sum of what no copy changes in its pseudo-header.
    fixed: u64,
}

impl<'a> Segments<'a> {
    fn new(packet: &'a [u8], gso: &'a Gso, number: usize) -> Self {
        let (v4, at) = (packet[0] >> 4 == 4, gso.transport);
        let is_tcp = gso.protocol == TCP;
        let addresses = if v4 { &packet[12..20] } else { &packet[8..40] };
        Segments {
            packet,
            gso,
            number,
            v4,
            // RFC 6864 4.1: an atomic datagram may have any id; with DF all share one
            varies: v4 && packet[6] & DF == 0,
            id: u16::from_be_bytes([packet[4], packet[5]]),
            sequence: u32::from_be_bytes(packet[at + 4..at + 8].try_into().expect("four octets")),
            flags: if is_tcp { packet[at + 13] } else { 0 },
            fixed: sum(addresses) + word(u16::from(gso.protocol)),
        }
    }

    /// Write segment `number`, of `size` octets of payload, and zeros behind it.
    #[inline]
    fn write(&self, number: usize, size: usize, row: &mut [u8]) {
        let (header, at) = (self.gso.header, self.gso.transport);
        let length = header + size;
        let start = header + number * self.gso.mss;
        let (packet, padding) = row.split_at_mut(length);
        packet[..header].copy_from_slice(&self.packet[..header]);
        packet[header..].copy_from_slice(&self.packet[start..start + size]);
        padding.fill(0);
        self.write_ip(packet, number);
        let transport = &mut packet[at..];
        let field = if self.gso.protocol == TCP {
            self.write_tcp(transport, number);
            16
        } else {
            transport[4..6].copy_from_slice(&((length - at) as u16).to_be_bytes());
            6
        };
        transport[field..field + 2].fill(0);
        let total = self.fixed + word((length - at) as u16) + sum(transport);
        transport[field..field + 2].copy_from_slice(&complement(total));
    }

    #[inline]
    fn write_ip(&self, packet: &mut [u8], number: usize) {
        if !self.v4 {
            let length = (packet.len() - 40) as u16;
            packet[4..6].copy_from_slice(&length.to_be_bytes());
            return;
        }
        let length = packet.len() as u16;
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        if self.varies {
            let id = self.id.wrapping_add(number as u16);
            packet[4..6].copy_from_slice(&id.to_be_bytes());
        }
        packet[10..12].fill(0);
        let check = complement(sum(&packet[..self.gso.transport]));
        packet[10..12].copy_from_slice(&check);
    }

    /// Only the last segment ends the burst, only the first tells of the reduced window
    /// (RFC 3168 6.1.2).
    #[inline]
    fn write_tcp(&self, segment: &mut [u8], number: usize) {
        let passed = (number * self.gso.mss) as u32;
        segment[4..8].copy_from_slice(&self.sequence.wrapping_add(passed).to_be_bytes());
        let mut flags = self.flags & !(FIN | PSH | CWR);
        if number == 0 {
            flags |= self.flags & CWR;
        }
        if number + 1 == self.number {
            flags |= self.flags & (FIN | PSH);
        }
        segment[13] = flags;
    }
}

/// Equal packets that lie `stride` apart, and what is left to do to them.
pub struct Equal {
    pub offset: usize,
    pub stride: usize,
    pub length: usize,
    pub count: usize,
    /// Where a checksum that is left to us begins, and how far behind that its field is.
    pub csum: Option<(usize, usize)>,
}

/// Seal equal packets; how many octets they became.
pub fn seal_run(
    key: &mut Sealing,
    buf: &[u8],
    packets: &Equal,
    mtu: usize,
    out: &mut [u8],
) -> Result<usize, Misuse> {
    let size = padded(packets.length, mtu) + OVERHEAD;
    let end = packets.count.checked_mul(size).ok_or(Misuse::OutOfBounds)?;
    let out = out.get_mut(..end).ok_or(Misuse::OutOfBounds)?;
    key.check(packets.count)?;
    if let Some((start, field)) = packets.csum {
        if start + field + 2 > packets.length {
            return Err(Misuse::OutOfBounds);
        }
    }
    let mut at = packets.offset;
    for datagram in out.chunks_exact_mut(size) {
        let packet = buf.get(at..at + packets.length).ok_or(Misuse::OutOfBounds)?;
        let row = &mut datagram[HEADER..size - crate::keys::TAG];
        row[..packets.length].copy_from_slice(packet);
        row[packets.length..].fill(0);
        if let Some((start, field)) = packets.csum {
            let check = complement(sum(&row[start..packets.length]));
            row[start + field..start + field + 2].copy_from_slice(&check);
        }
        key.seal(datagram);
        at += packets.stride;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_ends_at_the_mtu() {
        assert_eq!(padded(100, 0), 112);
        assert_eq!(padded(1412, 1420), 1420);
        assert_eq!(padded(1430, 1420), 1430);
    }

    #[test]
    fn a_contradictory_header_is_refused() {
        let mut key = Sealing::new(&[1; 32], 1);
        let mut packet = vec![0u8; 400];
        packet[0] = 0x45;
        let mut out = vec![0u8; 4000];
        for (transport, header, protocol, mss) in
            [(20, 401, TCP, 9), (18, 40, TCP, 9), (20, 30, TCP, 9), (20, 40, 1, 9), (20, 40, TCP, 0)]
        {
            let gso = Gso { transport, header, protocol, mss };
            let split = split_seal(&mut key, &packet, &gso, 0, &mut out, 0);
            assert_eq!(split, Err(Misuse::OutOfBounds));
        }
        let gso = Gso { transport: 20, header: 40, protocol: TCP, mss: 100 };
        assert_eq!(split_seal(&mut key, &packet, &gso, 0, &mut out, 4), Err(Misuse::OutOfBounds));
        assert_eq!(split_seal(&mut key, &packet, &gso, 0, &mut out[..99], 0), Err(Misuse::OutOfBounds));
        assert_eq!(key.counter, 0);
    }
}
