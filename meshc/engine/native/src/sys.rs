//! The system calls of the lanes; an error is its number.

use libc::{c_void, iovec, mmsghdr, msghdr};
use std::io::Error;

const SOL_UDP: i32 = 17;
const UDP_SEGMENT: i32 = 103;
/// More parts than that (UIO_MAXIOV is 1024) are put together first.
const MOST_PARTS: usize = 1000;
/// Messages of one recvmmsg(2).
const MOST_MESSAGES: usize = 64;

fn number() -> i32 {
    Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// read(2)
pub fn read(fd: i32, buf: &mut [u8]) -> Result<usize, i32> {
    // SAFETY: the kernel writes at most `buf.len()` octets to `buf`, which is ours to write.
    let got = unsafe { libc::read(fd, buf.as_mut_ptr().cast::<c_void>(), buf.len()) };
    usize::try_from(got).map_err(|_| number())
}

fn part(octets: &[u8]) -> iovec {
    iovec { iov_base: octets.as_ptr().cast_mut().cast::<c_void>(), iov_len: octets.len() }
}

/// writev(2) of a head and places in a buffer.
pub fn write(fd: i32, head: &[u8], buf: &[u8], parts: &[(usize, usize)]) -> Result<(), i32> {
    let mut joined = Vec::new();
    let mut vectors = Vec::with_capacity(parts.len() + 1);
    if !head.is_empty() {
        vectors.push(part(head));
    }
    if parts.len() > MOST_PARTS {
        for &(at, length) in parts {
            joined.extend_from_slice(&buf[at..at + length]);
        }
        vectors.push(part(&joined));
    } else {
        vectors.extend(parts.iter().map(|&(at, length)| part(&buf[at..at + length])));
    }
    // SAFETY: each vector is the place and length of a slice that outlives the call; the kernel
    // only reads from them.
    let done = unsafe { libc::writev(fd, vectors.as_ptr(), vectors.len() as i32) };
    if done < 0 {
        Err(number())
    } else {
        Ok(())
    }
}

/// A control message, padded as the next one wants it.
pub fn control(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    message.extend_from_slice(&(size_of::<libc::cmsghdr>() + data.len()).to_ne_bytes());
    message.extend_from_slice(&level.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(data);
    message.resize(message.len().next_multiple_of(size_of::<usize>()), 0);
    message
}

/// The control messages in a buffer: level, kind and data of each.
pub fn controls(mut buf: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    const HEAD: usize = size_of::<libc::cmsghdr>();
    std::iter::from_fn(move || {
        let length = usize::from_ne_bytes(buf.get(..size_of::<usize>())?.try_into().ok()?);
        let number = |at: usize| Some(i32::from_ne_bytes(buf.get(at..at + 4)?.try_into().ok()?));
        let (level, kind) = (number(size_of::<usize>())?, number(size_of::<usize>() + 4)?);
        let data = buf.get(HEAD..length)?;
        buf = buf.get(length.next_multiple_of(size_of::<usize>())..).unwrap_or(&[]);
        Some((level, kind, data))
    })
}

/// sendmsg(2) of one datagram, or of many of `segment` octets, to the address `name`.
pub fn send(fd: i32, data: &[u8], segment: usize, name: &[u8], source: &[u8]) -> Result<(), i32> {
    // aligned as a header of control messages has to be
    let mut room = [0u64; 16];
    let mut length = 0;
    {
        // SAFETY: eight octets of each word may be written as any octets; `room` is ours alone.
        let octets = unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast::<u8>(), 128) };
        for message in [source, &gso(segment, data.len())] {
            octets[length..length + message.len()].copy_from_slice(message);
            length += message.len();
        }
    }
    let mut vector = part(data);
    // SAFETY: a message header of zeros is a valid one: no pointer in it is followed then.
    let mut header: msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = name.as_ptr().cast_mut().cast::<c_void>();
    header.msg_namelen = name.len() as u32;
    header.msg_iov = &mut vector;
    header.msg_iovlen = 1;
    if length > 0 {
        header.msg_control = room.as_mut_ptr().cast::<c_void>();
        header.msg_controllen = length as _;
    }
    // SAFETY: name, vector, data and control messages outlive the call; the kernel only reads them.
    let done = unsafe { libc::sendmsg(fd, &header, 0) };
    if done < 0 {
        Err(number())
    } else {
        Ok(())
    }
}

/// Where recvmmsg(2) puts messages: `slot` octets apart each, with senders and control messages.
pub struct Mailbox<'a> {
    pub slot: usize,
    pub names: &'a mut [u8],
    pub controls: &'a mut [u8],
    /// Octets of each message of the last call, and of the control messages that came with it.
    pub lengths: Vec<(usize, usize)>,
}

impl<'a> Mailbox<'a> {
    pub const NAME: usize = 28;
    pub const CONTROL: usize = 96;
    const LONGEST: usize = 65_536;

    pub fn new(slot: usize, names: &'a mut [u8], controls: &'a mut [u8]) -> Self {
        controls.fill(0);
        Mailbox { slot, names, controls, lengths: Vec::with_capacity(MOST_MESSAGES) }
    }

    /// Fetch what waits on a socket: how many messages.
    pub fn receive(&mut self, fd: i32, buf: &mut [u8]) -> Result<usize, i32> {
        // the kernel leaves padding alone, and what is left of control messages is compared
        self.controls[..self.lengths.len() * Self::CONTROL].fill(0);
        self.lengths.clear();
        if self.slot < Self::LONGEST {
            return Err(libc::EINVAL);
        }
        // SAFETY: headers and vectors of zeros are valid ones: of no octets, nowhere.
        let (mut headers, mut vectors): ([mmsghdr; MOST_MESSAGES], [iovec; MOST_MESSAGES]) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let slots = buf.chunks_exact_mut(self.slot);
        let names = self.names.chunks_exact_mut(Self::NAME);
        let controls = self.controls.chunks_exact_mut(Self::CONTROL);
        let mut most = 0;
        for ((header, vector), ((slot, name), control)) in
            headers.iter_mut().zip(&mut vectors).zip(slots.zip(names).zip(controls))
        {
            vector.iov_base = slot.as_mut_ptr().cast::<c_void>();
            vector.iov_len = Self::LONGEST;
            let header = &mut header.msg_hdr;
            header.msg_name = name.as_mut_ptr().cast::<c_void>();
            header.msg_namelen = Self::NAME as u32;
            header.msg_iov = vector;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast::<c_void>();
            header.msg_controllen = Self::CONTROL as _;
            most += 1;
        }
        // SAFETY: each of the first `most` headers was just made to point to a vector, a name and
        // room for control messages of its own, as long as they say; all of them outlive the call.
        let got = unsafe {
            let flags = libc::MSG_DONTWAIT as _;
            libc::recvmmsg(fd, headers.as_mut_ptr(), most, flags, std::ptr::null_mut())
        };
        let got = usize::try_from(got).map_err(|_| number())?;
        let lengths = headers[..got].iter().map(|header| {
            let used: usize = header.msg_hdr.msg_controllen as _;
            (header.msg_len as usize, used.min(Self::CONTROL))
        });
        self.lengths.extend(lengths);
        Ok(got)
    }
}

/// epoll_wait(2), until `deadline` at the latest: descriptors and what has become of them.
pub fn wait(epoll: i32, deadline: f64, events: &mut Vec<(i32, u32)>) -> Result<(), i32> {
    const MOST: usize = 32;
    const DAY: f64 = 86_400_000.0;
    let left = ((deadline - now()) * 1000.0).ceil().max(0.0);
    let timeout = if left > DAY { -1 } else { left as i32 };
    let mut room = [libc::epoll_event { events: 0, u64: 0 }; MOST];
    // SAFETY: the kernel writes at most `MOST` events to `room`, which is ours to write.
    let got = unsafe { libc::epoll_wait(epoll, room.as_mut_ptr(), MOST as i32, timeout) };
    let got = usize::try_from(got).map_err(|_| number())?;
    events.clear();
    events.extend(room[..got].iter().map(|event| (event.u64 as i32, event.events)));
    Ok(())
}

/// Seconds of the clock that goes on while the machine sleeps.
pub fn now() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which is ours to write. It cannot fail: the clock is
    // there since Linux 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn gso(segment: usize, length: usize) -> Vec<u8> {
    if segment >= length {
        return Vec::new();
    }
    control(SOL_UDP, UDP_SEGMENT, &(segment as u16).to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_read_as_they_were_written() {
        let mut buf = control(0, 8, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        buf.extend(control(17, 104, &1392i32.to_ne_bytes()));
        let found: Vec<_> = controls(&buf).map(|(l, k, d)| (l, k, d.to_vec())).collect();
        assert_eq!(found[0], (0, 8, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
        assert_eq!(found[1], (17, 104, 1392i32.to_ne_bytes().to_vec()));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_control_message_that_lies_ends_the_list() {
        for length in [0usize, 15, 17, usize::MAX] {
            let mut buf = vec![0u8; 16];
            buf[..8].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(controls(&buf).count(), 0);
        }
        assert_eq!(controls(&[1, 2, 3]).count(), 0);
    }
}
