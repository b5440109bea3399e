//! Where WebSocket frames begin and end (RFC 6455 §5.2): only between two of them may a Close be put.

/// The longest frame header: 2 bytes, 8 of length, 4 of mask.
const HEADER: usize = 14;

/// Follows a stream of frames without keeping it.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER],
    have: usize,
    payload: u64,
}

impl Frames {
    /// Takes note of bytes that were passed on.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let step = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= step as u64;
                bytes = &bytes[step..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if let Some(payload) = payload(&self.header[..self.have]) {
                self.payload = payload;
                self.have = 0;
            }
        }
    }

    /// Whether the last frame is complete.
    pub(super) fn at_boundary(&self) -> bool {
        self.have == 0 && self.payload == 0
    }
}

/// The payload length, once the header is complete.
fn payload(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if header.len() < 2 + extended + mask {
        return None;
    }
    let length = header[2..2 + extended].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    Some(if extended == 0 { u64::from(second & 0x7f) } else { length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut out = vec![0x82];
        match length {
            0..126 => out.push(mask | u8::try_from(length).unwrap()),
            126..65_536 => {
                out.push(mask | 0x7e);
                out.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                out.push(mask | 0x7f);
                out.extend((length as u64).to_be_bytes());
            }
        }
        out.extend(std::iter::repeat_n(0, if masked { 4 } else { 0 } + length));
        out
    }

    #[test]
    fn boundaries_are_found_at_every_cut() {
        for length in [0, 1, 125, 126, 300, 65_535, 65_536, 70_000] {
            for masked in [false, true] {
                let bytes = frame(length, masked);
                for cut in [1, 2, 3, 5, bytes.len() / 2, bytes.len() - 1] {
                    let cut = cut.min(bytes.len() - 1);
                    let mut frames = Frames::default();
                    frames.pass(&bytes[..cut]);
                    assert!(cut == 0 || !frames.at_boundary(), "{length} {masked} {cut}");
                    frames.pass(&bytes[cut..]);
                    assert!(frames.at_boundary(), "{length} {masked} {cut}");
                }
            }
        }
    }
}
