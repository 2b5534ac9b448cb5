//! A session's two transport keys: one that seals, with its counter, and one that opens, with its
//! window (whitepaper 5.4.6). Neither leaves this module; both are overwritten when dropped.

use crate::window::{Window, REJECT_AFTER_MESSAGES};
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, CHACHA20_POLY1305};
use std::mem::ManuallyDrop;

/// Octets of a transport data message's header, and of its tag.
pub const HEADER: usize = 16;
pub const TAG: usize = 16;
pub const OVERHEAD: usize = HEADER + TAG;

const MESSAGE_TYPE: u32 = 4;

/// What is wrong with a call; a bug of the caller's, never a peer's doing.
#[derive(Debug, PartialEq)]
pub enum Misuse {
    OutOfBounds,
    CountersRunOut,
}

/// An AEAD key in memory of its own, overwritten before that is given back.
struct Secret(Box<ManuallyDrop<LessSafeKey>>);

impl Secret {
    fn new(key: &[u8; 32]) -> Self {
        // what ring keeps has nothing to drop, so that to overwrite it is all there is to do
        const { assert!(!std::mem::needs_drop::<LessSafeKey>()) };
        let unbound = UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 octets are a key");
        Secret(Box::new(ManuallyDrop::new(LessSafeKey::new(unbound))))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrite a value that nobody will use again.
fn wipe<T>(value: &mut ManuallyDrop<T>) {
    let start = std::ptr::from_mut(value).cast::<u8>();
    for at in 0..size_of::<T>() {
        // SAFETY: `start` is valid for `size_of::<T>()` octets of which we are the only borrower;
        // what they then hold is never read as a `T`, since `ManuallyDrop` keeps it from dropping.
        // Volatile, since the compiler would leave out a store to memory that is about to be freed.
        unsafe { start.add(at).write_volatile(0) };
    }
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
}

fn nonce(counter: u64) -> Nonce {
    let mut octets = [0; 12];
    octets[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(octets)
}

/// The key of what is sent; `counter` is the next to use.
pub struct Sealing {
    key: Secret,
    pub remote_index: u32,
    pub counter: u64,
}

impl Sealing {
    pub fn new(key: &[u8; 32], remote_index: u32) -> Self {
        Sealing { key: Secret::new(key), remote_index, counter: 0 }
    }

    /// That `count` more messages may be sealed.
    pub fn check(&self, count: usize) -> Result<(), Misuse> {
        match self.counter.checked_add(count as u64) {
            Some(end) if end <= REJECT_AFTER_MESSAGES => Ok(()),
            _ => Err(Misuse::CountersRunOut),
        }
    }

    /// Make a message of `datagram`, whose packet lies behind room for the header and before room
    /// for the tag. To be called after `check`.
    #[inline]
    pub fn seal(&mut self, datagram: &mut [u8]) {
        let counter = self.counter;
        self.counter += 1;
        let (header, rest) = datagram.split_at_mut(HEADER);
        header[..4].copy_from_slice(&MESSAGE_TYPE.to_le_bytes());
        header[4..8].copy_from_slice(&self.remote_index.to_le_bytes());
        header[8..].copy_from_slice(&counter.to_le_bytes());
        let (packet, room) = rest.split_at_mut(rest.len() - TAG);
        let tag = self
            .key
            .0
            .seal_in_place_separate_tag(nonce(counter), Aad::empty(), packet)
            .expect("a packet is shorter than the limit of the AEAD");
        room.copy_from_slice(tag.as_ref());
    }
}

/// Why a message is refused.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    BadAead,
    Replayed,
}

/// The key of what is received, with the window of the counters seen.
pub struct Opening {
    key: Secret,
    window: Window,
}

impl Opening {
    pub fn new(key: &[u8; 32]) -> Self {
        Opening { key: Secret::new(key), window: Window::new() }
    }

    /// Open a message of at least 32 octets where it lies: its packet follows the header then.
    #[inline]
    pub fn open(&mut self, datagram: &mut [u8]) -> Result<(), Refusal> {
        let (header, sealed) = datagram.split_at_mut(HEADER);
        let counter = u64::from_le_bytes(header[8..].try_into().expect("eight octets"));
        self.key
            .0
            .open_in_place(nonce(counter), Aad::empty(), sealed)
            .map_err(|_| Refusal::BadAead)?;
        if self.window.accept(counter) {
            Ok(())
        } else {
            Err(Refusal::Replayed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wiped_holds_only_zeros() {
        let mut key = ManuallyDrop::new([0xabu8; 64]);
        wipe(&mut key);
        assert_eq!(*key, [0; 64]);
    }

    #[test]
    fn what_was_sealed_opens_once_and_only_unharmed() {
        let (mut ours, mut theirs) = (Sealing::new(&[7; 32], 5), Opening::new(&[7; 32]));
        let mut message = vec![0u8; OVERHEAD + 48];
        message[HEADER..HEADER + 48].copy_from_slice(&[9; 48]);
        ours.seal(&mut message);
        let mut harmed = message.clone();
        harmed[40] ^= 1;
        assert_eq!(theirs.open(&mut harmed), Err(Refusal::BadAead));
        let mut copy = message.clone();
        assert_eq!(theirs.open(&mut copy), Ok(()));
        assert_eq!(copy[HEADER..HEADER + 48], [9; 48]);
        assert_eq!(theirs.open(&mut message), Err(Refusal::Replayed));
    }

    #[test]
    fn no_counter_is_used_beyond_the_limit() {
        let mut key = Sealing::new(&[7; 32], 5);
        key.counter = REJECT_AFTER_MESSAGES - 2;
        assert_eq!(key.check(2), Ok(()));
        assert_eq!(key.check(3), Err(Misuse::CountersRunOut));
        key.counter = u64::MAX;
        assert_eq!(key.check(1), Err(Misuse::CountersRunOut));
    }
}
