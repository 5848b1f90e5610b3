"""The HTTP peers in Rust."""

RUST_PEERS = []
