"""Others' servers: how one is built or installed, and started."""

import os
import shutil
import subprocess

from harness import ROOT, Failure, Server

PEERS_DIR = os.path.join(ROOT, "build", "peers")
NODE_OPTIONS = ["--max-old-space-size=2048"]
CONNECTIONS_MAX = 16384


def run_tool(*argv, cwd):
    done = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-400:]}")


def is_newer(path, sources):
    return os.path.exists(path) and all(
        os.path.getmtime(path) >= os.path.getmtime(source) for source in sources)


class Peer:
    """Another's server, whose sources are bench/peers/NAME."""

    language = ""
    version = ""            # what is pinned
    paths = frozenset()     # which of those that are measured it has
    note = ""               # what is not equal work
    pipelines = True        # whether requests may be sent before the last is answered
    shared = ()             # sources that it has of others, below bench/peers

    def __init__(self, name, tools):
        self.name, self.tools = name, tools
        self.source = os.path.join(ROOT, "bench", "peers", name)
        self.built = os.path.join(PEERS_DIR, name)

    def sources(self):
        own = [os.path.join(at, name) for at, _, names in os.walk(self.source) for name in names]
        return own + [os.path.join(os.path.dirname(self.source), name) for name in self.shared]

    def prepare(self):
        """Builds or installs it where that has not been done since its sources have changed."""
        missing = [tool for tool in self.tools if not shutil.which(tool)]
        if missing:
            raise Failure(f"there is no {missing[0]}")
        stamp = os.path.join(PEERS_DIR, f"{self.name}.stamp")
        if is_newer(stamp, self.sources()):
            return
        os.makedirs(self.built, exist_ok=True)
        self.make()
        with open(stamp, "w", encoding="ascii"):
            pass

    def make(self):
        """Builds it into self.built; a Failure says why that cannot be."""
        raise NotImplementedError

    def argv(self, *arguments):
        """The command that runs it."""
        raise NotImplementedError

    def start(self, name=None, *, threads=1, connections=CONNECTIONS_MAX, host="127.0.0.1",
              **where):
        """A server that says where it listens; its process id is whose CPU time counts. It takes
        @connections where it has to be told; else as many as there may be files."""
        return self.run(name or self.name, self.argv(host, "0", str(threads)), host=host, **where)

    run = Server


class NpmPeer(Peer):
    """Runs server.js of its sources with packages that are installed beside a copy of it."""

    def __init__(self, name, runner):
        super().__init__(name, ["npm", "node"])
        self.runner = runner

    def make(self):
        for name in os.listdir(self.source):
            shutil.copy(os.path.join(self.source, name), self.built)
        # Exactly what the lock file says, and none of the packages' own programs are run.
        run_tool("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=self.built)

    def argv(self, *arguments):
        runner = [os.path.join(self.built, self.runner[0]), *self.runner[1:]] if (
            "/" in self.runner[0]) else self.runner
        return [*runner, os.path.join(self.built, "server.js"), *arguments]


class GoPeer(Peer):
    def __init__(self, name):
        super().__init__(name, ["go"])

    def make(self):
        run_tool("go", "build", "-mod=readonly", "-o", os.path.join(self.built, "server"), ".",
                 cwd=self.source)

    def argv(self, *arguments):
        return [os.path.join(self.built, "server"), *arguments]


class CargoPeer(Peer):
    def __init__(self, name, shared=()):
        super().__init__(name, ["cargo"])
        self.shared = shared

    def make(self):
        run_tool("cargo", "build", "--quiet", "--release", "--locked", "--target-dir", self.built,
                 cwd=self.source)

    def argv(self, *arguments):
        return [os.path.join(self.built, "release", f"{self.name}-peer"), *arguments]


def find(peers):
    """Those of @peers that can be had here, built; of others, a line says why not."""
    found = []
    for peer in peers:
        try:
            peer.prepare()
            # That its program starts here is a matter of the machine, not of the measurement.
            peer.start(peer.name).stop()
            found.append(peer)
        except Failure as failure:
            print(f"skipped: {peer.name}: {failure}", flush=True)
    return found
