"""The HTTP peers in Go, in JavaScript and in C."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from harness import SERVER_CPU, START_TIMEOUT_S, Failure, Server, output_of
from peer import NODE_OPTIONS, GoPeer, NpmPeer, Peer, run_tool

PAGES = frozenset(["/plaintext", "/hello", "/large"])
ALL = PAGES | {"/echo"}
IDLE_S = 60
LARGE_BYTES = 65536


class GoHttpPeer(GoPeer):
    language = "Go"
    paths = ALL

    def __init__(self, name, version, note):
        super().__init__(name)
        self.version, self.note = version, note


class NodePeer(NpmPeer):
    language = "JavaScript"
    paths = ALL

    def __init__(self, name, version, note):
        super().__init__(name, ["node", *NODE_OPTIONS])
        self.version, self.note = version, note


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


class Configured(Server):
    """A server that is told a port. It is its first child whose CPU time counts where it has
    workers."""

    def __init__(self, name, argv, port, folder, has_workers, **options):
        self.wanted_port, self.folder, self.has_workers = port, folder, has_workers
        super().__init__(name, argv, **options)

    def wait_for_port(self):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                socket.create_connection((self.host, self.wanted_port), 1).close()
                if self.has_workers:
                    children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
                    with open(children, encoding="ascii") as file:
                        self.pid = int(file.read().split()[0])
                return self.wanted_port
            time.sleep(0.02)
        text = self.text()
        self.stop()
        raise Failure(f"{self.name} does not start\n{text}")

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class ConfiguredPeer(Peer):
    """A server of Debian's that is not programmed but configured. Its @config is filled in with the
    address, the number of threads, and a folder of its own that has the answers as files."""

    language = "C"
    paths = PAGES
    config = ""
    has_workers = False
    version_options = ["-v"]

    def __init__(self, name, note):
        super().__init__(name, [])
        self.note = note

    @property
    def program(self):
        return shutil.which(self.name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")

    @property
    def version(self):
        done = subprocess.run([self.program, *self.version_options], capture_output=True, text=True,
                              check=False)
        return (done.stdout or done.stderr).splitlines()[0].replace(" version", "")

    def prepare(self):
        if not self.program:
            raise Failure(f"there is no {self.name} (Debian: {self.name})")

    def argv(self, *arguments):
        return [self.program, *arguments]

    def command(self, path):
        """The command that runs it in the foreground with the configuration at @path."""
        raise NotImplementedError

    def start(self, name=None, *, cpus=(SERVER_CPU,), netns=None, host="127.0.0.1", threads=1):
        folder = tempfile.mkdtemp(prefix=f"ouro-bench-{self.name}-")
        for path, body in (("plaintext", "Hello, World!"), ("hello", "Hello"),
                           ("large", "x" * LARGE_BYTES)):
            with open(os.path.join(folder, path), "w", encoding="ascii") as file:
                file.write(body)
        with socket.create_server((host, 0)) as probe:
            port = probe.getsockname()[1]
        path = os.path.join(folder, "config")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.config.format(
                folder=folder, host=host, port=port, threads=threads, idle=IDLE_S,
                user=pwd.getpwuid(os.geteuid()).pw_name))
        return Configured(name or self.name, self.command(path), port, folder, self.has_workers,
                          cpus=cpus, netns=netns, host=host)


class Nginx(ConfiguredPeer):
    has_workers = True
    config = """
daemon off;
user {user};
worker_processes {threads};
worker_rlimit_nofile 32768;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 16384; }}
http {{
    default_type "text/plain; charset=utf-8";
    server_tokens off;
    access_log off;
    sendfile on;
    tcp_nodelay on;
    open_file_cache max=1000 inactive=60s;
    keepalive_timeout {idle}s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port} backlog=4096 reuseport;
        etag off;
        location = /plaintext {{ return 200 "Hello, World!"; }}
        location = /hello {{ return 200 "Hello"; }}
        location = /large {{ root {folder}; }}
    }}
}}
"""

    def command(self, path):
        return [self.program, "-p", os.path.dirname(path), "-e", "stderr", "-c", path]


class H2o(ConfiguredPeer):
    version_options = ["--version"]
    config = """
user: {user}
num-threads: {threads}
max-connections: 16384
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

    def command(self, path):
        return [self.program, "-m", "worker", "-c", path]


class Lighttpd(ConfiguredPeer):
    config = """
server.document-root = "{folder}"
server.bind = "{host}"
server.port = {port}
server.tag = ""
server.listen-backlog = 4096
server.max-fds = 32768
server.max-connections = 16384
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = {idle}
static-file.etags = "disable"
mimetype.assign = ( "" => "text/plain; charset=utf-8" )
"""

    def command(self, path):
        return [self.program, "-D", "-f", path]


OTHER_PEERS = [
    GoHttpPeer("gin", "gin 1.12.0", "has no timeouts by itself: 60 s for a head and the next one"),
    GoHttpPeer("gostd", "Go's net/http",
               "has no timeouts by itself: 60 s for a head and the next one"),
    GoHttpPeer("fasthttp", "fasthttp 1.78.0",
               "has no timeouts by itself: 60 s for a request and the next one"),
    NodePeer("node", "Node's http", "60 s for the next request, instead of its 5"),
    NodePeer("uwebsockets", "uWebSockets.js 20.30 (a fork's build)", "names itself in a field"),
    Nginx("nginx", "the two small answers are `return`, /large is a file"),
    H2o("h2o", "files; has Last-Modified and Accept-Ranges"),
    Lighttpd("lighttpd", "files; has Last-Modified and Accept-Ranges"),
    CPeer("libmicrohttpd", "libmicrohttpd", PAGES),
]
