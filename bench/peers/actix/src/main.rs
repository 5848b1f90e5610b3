//! actix-web with the paths of bench/peers.py: HOST PORT THREADS.
use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use std::env;
use std::time::Duration;

const TEXT: &str = "text/plain; charset=utf-8";
static LARGE: [u8; 65536] = [b'x'; 65536];

async fn plaintext() -> HttpResponse {
    HttpResponse::Ok().content_type(TEXT).body("Hello, World!")
}

async fn hello() -> HttpResponse {
    HttpResponse::Ok().content_type(TEXT).body("Hello")
}

async fn large() -> HttpResponse {
    HttpResponse::Ok().content_type(TEXT).body(Bytes::from_static(&LARGE))
}

async fn echo(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(TEXT).body(body)
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, threads] = arguments.as_slice() else {
        panic!("usage: actix-peer HOST PORT THREADS");
    };
    let threads = threads.parse().expect("a number");
    let address = (host.clone(), port.parse().expect("a port"));
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(|| {
            App::new()
                .route("/plaintext", web::get().to(plaintext))
                .route("/hello", web::get().to(hello))
                .route("/large", web::get().to(large))
                .route("/echo", web::post().to(echo))
        })
        .workers(threads)
        .tcp_nodelay(true)
        .keep_alive(Duration::from_secs(60))
        .bind(address)?;
        println!("listening {}", server.addrs()[0].port());
        server.run().await
    })
}
