//! Rust's standard library, a thread for each connection, with the paths of bench/peers.py that need no body: HOST
//! PORT THREADS, of which the last says nothing here. It is no HTTP server for anybody else: see raw.rs.
#[path = "../../raw.rs"]
mod raw;

use std::{
    env,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

const IDLE: Duration = Duration::from_secs(60);
const STACK_BYTES: usize = 65536;

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut input = vec![0; raw::HEAD_BYTES_MAX];
    let mut output = Vec::with_capacity(raw::HEAD_BYTES_MAX);
    let mut len = 0;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    loop {
        // Of a head that fills all of it there is nothing more to be had.
        let got = stream.read(&mut input[len..])?;
        if got == 0 {
            return Ok(());
        }
        let (used, keep) = raw::handle_all(&input[..len + got], &mut output);
        input.copy_within(used..len + got, 0);
        len = len + got - used;
        stream.write_all(&output)?;
        if !keep {
            return Ok(());
        }
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
