"""What the measuring programs share: servers started and stopped, the load generator, the results'
file."""

import atexit
import ctypes
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import results
from results import ROOT

SERVER_CPU, LOAD_CPU = 0, 1
START_TIMEOUT_S = 10
LISTENING = re.compile(r"listening (?:on tcp://[0-9.]+:)?(\d+)")
CONNECTION_CACHES = ("TCP", "sock_inode", "filp", "dentry", "lsm_", "io_", "eventpoll_", "ep_head",
                     "kmalloc-")


class Failure(Exception):
    pass


# ---- Processes ----


class Server:
    """A server started on the processors @cpus, with @variables added to its environment, in the
    network namespace @netns or in ours, where it listens at @host. It ends with stop(), or with
    this program."""

    running = []

    def __init__(self, name, argv, variables=None, *, cpus=(SERVER_CPU,), netns=None,
                 host="127.0.0.1"):
        self.name = name
        self.argv = argv
        self.host = host
        # A file and not a pipe: nobody has to read it for the server to go on.
        self.output = tempfile.TemporaryFile(mode="w+")
        try:
            # ip becomes the program, so that the process id is the server's.
            self.process = subprocess.Popen(
                inside_argv(netns, argv),
                stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                env={**os.environ, **(variables or {})},
                preexec_fn=lambda: os.sched_setaffinity(0, set(cpus)))
        except OSError as error:
            raise Failure(f"{name}: {error}") from error
        Server.running.append(self)
        self.pid = self.process.pid
        self.port = self.wait_for_port()

    def pids(self):
        """All processes whose CPU time counts; .pid is the only one, or the first."""
        return [self.pid]

    def text(self):
        self.output.seek(0)
        return self.output.read()

    def wait_for_port(self):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self.process.poll() is None:
            found = LISTENING.search(self.text())
            if found:
                return int(found.group(1))
            time.sleep(0.02)
        text = self.text()
        self.stop()
        raise Failure(f"{self.name} does not say where it listens: {' '.join(self.argv)}\n{text}")

    def stop(self):
        if self in Server.running:
            Server.running.remove(self)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()

    @staticmethod
    def stop_all():
        for server in list(Server.running):
            server.stop()


# ---- A network of our own ----


class Namespaces:
    """Two network namespaces, .server and .client, with a veth pair between them, at .server_host
    and .client_host. They go with the block, however that ends. Needs root."""

    server_host, client_host = "10.213.0.1", "10.213.0.2"

    def __init__(self):
        tag = f"ouro-{os.getpid()}-{time.monotonic_ns() % 1000000}"
        self.server, self.client = f"{tag}-s", f"{tag}-c"
        self.added = []

    @staticmethod
    def why_not():
        """What stands in the way of having any; None: nothing does."""
        if os.geteuid():
            return "only root may make network namespaces"
        if not shutil.which("ip"):
            return "there is no ip (iproute2)"
        return None

    @staticmethod
    def ip(*argv):
        done = subprocess.run(["ip", *argv], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"ip {' '.join(argv)}: {done.stderr.strip()}")

    def __enter__(self):
        # Also where the program ends without coming back to the block.
        atexit.register(self.remove)
        try:
            self.make()
        except BaseException:
            self.remove()
            raise
        return self

    def make(self):
        for name in (self.server, self.client):
            self.added.append(name)
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("link", "add", "veth0", "netns", self.server, "type", "veth", "peer", "name",
                "veth0", "netns", self.client)
        for name, host in ((self.server, self.server_host), (self.client, self.client_host)):
            self.ip("-n", name, "addr", "add", f"{host}/30", "dev", "veth0")
            self.ip("-n", name, "link", "set", "veth0", "up")
        # Connections that we end leave their ports in TIME_WAIT, from where the kernel takes them
        # back early on loopback only. Both settings are the namespace's own and go with it.
        for setting in ("ipv4.tcp_tw_reuse=1", "ipv4.ip_local_port_range=1024 65535"):
            self.ip("netns", "exec", self.client, "sysctl", "-qw", f"net.{setting}")

    def remove(self):
        while self.added:
            subprocess.run(["ip", "netns", "del", self.added.pop()], capture_output=True,
                           check=False)

    def __exit__(self, *_):
        self.remove()
        atexit.unregister(self.remove)


def inside(netns, function, *arguments):
    """What @function says in the network namespace @netns, where that is not None. It runs in a
    thread of its own, since a thread is what a namespace is entered with."""
    if not netns:
        return function(*arguments)
    results, errors = [], []

    def run():
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            with open(f"/run/netns/{netns}", "rb") as file:
                if libc.setns(file.fileno(), 0):
                    raise Failure(f"{netns}: {os.strerror(ctypes.get_errno())}")
            results.append(function(*arguments))
        except Exception as error:  # pylint: disable=broad-exception-caught
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def inside_argv(netns, argv):
    return ["ip", "netns", "exec", netns, *argv] if netns else argv


def program(options, path):
    full = os.path.join(options.build, path)
    if not os.access(full, os.X_OK):
        raise Failure(f"{full} is not there; build it first (meson compile -C {options.build})")
    return full


def ouro_argv(options, backend):
    binary = options.ouro or program(options, "cli/ouro")
    return [binary, "demo", "--listen", "tcp://127.0.0.1:0", "--threads", "1",
            "--backend", backend, *options.ouro_args.split()]


def has_ouro(options):
    return bool(options.ouro) or os.access(os.path.join(options.build, "cli/ouro"), os.X_OK)


# ---- Load ----


def own_ticks(servers):
    """CPU time of the servers, in ticks, as the kernel accounts it to them."""
    total = 0
    for pid in [pid for server in servers for pid in server.pids()]:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def process_cpu_s(pid):
    """CPU time of all threads of a process; the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def at_rest(pid):
    """CPU time of a server that has nothing more to do."""
    now = process_cpu_s(pid)
    while True:
        before = now
        time.sleep(0.002)
        now = process_cpu_s(pid)
        if now == before:
            return now


def busy_ticks():
    """CPU time of everything on both processors, in ticks; without idle and stolen time."""
    total = 0
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            name, *values = line.split()
            if name in (f"cpu{SERVER_CPU}", f"cpu{LOAD_CPU}"):
                user, nice, system, _, _, irq, softirq = map(int, values[:7])
                total += user + nice + system + irq + softirq
    return total


def print_troubles(measured):
    """Says what went wrong with servers, where the load tolerates it."""
    for name, server in measured["servers"].items():
        errors = {kind: count for kind, count in server["errors"].items() if count}
        if errors:
            print(f"  note: errors of {name}: " +
                  ", ".join(f"{kind} {count}" for kind, count in errors.items()))
        if server["empty_slices"]:
            print(f"  note: {server['empty_slices']} slices of {name} brought no answer")
        if server.get("unsent"):
            print(f"  note: {name} cannot keep up: {server['unsent']} requests were never sent")


def drive(options, servers, load_options, pairs, netns=None):
    """Runs ouro-load over @servers, from the network namespace @netns: its summary and raw data,
    by kind."""
    handle, path = tempfile.mkstemp(prefix="ouro-load-", suffix=".jsonl")
    os.close(handle)
    argv = [program(options, "bench/ouro-load"), "--cycles", str(options.cycles),
            "--seed", str(options.seed), "--out", path, *load_options]
    for server in servers:
        argv += ["--server", f"{server.name}={server.host}:{server.port},"
                 f"{'+'.join(map(str, server.pids()))}"]
    for a, b in pairs:
        argv += ["--pair", f"{a}/{b}"]
    argv = inside_argv(netns, argv)
    try:
        used, own, start = busy_ticks(), own_ticks(servers), time.monotonic()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(argv, stdout=subprocess.DEVNULL, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CPU}))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise Failure(f"the load failed: {' '.join(argv)}")
        own = own_ticks(servers) - own
        used = busy_ticks() - used
        seconds = time.monotonic() - start
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    finally:
        os.unlink(path)
    load_s = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    others_s = max(0.0, (used - own) / os.sysconf("SC_CLK_TCK") - load_s)
    measured = {
        "command": argv,
        "servers": {line["server"]: line for line in lines if line["kind"] == "server"},
        "pairs": {f"{line['a']}/{line['b']}": line for line in lines if line["kind"] == "pair"},
        "setup": next(line for line in lines if line["kind"] == "setup"),
        "slices": [line for line in lines if line["kind"] == "slice"],
        "seconds": seconds,
        "others_share": others_s / seconds / 2,
    }
    print_troubles(measured)
    return measured


# ---- Results ----


def output_of(*argv):
    try:
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def compiler_of(path):
    """What a program was compiled with, as compilers leave it in there."""
    try:
        with open(path, "rb") as file:
            found = re.search(rb"GCC: \(.*?\) [0-9.]+|clang version [0-9.]+", file.read())
    except OSError:
        return ""
    return found.group().decode() if found else ""


def environment(options):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = re.findall(r"model name\s*: (.*)", file.read())
    commit = output_of("git", "rev-parse", "HEAD")
    if commit and output_of("git", "status", "--porcelain"):
        commit += " with changes"
    return {
        "machine": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "commit": commit or "none",
        "command": [os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]],
        "build": options.build,
        "compiler": compiler_of(os.path.join(options.build, "bench", "bench-http")),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def save(options, result):
    """Stores @result in the file that was asked for, or in bench/results."""
    if options.out:
        os.makedirs(os.path.dirname(os.path.abspath(options.out)), exist_ok=True)
        results.write_json(options.out, result)
        print(f"\nraw data: {os.path.relpath(options.out)}")
    else:
        folder = results.store(options.what, result)
        print(f"\nresults: {os.path.relpath(folder)}")


def print_environment(env):
    print(f"{env['machine']}, {env['processors']} processors, {env['kernel']}, "
          f"commit {env['commit'][:12] + env['commit'][40:]}")


def interval(pair):
    return f"{pair['ratio']:.3f} [{pair['low']:.3f} - {pair['high']:.3f}]"


def print_quiet(name, measured):
    """Says what makes the figures of a setting doubtful, if anything does."""
    if measured["others_share"] > 0.05:
        print(f"  note: other programs took {measured['others_share']:.0%} of the processors "
              f"during {name}")


# ---- Memory ----


def kilobytes(path, names):
    """The sum of the fields @names of a /proc file that gives them in kB."""
    total = 0
    with open(path, encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in names:
                total += int(value.split()[0])
    return total * 1024


def slab_bytes():
    """Kernel memory in the slab caches that connections live in; in all of them where the caches
    are not shown to us, which counts what other programs do, too."""
    try:
        with open("/proc/slabinfo", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError:
        return kilobytes("/proc/meminfo", {"Slab"})
    return sum(int(used) * int(size) for name, used, _, size, *_ in lines
               if name.startswith(CONNECTION_CACHES))


def read_memory(pid):
    rollup = f"/proc/{pid}/smaps_rollup"
    return {
        "rss": kilobytes(f"/proc/{pid}/status", {"VmRSS"}),
        "private": kilobytes(rollup, {"Private_Clean", "Private_Dirty"}),
        "anonymous": kilobytes(rollup, {"Anonymous"}),
        "slab": slab_bytes(),
        "kernel_stacks": kilobytes("/proc/meminfo", {"KernelStack"}),
    }
