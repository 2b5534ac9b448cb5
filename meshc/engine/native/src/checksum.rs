//! Internet checksums (RFC 1071) over buffers.
//!
//! Sums are taken over native little-endian words: by RFC 1071 (2)(B) the sum is independent of
//! byte order as long as what is written back has the same. A sum modulo 0xffff is what counts;
//! `complement` writes it the one way that the portable data path does.

/// The sum of a piece of memory, not folded; a last odd octet is followed by a zero.
#[inline]
pub fn sum(data: &[u8]) -> u64 {
    let mut lanes = [0u64; 8];
    let mut chunks = data.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(4)) {
            *lane += u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
    }
    let mut total: u64 = lanes.iter().sum();
    let mut words = chunks.remainder().chunks_exact(4);
    for word in &mut words {
        total += u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0u8; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    total + u64::from(u32::from_le_bytes(last))
}

/// What a number in network order counts in such a sum.
#[inline]
pub fn word(value: u16) -> u64 {
    u64::from(value.swap_bytes())
}

/// What is written into a checksum field, in 1..=0xffff: never 0, which UDP takes for "none".
#[inline]
pub fn complement(sum: u64) -> [u8; 2] {
    (0xffff - (sum % 0xffff) as u16).to_le_bytes()
}

/// The sum folded with end-around carry: 0 only for nothing but zeros.
#[inline]
pub fn folded(sum: u64) -> u16 {
    if sum == 0 {
        return 0;
    }
    match (sum % 0xffff) as u16 {
        0 => 0xffff,
        rest => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(data: &[u8]) -> u64 {
        let mut total = 0u64;
        for pair in data.chunks(2) {
            total += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        total % 0xffff
    }

    #[test]
    fn a_sum_is_that_of_the_words_whatever_their_number() {
        let data: Vec<u8> = (0..1500u32).map(|i| (i * 7 + i / 13) as u8).collect();
        for length in 0..data.len() {
            let wanted = (0xffff - slow(&data[..length]) as u16).to_be_bytes();
            assert_eq!(complement(sum(&data[..length])), wanted);
        }
    }

    #[test]
    fn a_word_counts_as_its_two_octets_do() {
        for value in [0u16, 1, 0x1234, 0xff00, 0xffff] {
            assert_eq!(word(value), sum(&value.to_be_bytes()));
        }
    }

    #[test]
    fn only_zeros_fold_to_zero() {
        assert_eq!(folded(0), 0);
        assert_eq!(folded(0xffff), 0xffff);
        assert_eq!(folded(0xffff * 3 + 5), 5);
    }
}
