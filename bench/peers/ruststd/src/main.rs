//! Rust's standard library, a thread for each connection, with the paths of bench/peers.py that need no body: HOST
//! PORT THREADS, of which the last says nothing here. As the one on Tokio it looks for the end of each head, the
//! path and `Connection: close` alone.
use std::{
    cell::RefCell,
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const HEAD_BYTES_MAX: usize = 16384;
const IDLE: Duration = Duration::from_secs(60);
const STACK_BYTES: usize = 65536;
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

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut input = vec![0; HEAD_BYTES_MAX];
    let mut output = Vec::with_capacity(HEAD_BYTES_MAX);
    let mut len = 0;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    loop {
        let got = stream.read(&mut input[len..])?;
        if got == 0 {
            return Ok(());
        }
        len += got;
        let mut from = 0;
        while let Some(end) = input[from..len].windows(4).position(|at| at == b"\r\n\r\n") {
            let keep = handle(&input[from..from + end + 4], &mut output);
            from += end + 4;
            if !keep {
                return stream.write_all(&output);
            }
        }
        input.copy_within(from..len, 0);
        len -= from;
        stream.write_all(&output)?;
        output.clear();
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, _] = arguments.as_slice() else {
        panic!("usage: ruststd-peer HOST PORT THREADS");
    };
    let listener = TcpListener::bind((host.as_str(), port.parse().expect("a port")))?;
    println!("listening {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || serve(stream))?;
    }
}
