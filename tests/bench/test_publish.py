"""What bench/publish makes of results, and that the page in docs is what it makes."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PUBLISH = os.path.join(ROOT, "bench", "publish")


def server(cpu_us, rate):
    return {"cpu_us": cpu_us, "rate": rate, "response_bytes": 130,
            "errors": {"connect": 0, "reset": 0}}


PEERS = {
    "environment": {"command": ["bench/against/run", "--part", "cpu"], "machine": "M",
                    "processors": 2, "kernel": "Linux 6", "commit": "0123456789abcdef",
                    "time": "2026-01-02T03:04:05Z", "compiler": "cc 1"},
    "parts": {"cpu": {"keep-alive": {
        "servers": {"ouro-uring": server(5, 200000), "ouro-epoll": server(5.25, 190000.4),
                    "ouro-uring-again": server(5, 1), "other": server(123.4, 8000)},
        "pairs": {"ouro-uring/other": {"ratio": 0.04}, "ouro-epoll/other": {"ratio": 1.25},
                  "ouro-epoll/ouro-uring": {"ratio": 1.05},
                  "ouro-uring-again/ouro-uring": {"ratio": 0.999}},
        "verdicts": [{"what": "a by b", "value": 0.97, "bound": 1, "most": False,
                      "reached": False}],
    }}},
}


class Publish(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.page = self.path("page.md")
        self.results = self.write_json("first/peers.json", PEERS)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write_json(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file)
        return path

    def write_page(self, *kinds, path=None, end="<!-- end -->"):
        with open(self.page, "w", encoding="utf-8") as file:
            file.write("# Before\n")
            for kind in kinds:
                file.write(f"<!-- {kind}: {path or self.results} -->\nold\n{end}\n")
            file.write("after\n")

    def read_page(self):
        with open(self.page, encoding="utf-8") as file:
            return file.read().split("\n")

    def publish(self, *arguments):
        return subprocess.run([sys.executable, PUBLISH, "--page", self.page, *arguments],
                              capture_output=True, text=True, check=False)

    def published(self, *kinds):
        self.write_page(*kinds)
        done = self.publish()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.read_page()

    def test_a_table_takes_the_place_of_what_stood_there(self):
        self.assertEqual(self.published("peers-ratios"), [
            "# Before", f"<!-- peers-ratios: {self.results} -->", "",
            "| by | keep-alive |", "| --- | --- |", "| other | 0.04 / **1.25** |",
            "| control | 1.00 |", "| epoll by io_uring | 1.05 |", "", "<!-- end -->", "after", ""])

    def test_figures_have_three_digits(self):
        page = self.published("peers-us")
        self.assertIn("| ouro-epoll | 5.25 |", page)
        self.assertIn("| other | 123 |", page)

    def test_rates_come_in_order_and_without_the_control(self):
        page = self.published("peers-rates keep-alive")
        rows = [line for line in page if line.startswith("| o")]
        self.assertEqual(rows, ["| ouro-uring | 200,000 | 130 |", "| ouro-epoll | 190,000 | 130 |",
                                "| other | 8,000 | 130 |"])

    def test_it_says_how_to_repeat_a_run(self):
        self.assertIn("`./dev bench peers --part cpu`, 2026-01-02, at 0123456: M, 2 processors, "
                      "Linux 6, cc 1.", self.published("where"))

    def test_what_was_not_reached_is_said_so(self):
        self.assertIn("| a by b | 0.970 | at least 1 | **not reached** |",
                      self.published("verdicts"))

    def test_errors_stand_beside_the_ratios(self):
        peers = copy.deepcopy(PEERS)
        peers["parts"]["cpu"]["keep-alive"]["servers"]["other"]["errors"]["reset"] = 3
        self.write_json("first/peers.json", peers)
        self.assertIn("| other | 0.04 / **1.25**, 3 errors |", self.published("peers-ratios"))

    def test_a_second_time_changes_nothing(self):
        first = self.published("peers-ratios", "peers-us")
        done = self.publish()
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(self.read_page(), first)

    def test_check_finds_a_figure_that_was_changed_and_mends_nothing(self):
        page = "\n".join(self.published("peers-us"))
        self.assertEqual(self.publish("--check").returncode, 0)
        with open(self.page, "w", encoding="utf-8") as file:
            file.write(page.replace("5.25", "4.25"))
        done = self.publish("--check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("page.md:2: is not what its file gives", done.stdout)
        self.assertIn("| ouro-epoll | 4.25 |", self.read_page())

    def test_a_folder_takes_the_place_of_another_where_it_has_the_file(self):
        newer = copy.deepcopy(PEERS)
        newer["parts"]["cpu"]["keep-alive"]["servers"]["other"]["cpu_us"] = 9
        path = self.write_json("second/peers.json", newer)
        os.mkdir(self.path("third"))
        self.write_page("peers-us")
        self.assertEqual(self.publish(self.path("second"), self.path("third")).returncode, 0)
        page = self.read_page()
        self.assertIn("| other | 9.00 |", page)
        self.assertTrue(page[1].endswith(f"{os.path.relpath(path, ROOT)} -->"), page[1])

    def fails(self, words):
        before = self.read_page()
        done = self.publish()
        self.assertEqual(done.returncode, 2)
        self.assertIn(words, done.stderr)
        self.assertIn("line 2:", done.stderr)
        self.assertEqual(self.read_page(), before)

    def test_what_is_missing_is_an_error_and_nothing_is_written(self):
        self.write_page("peers-us", path=self.path("first/other.json"))
        self.fails("No such file")
        self.write_page("memory")
        self.fails("it has no servers")
        self.write_page("peers-rates nothing")
        self.fails("it has no parts / cpu / nothing")
        self.write_page("pigeons")
        self.fails("there is no kind pigeons")
        self.write_page("charts")
        self.fails("it has no charts")
        self.write_page("peers-us", end="")
        self.fails("has no <!-- end -->")

    def test_charts_are_those_of_the_run(self):
        for name in ("peers-cpu", "peers-latency-a", "memory-idle"):
            with open(self.path(f"first/{name}.svg"), "w", encoding="utf-8") as file:
                file.write("<svg/>")
        page = self.published("charts")
        self.assertEqual([line for line in page if line.startswith("!")], [
            "![peers cpu](first/peers-cpu.svg)", "![peers latency a](first/peers-latency-a.svg)"])

    def test_the_page_in_docs_is_what_its_files_give(self):
        done = subprocess.run([sys.executable, PUBLISH, "--check"], capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main()
