//! Hyperlane, 22 and 21, with the paths of bench/peers.py, as its quick start has them: HOST PORT THREADS.
use hyperlane::*;
use std::{env, net::TcpListener};

const TEXT: &str = "text/plain; charset=utf-8";
static LARGE: [u8; 65536] = [b'x'; 65536];

async fn answer(stream: &mut Stream, ctx: &mut Context, body: Vec<u8>) -> Status {
    let data = ctx
        .get_mut_response()
        .set_status_code(200)
        .set_header(CONTENT_TYPE, TEXT)
        .set_body(body)
        .build();
    match stream.try_send(data).await {
        Ok(()) => Status::Continue,
        Err(_) => Status::Reject,
    }
}

macro_rules! route {
    ($name:ident, $ctx:ident, $body:expr) => {
        struct $name;

        impl ServerHook for $name {
            async fn new(_: &mut Stream, _: &mut Context) -> Self {
                Self
            }

            async fn handle(self, stream: &mut Stream, $ctx: &mut Context) -> Status {
                let body = $body;
                answer(stream, $ctx, body).await
            }
        }
    };
}

route!(Plaintext, ctx, b"Hello, World!".to_vec());
route!(Hello, ctx, b"Hello".to_vec());
route!(Large, ctx, LARGE.to_vec());
route!(Echo, ctx, ctx.get_request().get_body().to_vec());

async fn serve(host: String, port: u16) {
    let mut config = ServerConfig::default();
    config.set_address(Server::format_bind_address(&host, port));
    config.set_nodelay(Some(true));
    let mut server = Server::default();
    server
        .server_config(config)
        .route::<Plaintext>("/plaintext")
        .route::<Hello>("/hello")
        .route::<Large>("/large")
        .route::<Echo>("/echo");
    let control = server.run().await.expect("cannot listen");
    println!("listening {port}");
    control.wait().await;
}

/// It listens by itself and does not say where, so that the port must be known before.
fn free_port(host: &str, port: u16) -> u16 {
    let listener = TcpListener::bind((host, port)).expect("no such address");
    listener.local_addr().expect("no port").port()
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, threads] = arguments.as_slice() else {
        panic!("usage: hyperlane-peer HOST PORT THREADS");
    };
    let port = free_port(host, port.parse().expect("a port"));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.parse().expect("a number"))
        .enable_all()
        .build()
        .expect("no runtime")
        .block_on(serve(host.clone(), port));
}
