"""The command line: what it prints, what it refuses, and with which exit code."""

import unittest

from ouro_server import LISTENING, environment, main, run_ouro


class Command(unittest.TestCase):
    def assert_refused(self, *arguments, saying, code=2, env=None):
        result = run_ouro(*arguments, env=env)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(saying, result.stderr)
        self.assertNotRegex(result.stderr, LISTENING)

    def test_version(self):
        result = run_ouro("--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^ouro \d+\.\d+\.\d+\n$")
        self.assertEqual(result.stderr, "")

    def test_help(self):
        for word in ("--help", "help"):
            result = run_ouro(word)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(result.stderr, "")
            for flag in ("listen", "backend", "threads", "head-timeout-ms", "body-timeout-ms",
                         "idle-timeout-ms", "write-timeout-ms", "drain-timeout-ms",
                         "head-bytes-max", "body-bytes-max", "target-bytes-max", "fields-max",
                         "connections-max", "paths", "no-auto-options", "fiber-stack-bytes",
                         "fibers-max", "offload-threads", "offload-queue-max", "compress",
                         "compress-bytes-min", "compress-level", "decompress",
                         "decompress-ratio-max"):
                self.assertIn(f"--{flag} ", result.stdout)

    def test_routes(self):
        result = run_ouro("routes")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [line.split() for line in result.stdout.splitlines()]
        self.assertIn(["GET", "/users/{id}"], [line[:2] for line in lines])
        self.assertIn(["POST", "/echo"], [line[:2] for line in lines])
        for line in lines:
            self.assertRegex(line[2], r"^(demo|demo_events|demo_metrics|upload|ws)\.c:\d+$")

    def test_help_of_a_command(self):
        for command in ("demo", "routes", "bench"):
            result = run_ouro(command, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertIn("usage: ouro", result.stdout)

    def test_bad_switch_and_level(self):
        self.assert_refused("demo", "--no-auto-options=0", saying="it must be true or false")
        self.assert_refused("demo", "--log-level=loud",
                            saying="it must be info, warning, error or nothing")

    def test_bad_paths(self):
        self.assert_refused("demo", "--paths=loose", saying="it must be canonical, redirect or exact")

    def test_features(self):
        result = run_ouro("--features")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr, "")
        self.assertTrue(result.stdout)
        for line in result.stdout.splitlines():
            self.assertRegex(line, r"^.+ (yes|no) +\S")

    def test_no_command(self):
        result = run_ouro()
        self.assertEqual(result.returncode, 2)
        self.assertIn("usage: ouro", result.stdout + result.stderr)

    def test_unknown_command(self):
        self.assert_refused("dmeo", saying="unknown command 'dmeo'")

    def test_unknown_flag(self):
        for flag in ("--lisen", "--listen-", "-l", "tcp://127.0.0.1:0", "--"):
            with self.subTest(flag=flag):
                self.assert_refused("demo", flag, saying=f"unknown flag '{flag}'")

    def test_flag_without_value(self):
        for flag in ("--listen", "--threads", "--backend", "--body-bytes-max"):
            with self.subTest(flag=flag):
                self.assert_refused("demo", flag, saying=f"{flag}")

    def test_bad_numbers(self):
        for value in ("", "x", "-1", "+1", "1.5", "1k", "0x10", " 1", "4294967296",
                      "99999999999999999999999"):
            with self.subTest(value=value):
                self.assert_refused("demo", "--head-bytes-max", value, saying="--head-bytes-max")
                self.assert_refused("demo", f"--idle-timeout-ms={value}",
                                    saying="--idle-timeout-ms")

    def test_numbers_out_of_range(self):
        for flag, value in (("fields-max", "129"), ("head-bytes-max", "255"),
                            ("idle-timeout-ms", "86400001"), ("recv-buffers", "32769"),
                            ("completion-entries", "15"), ("threads", "100000")):
            with self.subTest(flag=flag):
                self.assert_refused("demo", f"--{flag}", value, saying=flag.replace("-", "_"))

    def test_bad_backend(self):
        for value in ("", "io_uring", "Epoll", "select"):
            with self.subTest(value=value):
                self.assert_refused("demo", f"--backend={value}",
                                    saying="it must be auto, uring or epoll")

    def test_bad_listen(self):
        for url, saying in (("127.0.0.1:0", "use tcp://host:port, unix:/path or fd:N"),
                            ("http://127.0.0.1:0", "use tcp://host:port, unix:/path or fd:N"),
                            ("tcp://127.0.0.1", "must end in a port"),
                            ("tcp://127.0.0.1:http", "must end in a port"),
                            ("tcp://127.0.0.1:65536", "must end in a port"),
                            ("tcp://::1:0", "in brackets"),
                            ("unix:", "a socket path has 1 to"),
                            ("unix:/" + "a" * 200, "a socket path has 1 to"),
                            ("fd:x", "must be fd: and a number"),
                            ("fd:0", "is not a listening socket"),
                            ("fd:999", "is not a listening socket")):
            with self.subTest(url=url):
                self.assert_refused("demo", "--listen", url, saying=saying)

    def test_listen_where_it_cannot_be(self):
        for url, saying in (("tcp://" + "a" * 64 + ".invalid:0", "cannot find the address"),
                            ("tcp://192.0.2.1:0", "Cannot assign requested address"),
                            ("unix:/no/such/directory/socket", "No such file or directory")):
            with self.subTest(url=url):
                self.assert_refused("demo", "--listen", url, saying=saying, code=1)

    def test_bad_backend_in_the_environment(self):
        self.assert_refused("demo", "--listen", "tcp://127.0.0.1:0",
                            saying="OURO_BACKEND is 'select'; it must be auto, uring or epoll",
                            env=environment(OURO_BACKEND="select"))


if __name__ == "__main__":
    main()
