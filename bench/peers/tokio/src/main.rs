//! Tokio and no framework, with the paths of bench/peers.py that need no body: HOST PORT THREADS. It looks for the
//! end of each head and for two things in it, the path and `Connection: close`; what else a request says goes
//! unread, so that it is no HTTP server for anybody else.
use std::{
    cell::RefCell,
    env,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const HEAD_BYTES_MAX: usize = 16384;

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
fn handle(head: &[u8], large: &[u8], out: &mut Vec<u8>) -> bool {
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
        answer(large, field, out);
    } else {
        out.extend_from_slice(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    }
    keep
}

async fn serve(mut stream: TcpStream, large: &[u8]) -> std::io::Result<()> {
    let mut input = Vec::with_capacity(HEAD_BYTES_MAX);
    let mut output = Vec::with_capacity(HEAD_BYTES_MAX);
    stream.set_nodelay(true)?;
    loop {
        if stream.read_buf(&mut input).await? == 0 || input.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        let mut from = 0;
        while let Some(end) = input[from..].windows(4).position(|at| at == b"\r\n\r\n") {
            let keep = handle(&input[from..from + end + 4], large, &mut output);
            from += end + 4;
            if !keep {
                return stream.write_all(&output).await;
            }
        }
        input.drain(..from);
        stream.write_all(&output).await?;
        output.clear();
    }
}

async fn run(host: String, port: u16) -> std::io::Result<()> {
    let large: &'static [u8] = Box::leak(vec![b'x'; 65536].into_boxed_slice());
    let listener = TcpListener::bind((host, port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, large));
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, threads] = arguments.as_slice() else {
        panic!("usage: tokio-peer HOST PORT THREADS");
    };
    let threads: usize = threads.parse().expect("a number");
    let mut runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime
        .worker_threads(threads)
        .enable_all()
        .build()?
        .block_on(run(host.clone(), port.parse().expect("a port")))
}
