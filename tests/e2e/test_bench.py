"""`ouro bench`: the table, the JSON, what it refuses, and that no child of it is left, however it
ends."""

import errno
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from forbid import fail_io_uring
from http_client import TIMEOUT_S
from ouro_server import OURO, environment, eventually, main, run_ouro

TOOLS = [tool for tool in ("wrk", "h2load") if shutil.which(tool)]
SETTINGS = ["keep-alive", "pipelined", "close"]
HAS_URING = not re.match(r"uring\s+no\b", run_ouro("--features").stdout)
BACKENDS = (["uring"] if HAS_URING else []) + ["epoll"]
SHORT = ("--seconds", "1", "--rounds", "1", "--connections", "4")
ROW = re.compile(r"^(keep-alive|pipelined|close) +(uring|epoll) +(\d+) +[\d.]+% \| +([\d.]+) +"
                 r"[\d.]+ +[\d.]+ +([\d.]+) \| +(\S+) +(\S+) \| +(\d+)"
                 r"(  the client is the limit)?$", re.M)
GOOD_WRK = """     50%   40.00us
     99%   1.50ms
  20 requests in 1.00s, 1.00MB read
Requests/sec:     20.00
"""
BAD_WRK = """     50%   40.00us
     99%   1.50ms
  20 requests in 1.00s, 1.00MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 4
Requests/sec:     20.00
"""


class Running:
    """The command in a session of its own, by which its children are known."""

    def __init__(self, *arguments, env=None, prepare=None):
        self.process = subprocess.Popen(
            [OURO, "bench", *arguments], env=env or environment(), preexec_fn=prepare,
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def children(self):
        """Names of the processes in the session, without the command's own."""
        names = []
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                name, fields = path.read_text(errors="replace").split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            state, _, _, session = fields.split()[:4]
            if (int(session) == self.process.pid and state != "Z"
                    and int(path.parent.name) != self.process.pid):
                names.append(name)
        return names

    def finish(self):
        """Exit code, output and errors."""
        try:
            out, err = self.process.communicate(timeout=4 * TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, out, err


class Bench(unittest.TestCase):
    def run_bench(self, *arguments, code=0, **others):
        running = Running(*arguments, **others)
        result, out, err = running.finish()
        self.assertEqual(result, code, out + err)
        self.assertEqual(running.children(), [])
        return out, err

    def fake_wrk(self, script):
        """An environment in which wrk is @script, and there is nothing else."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = pathlib.Path(folder.name, "wrk")
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        return environment(PATH=folder.name)

    def fake_answer(self, text):
        return self.fake_wrk(f"while read -r line; do echo \"$line\"; done <<'END'\n{text}END\n")

    # ---- What it measures ----

    def test_table(self):
        if not TOOLS:
            self.skipTest("there is neither wrk nor h2load here")
        for tool in TOOLS:
            with self.subTest(tool=tool):
                out, err = self.run_bench("--tool", tool, *SHORT)
                self.assertEqual(err, "")
                rows = ROW.findall(out)
                self.assertEqual([row[:2] for row in rows],
                                 [(setting, backend) for setting in SETTINGS
                                  for backend in BACKENDS], out)
                for setting, _, rate, cpu_us, busy, low, high, errors, limit in rows:
                    self.assertGreater(int(rate), 100)
                    self.assertGreater(float(cpu_us), 0)
                    if len(os.sched_getaffinity(0)) > 1 and float(busy) != 0.9:
                        self.assertEqual(bool(limit), float(busy) < 0.9)
                    self.assertEqual(int(errors), 0)
                    self.assertEqual((low, high) == ("-", "-"),
                                     (tool, setting) == ("wrk", "pipelined"))
                self.assertEqual(len(re.findall(r"uring/epoll: requests/s \d", out)),
                                 3 if HAS_URING else 0)

    def test_json(self):
        if not TOOLS:
            self.skipTest("there is neither wrk nor h2load here")
        report = json.loads(self.run_bench("--json", "--backend=epoll", "--seconds=1", "--rounds=2",
                                           "--connections=4")[0])
        self.assertEqual([report[name] for name in ("tool", "rounds", "connections")],
                         [TOOLS[0], 2, 4])
        self.assertEqual([(result["setting"], result["backend"]) for result in report["results"]],
                         [(setting, "epoll") for setting in SETTINGS])
        for result in report["results"]:
            self.assertEqual(len(result["runs"]), 2)
            rates = sorted(run["requests_per_s"] for run in result["runs"])
            self.assertEqual([result["requests_per_s"][name] for name in ("least", "most")], rates)
            cpu = result["runs"][0]
            self.assertAlmostEqual(cpu["cpu_us_per_request"],
                                   cpu["user_us_per_request"] + cpu["system_us_per_request"])
            self.assertEqual(result["errors"], 0)
        self.assertEqual(report["uring_to_epoll"], [])
        self.assertEqual(report["not_measured"], {})

    def test_errors_are_counted(self):
        out, _ = self.run_bench("--rounds=1", "--backend=epoll", code=1,
                                env=self.fake_answer(BAD_WRK))
        self.assertEqual([row[7] for row in ROW.findall(out)], ["10"] * 3, out)
        self.assertIn("not to be trusted", out)

    def test_ring_that_is_refused(self):
        prepare = functools.partial(fail_io_uring, errno.EPERM)
        env = self.fake_answer(GOOD_WRK)
        out, err = self.run_bench("--rounds=1", env=env, prepare=prepare)
        self.assertIn("no uring", err)
        self.assertIn("io_uring is forbidden here", err)
        self.assertIn("uring was not measured", out)
        self.assertEqual([row[1] for row in ROW.findall(out)], ["epoll"] * 3, out)
        self.run_bench("--rounds=1", "--backend=uring", code=1, env=env, prepare=prepare)

    def test_too_few_cpus(self):
        threads = str(len(os.sched_getaffinity(0)))
        out, _ = self.run_bench("--rounds=1", "--backend=epoll", "--threads", threads,
                                env=self.fake_answer(GOOD_WRK))
        self.assertIn("too few CPUs", out)
        self.assertNotIn("the client is the limit", out)

    # ---- What it refuses ----

    def test_bad_options(self):
        for arguments, saying in (
                (["--backend=auto"], "it must be uring, epoll or both"),
                (["--tool", "ab"], "it must be wrk or h2load"),
                (["--seconds=0"], "from 1 to 3600"), (["--rounds=101"], "from 1 to 100"),
                (["--connections=x"], "from 1 to 100000"), (["--threads=-1"], "from 1 to 1024"),
                (["--rounds"], "a value is needed"), (["--second=1"], "unknown flag '--second=1'"),
                (["--json=1"], "unknown flag"), (["fast"], "unknown flag 'fast'")):
            with self.subTest(arguments=arguments):
                self.assertIn(saying, self.run_bench(*arguments, code=2)[1])

    def test_no_tool(self):
        for arguments in ([], ["--tool=wrk"], ["--tool=h2load"]):
            _, err = self.run_bench(*arguments, code=1, env=environment(PATH="/nonexistent"))
            self.assertIn("apt install wrk", err)
            self.assertIn("apt install nghttp2-client", err)

    def test_tool_that_fails(self):
        for script in ("echo what >&2; exit 3", "echo something else", "exec /nonexistent"):
            with self.subTest(script=script):
                _, err = self.run_bench("--backend=epoll", code=1, env=self.fake_wrk(script))
                self.assertIn("wrk failed", err)

    # ---- How it ends ----

    def interrupted(self, number):
        running = Running(env=self.fake_wrk("exec /bin/sleep 600"))
        self.addCleanup(running.process.kill)
        eventually(lambda: "sleep" in running.children(), "the tool was not started")
        self.assertEqual(len(running.children()), len(BACKENDS) + 1)
        os.kill(running.process.pid, number)
        code, _, _ = running.finish()
        self.assertEqual(code, -number)
        return running

    def test_no_child_outlives_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                self.assertEqual(self.interrupted(number).children(), [])

    def test_no_child_outlives_a_kill(self):
        running = self.interrupted(signal.SIGKILL)
        eventually(lambda: not running.children(), "a child is left")


if __name__ == "__main__":
    main()
