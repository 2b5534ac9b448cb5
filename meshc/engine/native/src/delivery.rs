//! Runs of messages become rows of inner packets, and rows become what is written to the TUN
//! device: lengths, source filter, merging.

use crate::coalesce::{coalesce, ip_length, source, Piece, Writes};
use crate::keys::{Misuse, Opening, Refusal, HEADER, OVERHEAD, TAG};

/// Up to so many packets are delivered as they are: what comes alone is in a hurry.
const FEW: usize = 3;

/// `number` messages of `size` octets, `stride` apart from `offset` on.
pub struct Run {
    pub offset: usize,
    pub stride: usize,
    pub size: usize,
    pub number: usize,
}

/// What became of a run; `dead` is a mask of what was not accepted, empty if all was.
pub struct Opened {
    pub bad: usize,
    pub replayed: usize,
    pub dead: Vec<u8>,
}

/// Open messages into rows from `row` on, in the order in which they came.
pub fn open_run(
    key: &mut Opening,
    scratch: &mut Vec<u8>,
    buf: &[u8],
    run: &Run,
    rows: &mut [u8],
    row: usize,
    row_stride: usize,
) -> Result<Opened, Misuse> {
    if run.size < OVERHEAD || run.size - OVERHEAD > row_stride {
        return Err(Misuse::OutOfBounds);
    }
    let padded = run.size - OVERHEAD;
    let mut opened = Opened { bad: 0, replayed: 0, dead: Vec::new() };
    for i in 0..run.number {
        let from = run.offset + i * run.stride;
        let to = (row + i) * row_stride;
        let message = buf.get(from..from + run.size).ok_or(Misuse::OutOfBounds)?;
        let target = rows.get_mut(to..to + padded).ok_or(Misuse::OutOfBounds)?;
        scratch.clear();
        scratch.extend_from_slice(message);
        let refusal = match key.open(scratch) {
            Ok(()) => {
                target.copy_from_slice(&scratch[HEADER..run.size - TAG]);
                continue;
            }
            Err(refusal) => refusal,
        };
        match refusal {
            Refusal::BadAead => opened.bad += 1,
            Refusal::Replayed => opened.replayed += 1,
        }
        opened.dead.resize(run.number.div_ceil(8), 0);
        opened.dead[i / 8] |= 1 << (i % 8);
    }
    Ok(opened)
}

/// The inner packets that may be delivered, and how many were left out.
pub struct Picked {
    pub pieces: Vec<Piece>,
    pub malformed: usize,
    pub foreign: usize,
    /// How many rows there were.
    pub rows: usize,
}

/// Cut packets to their length and ask once for each change of source whose they are.
pub fn pick<E: From<Misuse>>(
    octets: &[u8],
    stride: usize,
    blocks: &[(usize, usize, usize)],
    dead: &[u8],
    is_owner: &mut dyn FnMut(&[u8]) -> Result<bool, E>,
) -> Result<Picked, E> {
    let rows = blocks.last().map_or(0, |(row, number, _)| row + number);
    let mut picked = Picked { pieces: Vec::with_capacity(rows), malformed: 0, foreign: 0, rows };
    let mut known: Option<(&[u8], bool)> = None;
    for &(first, number, padded) in blocks {
        for row in first..first + number {
            if dead.get(row / 8).is_some_and(|mask| mask >> (row % 8) & 1 != 0) {
                continue;
            }
            let at = row * stride;
            let packet = octets.get(at..at + padded).ok_or(Misuse::OutOfBounds)?;
            let length = ip_length(packet);
            if length == 0 {
                picked.malformed += 1;
                continue;
            }
            let source = source(packet);
            let is_theirs = match known {
                Some((before, answer)) if before == source => answer,
                _ => is_owner(source)?,
            };
            known = Some((source, is_theirs));
            if is_theirs {
                picked.pieces.push(Piece { at, length, padded });
            } else {
                picked.foreign += 1;
            }
        }
    }
    Ok(picked)
}

/// What to write; `udp` says whether UDP is merged too, None that there are no virtio-net headers.
pub fn arrange(octets: &[u8], pieces: &[Piece], rows: usize, udp: Option<bool>) -> Writes {
    let mut writes = Writes::default();
    match udp {
        Some(udp) if rows > FEW => coalesce(octets, pieces, udp, &mut writes),
        _ => pieces.iter().for_each(|piece| writes.single(*piece, udp.is_some())),
    }
    writes
}
