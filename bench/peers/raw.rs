// What the two servers without HTTP answer (tokio/, ruststd/): they look for the end of a head, the path and
// `Connection`, and what else a request says goes unread.
use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

pub const HEAD_BYTES_MAX: usize = 16384;
static LARGE: [u8; 65536] = [b'x'; 65536];

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what))
}

thread_local! {
    static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Adds the date, which is made anew each second.
fn add_date(out: &mut Vec<u8>) {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(made, text)| {
        if *made != second {
            *made = second;
            *text = httpdate::fmt_http_date(now);
        }
        out.extend_from_slice(text.as_bytes());
    });
}

fn answer(body: &[u8], field: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\ndate: ");
    add_date(out);
    out.extend_from_slice(b"\r\ncontent-type: text/plain; charset=utf-8\r\n");
    out.extend_from_slice(field);
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
}

/// Answers one head; whether the connection goes on.
fn handle(head: &[u8], out: &mut Vec<u8>) -> bool {
    let old = contains(head, b" HTTP/1.0\r\n");
    let keep = match old {
        true => contains(head, b"\r\nconnection: keep-alive\r\n"),
        false => !contains(head, b"\r\nconnection: close\r\n"),
    };
    // An old client must be told that it may go on, and any that it may not.
    let field: &[u8] = match (old, keep) {
        (_, false) => b"connection: close\r\n",
        (true, true) => b"connection: keep-alive\r\n",
        (false, true) => b"",
    };
    if head.starts_with(b"GET /plaintext ") {
        answer(b"Hello, World!", field, out);
    } else if head.starts_with(b"GET /hello ") {
        answer(b"Hello", field, out);
    } else if head.starts_with(b"GET /large ") {
        answer(&LARGE, field, out);
    } else {
        out.extend_from_slice(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    }
    keep
}

/// Answers all heads that end in @input: how much of it they are, and whether the connection goes on.
pub fn handle_all(input: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
    let mut from = 0;
    while let Some(end) = input[from..].windows(4).position(|at| at == b"\r\n\r\n") {
        let keep = handle(&input[from..from + end + 4], out);
        from += end + 4;
        if !keep {
            return (from, false);
        }
    }
    (from, true)
}
