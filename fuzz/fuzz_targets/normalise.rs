//! Laws of the canonical path: it is its own canonical form, and no backend can resolve it further.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_model::path::normalise;

fuzz_target!(|path: &[u8]| {
    let Ok(canonical) = normalise(path) else { return };
    assert_eq!(normalise(&canonical).as_deref(), Ok(&*canonical));
    assert_eq!(canonical.first(), Some(&b'/'));
    assert!(canonical.iter().all(|&byte| (b'!'..=b'~').contains(&byte) && !b"#?\\".contains(&byte)));
    check_segments(&canonical);
    check_escapes(&canonical);
    assert!(path.last() != Some(&b'/') || canonical.last() == Some(&b'/'));
});

/// No dot segments, also when parameters are cut off; no empty ones but the last.
fn check_segments(path: &[u8]) {
    let segments: Vec<&[u8]> = path[1..].split(|&byte| byte == b'/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let name = segment.split(|&byte| byte == b';').next().unwrap_or_default();
        assert!(name != b"." && name != b"..");
        assert!(!segment.is_empty() || index + 1 == segments.len());
    }
}

/// Escapes are upper-case and stand only for bytes that cannot stand for themselves.
fn check_escapes(path: &[u8]) {
    for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = str::from_utf8(&path[at + 1..at + 3]).expect("two digits follow");
        let byte = u8::from_str_radix(digits, 16).expect("they are hexadecimal");
        assert_eq!(digits, digits.to_ascii_uppercase());
        assert!(!byte.is_ascii_alphanumeric() && !b"-._~/\\\0".contains(&byte));
    }
}
