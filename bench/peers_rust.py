"""The HTTP peers in Rust."""

from peer import CargoPeer

PAGES = frozenset(["/plaintext", "/hello", "/large"])
ALL = PAGES | {"/echo"}


class RustPeer(CargoPeer):
    language = "Rust"

    def __init__(self, name, version, paths=ALL, note="", pipelines=True,
                 shared=()):
        super().__init__(name, shared)
        self.version, self.paths, self.note, self.pipelines = version, paths, note, pipelines


RUST_PEERS = [
    RustPeer("hyperlane", "hyperlane 22.1.0", note=(
        "no date; chunked bodies are not taken; one worker of a multi-threaded runtime, which it "
        "needs")),
    RustPeer("hyperlane-21", "hyperlane 21.3.6", note=(
        "no date; chunked bodies are not taken; of requests that come at once it answers the first; "
        "one worker of a multi-threaded runtime"), pipelines=False, shared=["hyperlane/src/main.rs"]),
    RustPeer("tokio", "tokio 1.54.1", PAGES, (
        "no HTTP but for the end of a head, the path and Connection; no timeouts"), shared=["raw.rs"]),
    RustPeer("hyper", "hyper 1.12.0", note="30 s for a head and no other timeout"),
    RustPeer("axum", "axum 0.8.9", note="no timeouts, of which it has none by itself"),
    RustPeer("actix", "actix-web 4.18.1", note="60 s for the next request, instead of its 5"),
    RustPeer("rocket", "rocket 0.5.2"),
    RustPeer("ruststd", "Rust's standard library", PAGES, (
        "a thread for each connection; as little HTTP as tokio"), shared=["raw.rs"]),
]
