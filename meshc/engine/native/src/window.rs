//! The replay window of transport data (whitepaper 5.4.6), the ring of RFC 6479.

/// Counters behind the greatest one that are still told apart.
pub const REPLAY_WINDOW: u64 = 8192;
/// Whitepaper 6.1: no counter from here on.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

const WORDS: usize = REPLAY_WINDOW as usize / 64 + 1;

/// Which counters were seen; ask only with those of authenticated messages.
pub struct Window {
    /// One more than the greatest counter seen.
    next: u64,
    /// Bit `c % 64` of word `c / 64 % WORDS` says that counter `c` was seen.
    words: [u64; WORDS],
}

impl Window {
    pub fn new() -> Self {
        Window { next: 0, words: [0; WORDS] }
    }

    /// True once for each counter that is inside the window or ahead of it.
    pub fn accept(&mut self, counter: u64) -> bool {
        if counter >= REJECT_AFTER_MESSAGES {
            return false;
        }
        if counter >= self.next {
            // words that lie between belong to counters of long ago
            let steps = match self.next {
                0 => counter / 64 + 1,
                next => counter / 64 - (next - 1) / 64,
            };
            for step in 0..steps.min(WORDS as u64) {
                self.words[((counter / 64 - step) % WORDS as u64) as usize] = 0;
            }
            self.next = counter + 1;
        } else if self.next - counter > REPLAY_WINDOW {
            return false;
        }
        let word = &mut self.words[(counter / 64 % WORDS as u64) as usize];
        let bit = 1 << (counter % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_counter_is_accepted_once_and_none_behind_the_window() {
        let (mut window, mut seen, mut next) = (Window::new(), HashSet::new(), 0u64);
        let mut state = 88172645463325252u64;
        for _ in 0..200_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let counter = match state % 16 {
                0 => next + state / 16 % 20_000,
                1..=4 => next.saturating_sub(state / 16 % 10_000),
                _ => next + state / 16 % 3,
            };
            let wanted = counter + REPLAY_WINDOW >= next && seen.insert(counter);
            assert_eq!(window.accept(counter), wanted, "counter {counter}, next {next}");
            next = next.max(counter + 1);
        }
    }

    #[test]
    fn the_last_counters_are_refused_whenever_they_come() {
        let mut window = Window::new();
        assert!(!window.accept(u64::MAX));
        assert!(!window.accept(REJECT_AFTER_MESSAGES));
        assert!(window.accept(REJECT_AFTER_MESSAGES - 1));
        assert!(!window.accept(0));
    }
}
