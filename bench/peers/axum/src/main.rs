//! axum with the paths of bench/peers.py: HOST PORT THREADS.
use axum::{
    Router,
    body::Bytes,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use std::env;
use tokio::net::TcpListener;

const TEXT: &str = "text/plain; charset=utf-8";
static LARGE: [u8; 65536] = [b'x'; 65536];

async fn echo(body: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT)], body)
}

async fn serve(host: String, port: u16) {
    // Strings are answered as text/plain; charset=utf-8.
    let app = Router::new()
        .route("/plaintext", get(|| async { "Hello, World!" }))
        .route("/hello", get(|| async { "Hello" }))
        .route("/large", get(|| async { ([(CONTENT_TYPE, TEXT)], Bytes::from_static(&LARGE)) }))
        .route("/echo", post(echo));
    let listener = TcpListener::bind((host, port)).await.expect("cannot listen");
    println!("listening {}", listener.local_addr().expect("no port").port());
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await.expect("cannot serve");
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, threads] = arguments.as_slice() else {
        panic!("usage: axum-peer HOST PORT THREADS");
    };
    let threads: usize = threads.parse().expect("a number");
    let mut runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("no runtime")
        .block_on(serve(host.clone(), port.parse().expect("a port")));
}
