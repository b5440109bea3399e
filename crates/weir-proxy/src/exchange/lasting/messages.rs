//! Where messages of gRPC begin and end: a flag, four bytes of length, and so many bytes. Only between two of
//! them may a call be ended.

/// The flag and the length.
const PREFIX: usize = 5;

/// Follows a stream of messages without keeping it.
#[derive(Debug, Default)]
pub(super) struct Messages {
    prefix: [u8; PREFIX],
    have: usize,
    payload: u64,
}

// === impl Messages ===

impl Messages {
    /// Takes note of bytes that were passed on.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let left = usize::try_from(self.payload).unwrap_or(usize::MAX);
            let step = if left > 0 { left.min(bytes.len()) } else { self.take_prefix(bytes) };
            if left > 0 {
                self.payload -= step as u64;
            }
            bytes = &bytes[step..];
        }
    }

    fn take_prefix(&mut self, bytes: &[u8]) -> usize {
        let step = (PREFIX - self.have).min(bytes.len());
        self.prefix[self.have..self.have + step].copy_from_slice(&bytes[..step]);
        self.have += step;
        if let [_, length @ ..] = self.prefix
            && self.have == PREFIX
        {
            self.payload = u32::from_be_bytes(length).into();
            self.have = 0;
        }
        step
    }

    /// Whether the last message is complete.
    pub(super) fn is_whole(&self) -> bool {
        self.have == 0 && self.payload == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_at_every_cut() {
        for length in [0_u32, 1, 255, 70_000] {
            let mut bytes = vec![0];
            bytes.extend(length.to_be_bytes());
            bytes.resize(PREFIX + length as usize, 7);
            for cut in [1, 3, 4, 5, 6, bytes.len() - 1].map(|cut| cut.min(bytes.len() - 1)) {
                let mut messages = Messages::default();
                messages.pass(&bytes[..cut]);
                assert!(!messages.is_whole(), "{length} {cut}");
                messages.pass(&bytes[cut..]);
                assert!(messages.is_whole(), "{length} {cut}");
                messages.pass(&bytes.repeat(3));
                assert!(messages.is_whole());
            }
        }
    }
}
