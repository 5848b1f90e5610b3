"""What bench/publish writes, notices and complains of; and that the figures of docs/benchmarks.md
are those of the files that it names."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = "bench/results/2026-11-26-0123456789ab"
ENVIRONMENT = {"machine": "a machine", "processors": 2, "kernel": "Linux 6.18.44-of-ours",
               "commit": "0123456789abcdef", "command": ["bench/against/run", "--part", "cpu"]}


def marker(table, path):
    return f"<!-- {table}: {path} -->"


def server(cpu_us, rate=1000.0, errors=0):
    return {"cpu_us": cpu_us, "rate": rate, "errors": {"reset": errors}}


def peers_json(ratios=(0.5, 0.754), errors=0):
    """One setting with ours, a floor and a peer."""
    pairs = {"ouro-uring/nginx": ratios[0], "ouro-epoll/nginx": ratios[1],
             "ouro-uring/floor-uring": 1.2, "ouro-epoll/ouro-uring": 1.1,
             "ouro-uring-again/ouro-uring": 1.04}
    measured = {
        "servers": {"ouro-uring": server(4.126), "ouro-epoll": server(40.04),
                    "ouro-uring-again": server(4.1), "floor-uring": server(0.4126),
                    "nginx": server(8, errors=errors)},
        "pairs": {pair: {"ratio": value, "low": value, "high": value}
                  for pair, value in pairs.items()},
        "others_share": 0.01,
    }
    return {"environment": ENVIRONMENT, "parts": {"cpu": {"keep 64": measured}}}


class Publish(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)
        self.document = self.root / "docs" / "benchmarks.md"
        self.document.parent.mkdir()

    def store(self, path, data):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data), encoding="utf-8")

    def write(self, *lines):
        self.document.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write_part(self, table, path, *lines):
        self.write("before", marker(table, path), *lines, "<!-- end -->", "after")

    def publish(self, *arguments):
        """Exit status, and what it says."""
        done = subprocess.run(
            [sys.executable, ROOT / "bench" / "publish", "--root", self.root, *arguments],
            capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def lines_of(self, table, data, path=f"{FOLDER}/peers.json"):
        """What is written for @data, which must leave what is around it as it was."""
        self.store(path, data)
        self.write_part(table, path, "what was there")
        status, said = self.publish()
        self.assertEqual(status, 0, said)
        lines = self.document.read_text(encoding="utf-8").splitlines()
        self.assertEqual((lines[:2], lines[-2:]),
                         (["before", marker(table, path)], ["<!-- end -->", "after"]))
        return lines[2:-2]

    def complaint(self, *arguments):
        """What it says as it fails, which leaves the document as it was."""
        before = self.document.read_bytes()
        status, said = self.publish(*arguments)
        self.assertEqual(status, 1, said)
        self.assertEqual(self.document.read_bytes(), before)
        return said

    # ---- Tables ----

    def test_ratios_are_those_of_the_file_and_bold_where_more(self):
        self.assertEqual(self.lines_of("peers cpu ratios", peers_json((0.5, 1.006))), [
            "| by | keep 64 |", "| --- | --- |", "| floor-uring | **1.20** |",
            "| nginx | 0.50 / **1.01** |", "| control | 1.04 |", "| epoll by io_uring | 1.10 |"])

    def test_microseconds_have_three_digits(self):
        self.assertEqual(self.lines_of("peers cpu microseconds", peers_json()), [
            "| server | keep 64 |", "| --- | --- |", "| ouro-uring | 4.13 |",
            "| ouro-epoll | 40.0 |", "| floor-uring | 0.413 |", "| nginx | 8.00 |"])

    def test_errors_are_said_below_the_table(self):
        lines = self.lines_of("peers cpu ratios", peers_json(errors=1234))
        self.assertEqual(lines[-2:], ["", "Errors: nginx 1,234 (keep 64)."])

    def test_the_source_has_the_commit_the_command_and_a_link(self):
        lines = self.lines_of("peers source", peers_json())
        self.assertEqual(" ".join(lines), (
            "Measured at 0123456, 2 processors (a machine), Linux 6.18: `bench/against/run --part "
            f"cpu`; raw data in [peers.json](../{FOLDER}/peers.json)."))

    def test_what_others_took_is_said(self):
        data = peers_json()
        data["parts"]["cpu"]["keep 64"]["others_share"] = 0.25
        self.assertIn("Other programs took more than 5% of the processors in 1 of 1 settings, at "
                      "the most 25% (parts, cpu, keep 64).",
                      " ".join(self.lines_of("peers source", data)))

    def test_charts_are_those_beside_the_file(self):
        self.store(f"{FOLDER}/peers-cpu.svg", "")
        self.assertEqual(self.lines_of("peers charts cpu", peers_json()),
                         [f"![CPU for each request](../{FOLDER}/peers-cpu.svg)"])

    def test_latency_is_shown_beside_each_peer_with_who_was_too_slow(self):
        times = {"slice_p50": 20.04, "slice_p99": 1500.4, "slice_p999": None, "rate_wanted": 1000}
        pair = {"p99_ratio": 0.9, "p999_ratio": 1.1}
        names = ("ouro-uring", "ouro-epoll", "ouro-uring-again", "nginx")
        servers = {name: {**server(5, rate=1000), **times} for name in names}
        servers["nginx"]["rate"] = 900
        pairs = {name: pair for name in ("ouro-uring/nginx", "ouro-epoll/nginx",
                                         "ouro-uring-again/ouro-uring")}
        at = {"0.5": {"servers": servers, "pairs": pairs}}
        lines = self.lines_of("peers latency", {
            "environment": ENVIRONMENT, "parts": {"latency": {"nginx": {"peak": 1, "at": at}}}})
        self.assertEqual(lines[2:], [
            "| nginx | 50%, 1,000/s | 20.0 / 1,500 / - | 20.0 / 1,500 / - | 20.0 / 1,500 / - | "
            "0.90 / 1.10 | 0.90 / 1.10 | 0.90 / 1.10 |", "",
            "Not as many requests a second as were wanted: nginx 900 (beside nginx, 50%)."])

    def test_verdicts_say_what_was_not_reached(self):
        data = peers_json()
        data["parts"]["cpu"]["keep 64"]["verdicts"] = [
            {"what": "a", "value": 0.7601, "bound": 0.75, "most": True, "reached": False},
            {"what": "b", "value": 6, "bound": 5, "most": False, "reached": True}]
        self.assertEqual(self.lines_of("peers verdicts cpu", data)[2:], [
            "| a | 0.760 | <= 0.75 | **no** |", "| b | 6.000 | >= 5 | yes |", "",
            "Bounds reached: 1 of 2."])

    def test_backends_are_shown_by_place(self):
        cpu = peers_json()["parts"]["cpu"]
        cpu["keep 64"]["verdicts"] = {
            "ouro-uring/floor-uring": {"ratio": 1.2, "bound": 1.1, "reached": False}}
        data = {"environment": ENVIRONMENT, "parts": {"cpu": {}, "veth": {"cpu": cpu}}}
        path = f"{FOLDER}/backends.json"
        self.assertEqual(self.lines_of("backends cpu ratios veth", data, path)[2:], [
            "| keep 64 | 1.200 [1.200 - 1.200] |  | 1.100 [1.100 - 1.100] |  | "
            "1.040 [1.040 - 1.040] |"])
        self.assertEqual(self.lines_of("backends verdicts", data, path)[2:3], [
            "| veth, cpu, keep 64: ouro-uring/floor-uring | 1.200 | <= 1.1 | **no** |"])
        self.write_part("backends cpu ratios", path)
        self.assertIn("nothing in its parts/cpu", self.complaint())

    def test_system_calls_and_copies_are_of_one_request(self):
        data = {"environment": ENVIRONMENT, "parts": {
            "syscalls": {"keep 64": {"ouro-uring": {
                "requests": 1000, "counts": {"recvfrom": 1, "io_uring_enter": 250}}}},
            "copies": {"keep 64": {name: {"requests": 10, "bytes": {
                "bytes_copied": 5, "bytes_rendered": 1300, "bytes_zero_copy": 0}}
                                   for name in ("ouro-uring", "ouro-epoll")}}}}
        path = f"{FOLDER}/backends.json"
        self.assertEqual(self.lines_of("backends syscalls", data, path)[2:],
                         ["| keep 64 | 0.251 (io_uring_enter 0.25) |  |  |  |"])
        self.assertEqual(self.lines_of("backends copies", data, path)[2:],
                         ["| keep 64 | 0.5 / 130.0 / 0.0 | 0.5 / 130.0 / 0.0 |"])

    def test_published_rates_stand_beside_ours(self):
        def row(rate, failed=0):
            return {"wrk": {"wanted": 2, "rate": rate, "rates": [rate], "cpu_us": 5.5,
                            "failed": failed}}

        data = {"environment": ENVIRONMENT, "rows": {"ouro": row(2000.4), "node": row(500, 7)},
                "published": {"node": [1000], "gin": [3000]}}
        self.assertEqual(self.lines_of("table rates", data, f"{FOLDER}/table.json")[2:], [
            "| ouro | 2,000 | - |", "| node | 500 | 1,000 |", "| gin | - | 3,000 |", "",
            "Rounds that failed: ouro 1 of 2 (wrk); node 1 of 2 (wrk).", "",
            "Failures by the tools' account: node 7 (wrk)."])

    def test_ratios_of_rates_stand_beside_the_published_ones(self):
        def row(rate):
            return {"wrk": {"wanted": 1, "rate": rate, "rates": [rate], "failed": 0}}

        data = {"environment": ENVIRONMENT, "published": {"node": [100], "hyperlane": [400]},
                "rows": {"ouro-uring": row(300), "ouro-epoll": row(200), "node": row(200)}}
        self.assertEqual(self.lines_of("table ratios", data, f"{FOLDER}/table.json")[2:],
                         ["| node | 1.50 / 1.00 | 0.25 |"])

    def test_rates_come_in_order(self):
        data = peers_json()
        for name, one in data["parts"]["cpu"]["keep 64"]["servers"].items():
            one.update(rate=len(name) * 1000, response_bytes=130)
        self.assertEqual(self.lines_of("peers rates keep 64", data)[2:5], [
            "| floor-uring | 11,000 | 130 |", "| ouro-uring | 10,000 | 130 |",
            "| ouro-epoll | 10,000 | 130 |"])

    def test_micro_takes_medians_and_the_fastest_peer(self):
        runs = {"ouro": [{"a": 10, "b": 300}, {"a": 20, "b": 300}, {"a": 12, "b": 300}],
                "again": [{"a": 12}], "slow": [{"a": 48}], "fast": [{"a": 24}]}
        data = {"environment": ENVIRONMENT, "units": {"router": {"runs": runs}}}
        self.assertEqual(self.lines_of("micro router", data, f"{FOLDER}/micro.json"), [
            "|  | ouro | the same again | slow | fast | ouro/fastest peer |",
            "| --- | --- | --- | --- | --- | --- |",
            "| a | 12.0 (10.0 - 20.0) | 12.0 (12.0 - 12.0) | 48.0 (48.0 - 48.0) | "
            "24.0 (24.0 - 24.0) | 0.50 |", "| b | 300 (300 - 300) |  |  |  |  |"])

    def test_memory_is_of_one_connection(self):
        one = {"user_per_connection": {"private": 101.6, "anonymous": 99, "rss": 98},
               "kernel_per_connection": 4480.2,
               "points": [{"connections": 0, "private": 9}, {"connections": 10, "private": 5000}]}
        data = {"environment": ENVIRONMENT, "servers": {"ouro": one}, "failures": {"gin": "why"}}
        self.assertEqual(self.lines_of("memory", data, f"{FOLDER}/memory.json")[2:], [
            "| ouro | 102 | 99 | 98 | 4,480 | 500 | 10 |", "", "Not measured: gin (why)."])

    # ---- --check ----

    def test_check_passes_what_was_written(self):
        self.lines_of("peers cpu ratios", peers_json())
        self.assertEqual(self.publish("--check"), (0, ""))

    def test_check_notices_a_changed_figure_and_writes_nothing(self):
        self.lines_of("peers cpu ratios", peers_json())
        text = self.document.read_text(encoding="utf-8")
        self.document.write_text(text.replace("0.50 / 0.75", "0.50 / 0.74"), encoding="utf-8")
        said = self.complaint("--check")
        for part in ("docs/benchmarks.md:2", "peers cpu ratios", "-| nginx | 0.50 / 0.74 |",
                     "+| nginx | 0.50 / 0.75 |"):
            self.assertIn(part, said)

    # ---- Other folders ----

    def test_a_folder_gives_the_newest_run_that_has_the_table(self):
        self.lines_of("peers cpu ratios", peers_json())
        newer = FOLDER.replace("-26-", "-27-")
        self.store(f"{newer}/peers.json", peers_json((0.1, 0.1)))
        self.store(f"{newer}/peers-2.json", peers_json((0.2, 0.2)))
        self.store(f"{newer}/peers-10.json", {"environment": ENVIRONMENT, "parts": {}})
        status, said = self.publish(self.root / newer)
        self.assertEqual(status, 0, said)
        text = self.document.read_text(encoding="utf-8")
        self.assertIn(marker("peers cpu ratios", f"{newer}/peers-2.json"), text)
        self.assertIn("| nginx | 0.20 / 0.20 |", text)
        self.assertEqual(self.publish("--check"), (0, ""))

    def test_the_last_folder_counts_and_runs_of_other_threads_do_not(self):
        self.lines_of("peers cpu ratios", peers_json())
        for at, value in ((1, 0.1), (2, 0.2)):
            self.store(f"bench/results/{at}/peers.json", peers_json((value, value)))
        many = peers_json((0.3, 0.3))
        many["environment"] = {**ENVIRONMENT, "command": ["bench/against/run", "--threads=all"]}
        self.store("bench/results/2/peers-2.json", many)
        status, said = self.publish(*(self.root / f"bench/results/{at}" for at in (1, 2)))
        self.assertEqual(status, 0, said)
        text = self.document.read_text(encoding="utf-8")
        self.assertIn(marker("peers cpu ratios", "bench/results/2/peers.json"), text)

    def test_a_folder_without_such_a_run_is_refused(self):
        self.lines_of("peers cpu ratios", peers_json())
        self.store("bench/results/other/memory.json", {"environment": ENVIRONMENT})
        self.assertIn("no run there", self.complaint(self.root / "bench/results/other"))
        self.assertIn("no folder", self.complaint(self.root / "bench/results/none"))

    # ---- Errors ----

    def complaint_of(self, table, data=None):
        path = f"{FOLDER}/peers.json"
        if data:
            self.store(path, data)
        self.write_part(table, path)
        said = self.complaint()
        self.assertIn(marker(table, path), said)
        return said

    def test_a_missing_file_is_named(self):
        self.assertIn("no such file", self.complaint_of("peers cpu ratios"))

    def test_what_a_file_lacks_is_named(self):
        data = peers_json()
        del data["parts"]["cpu"]
        self.assertIn("it has no parts/cpu", self.complaint_of("peers cpu ratios", data))
        data = peers_json()
        del data["parts"]["cpu"]["keep 64"]["pairs"]
        self.assertIn("'pairs'", self.complaint_of("peers cpu ratios", data))
        self.assertIn("no peers-cpu*.svg", self.complaint_of("peers charts cpu", peers_json()))

    def test_an_unknown_table_is_refused(self):
        self.assertIn("no table 'peers height'", self.complaint_of("peers height", peers_json()))

    def test_words_that_a_table_knows_not_and_needs_are_said(self):
        self.assertIn("'veth'", self.complaint_of("peers cpu ratios veth", peers_json()))
        self.assertIn("which PART", self.complaint_of("peers charts", peers_json()))

    def test_figures_of_quick_runs_are_refused(self):
        data = peers_json()
        data["environment"] = {**ENVIRONMENT, "command": ["bench/against/run", "--quick"]}
        self.assertIn("--quick", self.complaint_of("peers cpu ratios", data))

    def test_markers_come_in_pairs(self):
        one = marker("peers source", f"{FOLDER}/peers.json")
        for lines, what in (([one], "no <!-- end --> after"), (["<!-- end -->"], "no marker"),
                            ([one, one, "<!-- end -->"], "before the next marker"),
                            (["text"], "no markers")):
            with self.subTest(lines=lines):
                self.write(*lines)
                self.assertIn(what, self.complaint())


class Documents(unittest.TestCase):
    def test_all_figures_are_those_of_their_files(self):
        done = subprocess.run([sys.executable, ROOT / "bench" / "publish", "--check"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        self.assertTrue(os.access(ROOT / "bench" / "publish", os.X_OK))


if __name__ == "__main__":
    unittest.main()
