//! Tokio and no framework, with the paths of bench/peers.py that need no body: HOST PORT THREADS. It is no HTTP
//! server for anybody else: see raw.rs.
#[path = "../../raw.rs"]
mod raw;

use std::env;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut input = Vec::with_capacity(raw::HEAD_BYTES_MAX);
    let mut output = Vec::with_capacity(raw::HEAD_BYTES_MAX);
    stream.set_nodelay(true)?;
    loop {
        if stream.read_buf(&mut input).await? == 0 || input.len() > raw::HEAD_BYTES_MAX {
            return Ok(());
        }
        let (used, keep) = raw::handle_all(&input, &mut output);
        input.drain(..used);
        stream.write_all(&output).await?;
        if !keep {
            return Ok(());
        }
        output.clear();
    }
}

async fn run(host: String, port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((host, port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
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
