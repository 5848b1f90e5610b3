//! Rocket with the paths of bench/peers.py: HOST PORT THREADS.
use rocket::{
    Config,
    config::{Ident, LogLevel},
    data::ToByteUnit,
    fairing::AdHoc,
    get,
    http::ContentType,
    post, routes,
    shield::Shield,
};
use std::{env, net::TcpListener};

const ECHO_MEBIBYTES_MAX: u64 = 1;
static LARGE: [u8; 65536] = [b'x'; 65536];

#[get("/plaintext")]
fn plaintext() -> &'static str {
    "Hello, World!"
}

#[get("/hello")]
fn hello() -> &'static str {
    "Hello"
}

#[get("/large")]
fn large() -> (ContentType, &'static [u8]) {
    (ContentType::Plain, &LARGE)
}

#[post("/echo", data = "<body>")]
async fn echo(body: rocket::Data<'_>) -> std::io::Result<(ContentType, Vec<u8>)> {
    let body = body.open(ECHO_MEBIBYTES_MAX.mebibytes()).into_bytes().await?;
    Ok((ContentType::Plain, body.into_inner()))
}

/// It listens by itself and says where in its log alone, so that the port must be known before.
fn free_port(host: &str, port: u16) -> u16 {
    let listener = TcpListener::bind((host, port)).expect("no such address");
    listener.local_addr().expect("no port").port()
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let [_, host, port, threads] = arguments.as_slice() else {
        panic!("usage: rocket-peer HOST PORT THREADS");
    };
    let config = Config {
        address: host.parse().expect("an address"),
        port: free_port(host, port.parse().expect("a port")),
        workers: threads.parse().expect("a number"),
        log_level: LogLevel::Off,
        cli_colors: false,
        ident: Ident::none(),
        ..Config::release_default()
    };
    let port = config.port;
    let liftoff = AdHoc::on_liftoff("listening", move |_| {
        Box::pin(async move { println!("listening {port}") })
    });
    rocket::execute(async move {
        rocket::custom(config)
            .attach(Shield::new())
            .attach(liftoff)
            .mount("/", routes![plaintext, hello, large, echo])
            .launch()
            .await
    })
    .expect("cannot serve");
}
