"""The HTTP peers, and ours beside them.

Every one of them answers with as little else as it can be made to

  GET  /plaintext   "Hello, World!", content-type: text/plain; charset=utf-8
  GET  /hello       "Hello", likewise
  GET  /large       65,536 bytes of "x"
  POST /echo        the body

or those of these that are in its `paths`.
"""

from harness import SERVER_CPU, Failure, Server, program
from peer import find
from peers_others import OTHER_PEERS
from peers_rust import RUST_PEERS

HTTP_PEERS = [*RUST_PEERS, *OTHER_PEERS]


def find_http_peers(names=None):
    """Those that can be had here, of all or of @names."""
    known = {peer.name: peer for peer in HTTP_PEERS}
    for name in names or []:
        if name not in known:
            raise Failure(f"there is no peer {name}; there are {', '.join(known)}")
    return find([peer for peer in HTTP_PEERS if not names or peer.name in names])


def ours(options, backend, name=None, *, cpus=(SERVER_CPU,), netns=None, host="127.0.0.1",
         threads=1):
    return Server(name or f"ouro-{backend}", [
        program(options, "bench/bench-http"), backend, f"tcp://{host}:0", str(threads)],
        cpus=cpus, netns=netns, host=host)
