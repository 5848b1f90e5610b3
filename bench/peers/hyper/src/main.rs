//! hyper with the paths of bench/peers.py: HOST PORT THREADS.
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::env;
use tokio::net::TcpListener;

static LARGE: [u8; 65536] = [b'x'; 65536];

fn text(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/plaintext") => text(Bytes::from_static(b"Hello, World!")),
        (&Method::GET, "/hello") => text(Bytes::from_static(b"Hello")),
        (&Method::GET, "/large") => text(Bytes::from_static(&LARGE)),
        (&Method::POST, "/echo") => text(request.into_body().collect().await?.to_bytes()),
        _ => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

async fn run(host: String, port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((host, port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // With a timer it has its limit of 30 seconds for a head.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(handle))
                .await;
        });
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, threads] = arguments.as_slice() else {
        panic!("usage: hyper-peer HOST PORT THREADS");
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
