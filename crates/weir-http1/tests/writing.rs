//! The rules for what is written, one test each.

use weir_http1::{Limits, RequestHead, write};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("these tests are in ASCII")
}

#[test]
fn lines() {
    assert_eq!(written(|out| write::request_line(out, b"GET", b"/a?b")), "GET /a?b HTTP/1.1\r\n");
    assert_eq!(written(|out| write::status_line(out, 404, b"Not Found")), "HTTP/1.1 404 Not Found\r\n");
    assert_eq!(written(|out| write::status_line(out, 200, b"")), "HTTP/1.1 200 \r\n");
    assert_eq!(written(|out| write::field(out, b"X", b"y z")), "X: y z\r\n");
    assert_eq!(written(|out| write::field_number(out, b"Age", 0)), "Age: 0\r\n");
}

#[test]
fn numbers() {
    for value in [0, 1, 9, 10, 15, 16, 99, 255, 256, 65_536, u64::MAX - 1, u64::MAX] {
        assert_eq!(written(|out| write::number(out, value)), value.to_string());
        assert_eq!(written(|out| write::chunk_header(out, value)), format!("{value:x}\r\n"));
    }
}

#[test]
fn forbidden_trailers_are_left_out() {
    let raw =
        b"Grpc-Status: 0\r\nContent-Length: 5\r\nhost: b\r\nX-Sum:  abc \r\nTransfer-Encoding: chunked\r\n\
        Authorization: x\r\nSet-Cookie: a=b\r\nX_Y: z\r\nX-Forwarded-Proto: https\r\nGrpc-Message:\r\n";
    let all = "Grpc-Status: 0\r\nX-Sum: abc\r\nGrpc-Message: \r\n";
    assert_eq!(written(|out| write::trailers(out, raw, |_| true)), all);
    assert_eq!(written(|out| write::last_chunk(out, raw)), format!("0\r\n{all}\r\n"));
    assert_eq!(written(|out| write::last_chunk(out, b"")), "0\r\n\r\n");
    let some = |name: &[u8]| name.starts_with(b"X");
    assert_eq!(written(|out| write::trailers(out, raw, some)), "X-Sum: abc\r\n");
}

#[test]
fn fields_are_copied_as_they_came_or_in_plain_form() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nConnection: close\r\nB:2\r\nC: 3 \r\nD:\t4\r\nE: 5\r\nF:\r\n\r\n";
    let mut head = RequestHead::new();
    assert!(head.parse(text, &Limits::default()).is_ok());
    let copied = "Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: \r\n";
    assert_eq!(written(|out| write::copy_fields(out, text, &head.fields)), copied);
    assert_eq!(written(|out| write::copy_fields(out, text, &[])), "");
}
