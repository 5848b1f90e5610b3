"""The HTTP peers in Go, in JavaScript and in C."""

import os
import shutil
import subprocess
import tempfile

from configured import Configured, children, free_port, nginx_argv, nginx_text, user
from harness import Failure, Server, output_of
from peer import CONNECTIONS_MAX, NODE_OPTIONS, GoPeer, NpmPeer, Peer, run_tool

PAGES = frozenset(["/plaintext", "/hello", "/large"])
ALL = PAGES | {"/echo"}
IDLE_S = 60
LARGE_BYTES = 65536


def one_thread(peer, threads):
    if threads != 1:
        raise Failure(f"{peer.name} has one thread here, not {threads}")


class GoHttpPeer(GoPeer):
    language = "Go"
    paths = ALL

    def __init__(self, name, library, note):
        super().__init__(name)
        self.library, self.note = library, note

    @property
    def version(self):
        return f"{self.library}, {output_of('go', 'env', 'GOVERSION')}"


class NodePeer(NpmPeer):
    language = "JavaScript"
    paths = ALL

    def __init__(self, name, library, note):
        super().__init__(name, ["node", *NODE_OPTIONS])
        self.library, self.note = library, note

    @property
    def version(self):
        return f"{self.library}, Node {output_of('node', '--version')}"


class Cluster(Server):
    """A server whose threads, where it has more than one, are processes that it has started."""

    def pids(self):
        return [self.process.pid, *children(self.process.pid)]


class NodeHttpPeer(NodePeer):
    run = Cluster


class UwebsocketsPeer(NodePeer):
    def start(self, name=None, *, threads=1, **options):
        one_thread(self, threads)
        return super().start(name, **options)


class CPeer(Peer):
    """A program of ours on a library of Debian's."""

    language = "C"

    def __init__(self, name, package, paths):
        super().__init__(name, ["cc", "pkg-config"])
        self.package, self.paths = package, paths

    def make(self):
        flags = output_of("pkg-config", "--cflags", "--libs", self.package).split()
        if not flags:
            raise Failure(f"there is no {self.package} (Debian: {self.package}-dev)")
        run_tool("cc", "-O3", "-o", os.path.join(self.built, "server"),
                 os.path.join(self.source, "server.c"), *flags, cwd=self.source)

    def argv(self, *arguments):
        return [os.path.join(self.built, "server"), *arguments]

    @property
    def version(self):
        return f"{self.package} {output_of('pkg-config', '--modversion', self.package)}"


# ---- Servers that are configured ----


class ConfiguredPeer(Peer):
    """A server of Debian's that is not programmed but configured. It has a folder of its own, with
    the answers as files and the configuration, which is @config filled in."""

    language = "C"
    paths = PAGES
    config = ""
    version_options = ["-v"]

    def __init__(self, name, note):
        super().__init__(name, [])
        self.note = note

    @property
    def program(self):
        return shutil.which(self.name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")

    @property
    def version(self):
        """It has one line, as "nginx version: nginx/1.22.1"."""
        done = subprocess.run([self.program, *self.version_options], capture_output=True, text=True,
                              check=False)
        line = (done.stdout or done.stderr).splitlines()[0]
        return line.rpartition(" version: ")[2].replace(" version", "").partition(" (")[0]

    def prepare(self):
        if not self.program:
            raise Failure(f"there is no {self.name} (Debian: {self.name})")

    def text(self, folder, host, port, threads, connections):
        """What is in its file of configuration."""
        return self.config.format(folder=folder, host=host, port=port, threads=threads,
                                  idle=IDLE_S, user=user(), connections=connections,
                                  files=2 * connections)

    def workers(self, _threads):
        """How many processes of its own do the work; 0: itself."""
        return 0

    def command(self, folder, path):
        """The command that runs it in the foreground with the configuration at @path."""
        raise NotImplementedError

    def fill(self, folder, host, port, threads, connections):
        """The command that runs it from @folder, where all that it needs is then."""
        for name, content in (("plaintext", "Hello, World!"), ("hello", "Hello"),
                              ("large", "x" * LARGE_BYTES),
                              ("config", self.text(folder, host, port, threads, connections))):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content)
        return self.command(folder, os.path.join(folder, "config"))

    def start(self, name=None, *, threads=1, connections=CONNECTIONS_MAX, netns=None,
              host="127.0.0.1", **where):
        port = free_port(host, netns)
        folder = tempfile.mkdtemp(prefix=f"ouro-bench-{self.name}-")
        argv = self.fill(folder, host, port, threads, connections)
        return Configured(name or self.name, argv, port, workers=self.workers(threads),
                          folder=folder, netns=netns, host=host, **where)


class Nginx(ConfiguredPeer):
    settings = f"""default_type "text/plain; charset=utf-8";
    server_tokens off;
    open_file_cache max=1000 inactive=60s;
    keepalive_timeout {IDLE_S}s;"""
    content = """etag off;
        location = /plaintext {{ return 200 "Hello, World!"; }}
        location = /hello {{ return 200 "Hello"; }}
        location = /large {{ root {folder}; }}"""

    def text(self, folder, host, port, threads, connections):
        return nginx_text(folder, f"{host}:{port}", self.settings,
                          self.content.format(folder=folder), workers=threads,
                          connections=connections, listen_options=" reuseport")

    def workers(self, threads):
        return threads

    def command(self, folder, path):
        return nginx_argv(self.program, folder, path)


class H2o(ConfiguredPeer):
    version_options = ["--version"]
    config = """
user: {user}
num-threads: {threads}
max-connections: {connections}
http1-request-timeout: {idle}
send-server-name: OFF
file.etag: OFF
file.mime.setdefaulttype: "text/plain; charset=utf-8"
listen:
  host: {host}
  port: {port}
hosts:
  default:
    paths:
      /:
        file.dir: {folder}
"""

    def command(self, folder, path):
        return [self.program, "-m", "worker", "-c", path]


class Lighttpd(ConfiguredPeer):
    config = """
server.document-root = "{folder}"
server.bind = "{host}"
server.port = {port}
server.tag = ""
server.listen-backlog = 4096
server.max-fds = {files}
server.max-connections = {connections}
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = {idle}
static-file.etags = "disable"
mimetype.assign = ( "" => "text/plain; charset=utf-8" )
"""

    def command(self, folder, path):
        return [self.program, "-D", "-f", path]

    def start(self, name=None, *, threads=1, **options):
        one_thread(self, threads)
        return super().start(name, **options)


OTHER_PEERS = [
    GoHttpPeer("gin", "gin 1.12.0", "has no timeouts by itself: 60 s for a head and the next one"),
    GoHttpPeer("gostd", "net/http",
               "has no timeouts by itself: 60 s for a head and the next one"),
    GoHttpPeer("fasthttp", "fasthttp 1.78.0",
               "has no timeouts by itself: 60 s for a request and the next one"),
    NodeHttpPeer("node", "node:http",
                 "60 s for the next request, instead of its 5; says Connection and Keep-Alive"),
    UwebsocketsPeer("uwebsockets", "uWebSockets.js 20.30 (a fork's build)",
                    "names itself in a field; does not say that it closes"),
    Nginx("nginx", "the two small answers are `return`, /large is a file of open_file_cache; says "
          "Server and Connection, of /large Last-Modified and Accept-Ranges too"),
    H2o("h2o", "files; says Connection, Last-Modified and Accept-Ranges"),
    Lighttpd("lighttpd", "files; says Last-Modified and Accept-Ranges"),
    CPeer("libmicrohttpd", "libmicrohttpd", ALL),
]
