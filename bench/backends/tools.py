"""Others' tools: two load generators with an open loop, and what counts system calls."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from harness import LOAD_CPU, Failure, inside_argv
from settings import body_bytes
from tools_oha import tool_oha

SYSCALL_PREFIX, SYSCALLS_ALL = "syscalls:sys_enter_", "raw_syscalls:sys_enter"
# Each counter takes its time to be closed, so that not all there are can be had.
SYSCALLS = (
    "io_uring_enter epoll_wait epoll_pwait epoll_ctl recvfrom recvmsg read readv sendto sendmsg "
    "write writev accept4 close shutdown setsockopt mmap munmap madvise mprotect futex").split()
END_TIMEOUT_S = 60


def pinned():
    os.sched_setaffinity(0, {LOAD_CPU})


def run_tool(netns, argv):
    done = subprocess.run(inside_argv(netns, argv), capture_output=True, text=True, check=False,
                          preexec_fn=pinned)
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


# ---- Load generators ----


def url_of(server, setting):
    return f"http://{server.host}:{server.port}{setting.requests[0][1]}"


def is_post(setting):
    return setting.requests[0][0] == "post"


def described(tool):
    return f"{tool.name}: {' '.join(tool.__doc__.split())}"


def quantiles_us(times):
    """Of @times in microseconds."""
    times = sorted(times)
    if not times:
        return {"count": 0}
    at = {name: times[min(len(times) - 1, int(len(times) * share))]
          for name, share in (("p50", .5), ("p90", .9), ("p99", .99), ("p999", .999))}
    return {"count": len(times), **at, "max": times[-1]}


class H2load:
    """Counts from when a request was sent: one that had to wait for its connection looks faster
    than it was. All its connections send in the same moment, so that it times a burst."""

    name = "h2load"

    def __init__(self):
        self.path = shutil.which("h2load")
        self.why_not = None if self.path else "there is no h2load (Debian: nghttp2-client)"

    def run(self, server, setting, place, rate, seconds):
        with tempfile.TemporaryDirectory(prefix="ouro-h2load-") as directory:
            log, body = os.path.join(directory, "log"), os.path.join(directory, "body")
            argv = [self.path, "--h1", "-t", "1", "-c", str(setting.connections), "-D",
                    str(seconds), "--rps", f"{rate / setting.connections:.6f}",
                    f"--log-file={log}"]
            if is_post(setting):
                with open(body, "wb") as file:
                    file.write(body_bytes())
                argv += ["-d", body]
            output = run_tool(place.client_netns, [*argv, url_of(server, setting)])
            with open(log, encoding="ascii") as file:
                rows = [line.split("\t") for line in file]
        found = re.search(r"finished in [^,]*, ([0-9.]+) req/s", output)
        return {"times": [float(row[2]) for row in rows if row[1] == "200"],
                "errors": sum(row[1] != "200" for row in rows),
                "rate": float(found.group(1)) if found else 0}

    def summary(self, runs):
        return {**quantiles_us([time for run in runs for time in run["times"]]),
                "errors": sum(run["errors"] for run in runs),
                "rates": [run["rate"] for run in runs]}


class Oha:
    """Counts from when a request was due. Of several runs, the median of each quantile."""

    name = "oha"

    def __init__(self):
        try:
            self.path, self.why_not = tool_oha(), None
        except Failure as failure:
            self.path, self.why_not = None, str(failure)
        self.json = ["--output-format", "json"]
        if self.path:
            text = subprocess.run([self.path, "--help"], capture_output=True, text=True,
                                  check=False).stdout
            self.json = self.json if "--output-format" in text else ["--json"]

    def run(self, server, setting, place, rate, seconds):
        argv = [self.path, "--no-tui", *self.json, "--latency-correction", "-z", f"{seconds}s",
                "-c", str(setting.connections), "-q", str(max(1, round(rate)))]
        if is_post(setting):
            argv += ["-m", "POST", "-d", body_bytes().decode()]
        output = run_tool(place.client_netns, [*argv, url_of(server, setting)])
        try:
            return json.loads(output)
        except ValueError as error:
            raise Failure(f"oha: {output[:400]}") from error

    def summary(self, runs):
        """It gives quantiles alone, so that of several runs it is their median."""
        names = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9"}
        middle = len(runs) // 2
        values = {ours: sorted(run["latencyPercentiles"][its] or 0 for run in runs)[middle] * 1e6
                  for ours, its in names.items()}
        statuses = [run["statusCodeDistribution"] for run in runs]
        # Those that were in flight when the time was up are no errors.
        failed = sum(count for run in runs for kind, count in run["errorDistribution"].items()
                     if "deadline" not in kind)
        return {**values, "max": max(run["summary"]["slowest"] for run in runs) * 1e6,
                "count": sum(sum(status.values()) for status in statuses),
                "errors": failed + sum(count for status in statuses
                                       for code, count in status.items() if code != "200"),
                "rates": [run["summary"]["requestsPerSec"] for run in runs]}


# ---- System calls ----


class PerfStat:
    """Counts in the kernel, which disturbs the server little."""

    name = "perf stat"

    @contextlib.contextmanager
    def counting(self, pid, counts):
        orders, order = os.pipe()
        answer, answers = os.pipe()
        with tempfile.TemporaryDirectory(prefix="ouro-perf-") as directory:
            path = os.path.join(directory, "counts")
            events = ",".join([SYSCALLS_ALL, *(SYSCALL_PREFIX + name for name in SYSCALLS)])
            process = subprocess.Popen(
                ["perf", "stat", "-x", ",", "-o", path, "-e", events, "-p", str(pid),
                 "-D", "-1", "--control", f"fd:{orders},{answers}"], pass_fds=(orders, answers),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=pinned)
            os.close(orders)
            os.close(answers)
            try:
                os.write(order, b"enable\n")
                if not os.read(answer, 64).startswith(b"ack"):
                    raise Failure("perf stat does not count here")
                yield
                end(process)
                counts.update(self.read(path))
            finally:
                os.close(order)
                os.close(answer)
                if process.poll() is None:
                    process.kill()
                    process.wait()

    @staticmethod
    def read(path):
        counts, total = {}, 0
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                count, _, event, *rest = [*line.rstrip("\n").split(","), "", ""]
                # That of a process that did not run at all.
                if event != SYSCALLS_ALL and not event.startswith(SYSCALL_PREFIX) or (
                        count == "<not counted>"):
                    continue
                # Else it is an estimate, or none.
                if not count.isdigit() or rest[1] != "100.00":
                    raise Failure(f"perf stat: {line.strip()}")
                if event == SYSCALLS_ALL:
                    total = int(count)
                elif int(count):
                    counts[event[len(SYSCALL_PREFIX):]] = int(count)
        if total > sum(counts.values()):
            counts["others"] = total - sum(counts.values())
        return counts


class Strace:
    """Stops the server at each call, so that more comes together between two of them."""

    name = "strace -c"

    @contextlib.contextmanager
    def counting(self, pid, counts):
        with tempfile.TemporaryDirectory(prefix="ouro-strace-") as directory:
            path = os.path.join(directory, "counts")
            process = subprocess.Popen(
                ["strace", "-c", "-f", "-o", path, "-p", str(pid)], text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                preexec_fn=pinned)
            try:
                line = process.stderr.readline()
                if "attached" not in line:
                    raise Failure(f"strace: {line.strip()}")
                yield
                end(process)
                with open(path, encoding="ascii", errors="replace") as file:
                    counts.update(self.read(file.read()))
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                process.stderr.close()

    @staticmethod
    def read(text):
        rows = [line.split() for line in text.splitlines()]
        return {row[-1]: int(row[3]) for row in rows
                if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"}


def end(process):
    """Has the counter write down what it has counted."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{process.args[0]} does not end") from error


def find_counter():
    """What counts system calls here, and why not the first choice; or None."""
    why = []
    for kind in (PerfStat, Strace):
        tool = kind.name.split()[0]
        if not shutil.which(tool):
            why.append(f"there is no {tool}")
            continue
        try:
            with subprocess.Popen(["sleep", "60"]) as process:
                try:
                    with kind().counting(process.pid, {}):
                        pass
                finally:
                    process.kill()
            return kind(), why
        except (Failure, OSError) as error:
            why.append(f"{kind.name}: {error}")
    return None, why
