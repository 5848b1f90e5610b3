"""What the runs of WebSockets and of event streams share: peers, connections that are held, how the
figures are shown.

Every peer is a server of one thread in bench/peers/NAME, which says "listening PORT" and has

  GET  /ws/echo            a WebSocket whose messages come back
  GET  /ws/chat?room=R     a WebSocket that gets what is published to R, and publishes what it sends
  GET  /sse/topic/R        an event stream that gets what is published to R
  POST /publish/R          publishes the body to R

or the first of these alone. Messages of up to 1 MiB are taken and nothing is compressed. The servers
in JavaScript notice clients that have gone without a word, as ouro does; the two others do not.
"""

import argparse
import atexit
import contextlib
import http.client
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

from harness import (
    LOAD_CPU, ROOT, SERVER_CPU, Failure, Server, at_rest, environment, interval,
    output_of, print_environment, program, read_memory)
from peer import NODE_OPTIONS, CargoPeer, GoPeer, NpmPeer, find

CONTROL = ("ouro-uring-again", "ouro-uring")


# ---- Peers ----


# Their names, and whether they have rooms or echoes alone.
WITH_ROOMS = {"node-ws", "uwebsockets", "bun"}
PEERS = [
    NpmPeer("node-ws", ["node", *NODE_OPTIONS]),
    NpmPeer("uwebsockets", ["node", *NODE_OPTIONS]),
    NpmPeer("bun", ["node_modules/@oven/bun-linux-x64/bin/bun"]),
    GoPeer("gws"),
    CargoPeer("tungstenite"),
]


def find_peers(options, rooms):
    """Those that can be had here; with @rooms, of those that have them."""
    return find([peer for peer in PEERS if (peer.name in WITH_ROOMS or not rooms) and (
        not options.peers or peer.name in options.peers)])


def versions(peers):
    tools = {"npm": ("node", "--version"), "go": ("go", "version"),
             "cargo": ("cargo", "--version")}
    return {tool: output_of(*tools[tool]) for tool in sorted({peer.tools[0] for peer in peers})}


# ---- Servers ----


def ours(options, name, backend, variables=None):
    """The server of bench/ws/server.c, which has the paths of the peers."""
    return Server(name, [program(options, "bench/bench-ws"), backend], variables)


def start_all(options, peers, servers):
    """Fills @servers: ours on both backends, one of them twice, and the peers. The pairs that are
    compared, of which the last is the control."""
    for backend in ("uring", "epoll"):
        servers.append(ours(options, f"ouro-{backend}", backend))
    servers.append(ours(options, CONTROL[0], "uring"))
    servers.extend(peer.start(peer.name) for peer in peers)
    pairs = [(f"ouro-{backend}", peer.name) for peer in peers for backend in ("uring", "epoll")]
    return [*pairs, ("ouro-uring", "ouro-epoll"), CONTROL]


def starters(options, peers):
    """For what is done with one server after the other: names, and what starts each."""
    return [(f"ouro-{backend}", lambda name, backend=backend: ours(options, name, backend))
            for backend in ("uring", "epoll")] + [(peer.name, peer.start) for peer in peers]


@contextlib.contextmanager
def stopping(servers):
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()


# ---- Connections that are held ----


class Hold:
    """ouro-hold with connections to @server: WebSockets ("ws"), each of which says @message where
    there is one, or event streams ("events")."""

    def __init__(self, options, server, kind, path, *message):
        self.process = subprocess.Popen(
            [program(options, "bench/ouro-hold"), f"127.0.0.1:{server.port}", kind, path, *message],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CPU}))

    def fail(self):
        """Says what ouro-hold has said, which ends then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self.process.kill()
        raise Failure(self.process.stderr.read().strip() or "connections could not be held")

    def ask(self, count):
        try:
            self.process.stdin.write(f"{count}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail()
        answer = self.process.stdout.readline().split()
        if len(answer) != 4 or answer[0] != str(count):
            self.fail()
        return int(answer[2])

    def open(self, count):
        """Brings them to @count."""
        self.ask(count)
        self.count = count

    def events(self):
        """How many events all of them together have had."""
        return self.ask(self.count)

    def wait_for_events(self, wanted):
        end = time.monotonic() + 60
        while (seen := self.events()) < wanted:
            if time.monotonic() > end:
                raise Failure(f"{seen} of {wanted} events came")
            time.sleep(0.005)
        if seen > wanted:
            raise Failure(f"{seen} events came, and not {wanted}")

    def close(self):
        """Fails if a connection has not stayed open."""
        self.process.stdin.close()
        if self.process.wait():
            self.fail()
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
            return
        self.process.kill()
        self.process.wait()


class Publisher:
    """Publishes to the topic @name of @server."""

    def __init__(self, server, name):
        self.path = f"/publish/{name}"
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def publish(self, text):
        self.connection.request("POST", self.path, text, {"Content-Type": "text/plain"})
        answer = self.connection.getresponse()
        answer.read()
        # Some servers close a connection after few seconds without a request; the next opens another.
        self.connection.close()
        if answer.status != 200:
            raise Failure(f"publishing was answered {answer.status}")

    def close(self):
        self.connection.close()


# ---- Memory ----


def slope(points, key):
    """Bytes of each connection but the first ones: least squares."""
    count = [point["connections"] for point in points]
    return statistics.linear_regression(count, [point[key] for point in points]).slope


def measure_memory(server, hold, counts, settle_s, touch):
    """Memory of @server with so many connections of @hold each, after touch(count) has seen to it
    that each has had something to do."""
    points = []
    for count in counts:
        hold.open(count)
        touch(count)
        at_rest(server.pid)
        time.sleep(settle_s)
        points.append({"connections": count, **read_memory(server.pid)})
    return points


def print_memory(name, points, bound=None):
    """Returns whether @bound, in bytes of each connection, was kept."""
    user = slope(points, "private")
    line = f"  {name:24} {user:10.0f} bytes private, {slope(points, 'rss'):.0f} RSS"
    if bound is not None:
        line += f"  <= {bound}  {'reached' if user <= bound else 'NOT reached'}"
    print(line)
    return bound is None or user <= bound


# ---- Figures ----


def print_servers(measured, unit):
    for name, server in measured["servers"].items():
        times = server["message_us"]
        print(f"  {name:24} {server['cpu_us']:9.3f} us CPU/{unit}  whole run: user "
              f"{server['user_us']:.3f} system {server['system_us']:.3f}  "
              f"{server['rate']:10.0f}/s  busy {server['busy']:4.2f}  "
              f"p50 {times['p50']:.0f} p99 {times['p99']:.0f} p99.9 {times['p999']:.0f} us")


def is_ours(name):
    return name.startswith("ouro")


def print_pairs(measured, pairs):
    """Shows the ratios. Returns the verdicts: ours by a peer's -> whether ours is less."""
    verdicts = {}
    for a, b in pairs:
        pair = measured["pairs"][f"{a}/{b}"]
        line = f"  {a + ' / ' + b:40} CPU {interval(pair)}"
        if is_ours(a) and not is_ours(b):
            reached = pair["ratio"] < 1
            verdicts[f"{a}/{b}"] = reached
            line += f"  < 1  {'reached' if reached else 'NOT reached'}"
        if "all_ratio" in pair:
            line += (f"  until all have it {pair['all_ratio']:.3f} "
                     f"[{pair['all_low']:.3f} - {pair['all_high']:.3f}]")
        if (a, b) == CONTROL:
            line += "  control"
        print(line)
    return verdicts


# ---- Command line ----


def parse_options(what, doc, parts, add_arguments=None):
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of the above (all)")
    parser.add_argument("--cycles", type=int, help="rounds (20)")
    parser.add_argument("--quick", action="store_true",
                        help="3 rounds, 1,000 connections for 10,000: does it work?")
    parser.add_argument("--peers", type=lambda text: text.split(","), metavar="NAME,..",
                        help=f"of {', '.join(peer.name for peer in PEERS)} (all)")
    parser.add_argument("--only", metavar="TEXT", help="settings whose name contains it")
    parser.add_argument("--seed", type=int, default=1, help="of the order within the rounds")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="the build directory (build/release)")
    parser.add_argument("--out", help="the result file (bench/results/DATE-COMMIT/..)")
    parser.add_argument("--strict", action="store_true", help="fail if a bound is not reached")
    if add_arguments:
        add_arguments(parser)
    options = parser.parse_args()
    options.what = what
    options.parts = options.parts or parts
    if not set(options.parts) <= set(parts):
        parser.error(f"the parts are: {', '.join(parts)}")
    options.cycles = options.cycles or (3 if options.quick else 20)
    return options


def raise_limit(wanted):
    """How many files one process may have open; servers and load get it from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        # Only root may go further.
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
        except (ValueError, OSError) as error:
            raise Failure(f"{wanted} open files are needed (ulimit -n), {hard} allowed") from error
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def begin(options, peers, files):
    """Pins, raises limits, and says where all of it runs. The environment of the results."""
    atexit.register(Server.stop_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not {SERVER_CPU, LOAD_CPU} <= os.sched_getaffinity(0):
        raise Failure("two processors are needed: one for the servers, one for the load")
    raise_limit(files)
    os.sched_setaffinity(0, {LOAD_CPU})
    env = environment(options)
    env["tools"] = versions(peers)
    env["peers"] = [peer.name for peer in peers]
    print_environment(env)
    tools = "; ".join(f"{tool}: {version}" for tool, version in env["tools"].items())
    print(f"peers: {', '.join(env['peers']) or 'none'}; {tools or 'no tools'}; "
          f"load average {os.getloadavg()[0]:.1f}")
    return env


def finish(options, reached):
    print(f"\n{sum(reached)} of {len(reached)} bounds reached")
    return 1 if options.strict and not all(reached) else 0


def run_main(name, main):
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(1)
