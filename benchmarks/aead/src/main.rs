//! CPU time of ChaCha20-Poly1305 for batches of 64 packets of 1,420 octets, best of 40.

use aws_lc_rs::aead as aws;
use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, KeyInit};
use ring::aead as ring_aead;

const PACKETS: usize = 64;
const SIZE: usize = 1420;
const TAG: usize = 16;
const REPEATS: usize = 20;

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that the kernel may write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn nonce(counter: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(counter as u64).to_le_bytes());
    nonce
}

fn measure(name: &str, mut seal: impl FnMut([u8; 12], &mut [u8]) -> [u8; TAG]) {
    let mut buffer = vec![7u8; PACKETS * (SIZE + TAG)];
    let mut best = f64::MAX;
    for _ in 0..40 {
        let start = cpu_seconds();
        for round in 0..REPEATS {
            for (i, room) in buffer.chunks_exact_mut(SIZE + TAG).enumerate() {
                let (packet, tag) = room.split_at_mut(SIZE);
                tag.copy_from_slice(&seal(nonce(round * PACKETS + i), packet));
            }
        }
        best = best.min((cpu_seconds() - start) / (PACKETS * REPEATS) as f64);
    }
    println!("{name:12} {:.2} µs a packet, {:.2} GB/s", best * 1e6, SIZE as f64 / best / 1e9);
}

fn main() {
    let key = [1u8; 32];
    let ring_key = ring_aead::LessSafeKey::new(
        ring_aead::UnboundKey::new(&ring_aead::CHACHA20_POLY1305, &key).expect("a key"),
    );
    let aws_key =
        aws::LessSafeKey::new(aws::UnboundKey::new(&aws::CHACHA20_POLY1305, &key).expect("a key"));
    let rust_crypto = ChaCha20Poly1305::new(&key.into());
    for _ in 0..3 {
        measure("ring", |nonce, packet| {
            let nonce = ring_aead::Nonce::assume_unique_for_key(nonce);
            let tag = ring_key.seal_in_place_separate_tag(nonce, ring_aead::Aad::empty(), packet);
            tag.expect("sealed").as_ref().try_into().expect("16 octets")
        });
        measure("aws-lc-rs", |nonce, packet| {
            let nonce = aws::Nonce::assume_unique_for_key(nonce);
            let tag = aws_key.seal_in_place_separate_tag(nonce, aws::Aad::empty(), packet);
            tag.expect("sealed").as_ref().try_into().expect("16 octets")
        });
        measure("RustCrypto", |nonce, packet| {
            rust_crypto.encrypt_in_place_detached(&nonce.into(), b"", packet).expect("sealed").into()
        });
    }
}
