"""Servers that are told in a file where to listen, and do not say so; nginx's such file."""

import contextlib
import os
import pwd
import shutil
import socket
import time

from harness import START_TIMEOUT_S, Failure, Server, inside

NGINX = """
daemon off;
{user}
worker_processes {workers};
worker_rlimit_nofile {files};
pid {folder}/pid;
error_log stderr;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {settings}
    server {{
        listen {listen} backlog=4096{listen_options};
        {content}
    }}
}}
"""


def user():
    """Whose files they may read: ours."""
    return pwd.getpwuid(os.geteuid()).pw_name


def nginx_text(folder, listen, settings, content, *, workers=1, connections=4096,
               listen_options=""):
    """nginx's file, with @settings and the server's @content. What it writes goes to @folder."""
    return NGINX.format(
        user=f"user {user()};" if os.geteuid() == 0 else "", workers=workers, folder=folder,
        connections=connections, files=2 * connections, settings=settings, listen=listen,
        listen_options=listen_options, content=content)


def nginx_argv(program, folder, path):
    return [program, "-p", folder, "-e", "stderr", "-c", path]


def take_port(host):
    with socket.create_server((host, 0)) as probe:
        return probe.getsockname()[1]


def free_port(host, netns=None):
    try:
        return inside(netns, take_port, host)
    except OSError as error:
        raise Failure(f"{host}: {error}") from error


def greet(host, port):
    socket.create_connection((host, port), 1).close()


def children(pid):
    """The processes that the main thread of @pid has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Configured(Server):
    """A server that has been told @port. Where it has @workers it is their CPU time that counts,
    and its process id is the first one's. @folder, where there is one, goes with it."""

    def __init__(self, name, argv, port, *, workers=0, folder=None, netns=None,
                 host="127.0.0.1", **options):
        self.wanted_port, self.workers, self.folder, self.netns = port, workers, folder, netns
        try:
            super().__init__(name, argv, netns=netns, host=host, **options)
        except BaseException:
            self.remove_folder()
            raise

    def wait_for_port(self):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                inside(self.netns, greet, self.host, self.wanted_port)
                workers = children(self.process.pid) if self.workers else []
                if len(workers) == self.workers:
                    self.pid = workers[0] if workers else self.process.pid
                    return self.wanted_port
            time.sleep(0.02)
        text = self.text()
        self.stop()
        raise Failure(f"{self.name} does not start\n{text}")

    def pids(self):
        return children(self.process.pid) if self.workers else super().pids()

    def remove_folder(self):
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        super().stop()
        self.remove_folder()
