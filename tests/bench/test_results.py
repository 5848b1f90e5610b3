"""How the figures of a run are stored."""

import gzip
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
import results  # noqa: E402  pylint: disable=wrong-import-position

ENVIRONMENT = {"commit": "0123456789abcdef0123456789abcdef01234567",
               "time": "2026-01-02T03:04:05Z"}


class Results(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, value in (("RESULTS", folder.name), ("draw", lambda *_: None)):
            patch = mock.patch.object(results, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    @staticmethod
    def read(folder, name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            return file.read()

    def test_text_reads_back_the_same_and_has_short_lines(self):
        data = {"short": [1, 2.5, None, True], "empty": {}, "none": [], "text": "a [b] {c}  \n\"d\"",
                "long": list(range(100)),
                "deep": {"pairs": [[number, f"value {number}"] for number in range(50)]}}
        text = results.json_text(data)
        self.assertEqual(json.loads(text), data)
        self.assertLessEqual(max(map(len, text.split("\n"))), results.COLUMNS + 2)
        self.assertIn('"short": [1, 2.5, null, true]', text)

    def test_a_folder_is_of_a_day_and_a_state_of_the_sources(self):
        self.assertTrue(results.folder_of(ENVIRONMENT).endswith("/2026-01-02-0123456789ab"))
        changed = {**ENVIRONMENT, "commit": ENVIRONMENT["commit"] + " with changes"}
        self.assertTrue(results.folder_of(changed).endswith("/2026-01-02-0123456789ab-changed"))

    def test_slices_go_to_a_file_of_their_own(self):
        measured = {"servers": {"a": {}}, "slices": [{"cycle": 0}, {"cycle": 1}]}
        folder = results.store("run", {"environment": ENVIRONMENT, "parts": {"cpu": measured}})
        stored = json.loads(self.read(folder, "run.json"))
        self.assertEqual(stored["parts"], {"cpu": {"servers": {"a": {}}}})
        with gzip.open(os.path.join(folder, "run.slices.jsonl.gz"), "rt") as file:
            self.assertEqual([json.loads(line) for line in file], [
                {"of": ["parts", "cpu"], "cycle": 0}, {"of": ["parts", "cpu"], "cycle": 1}])

    def test_a_second_run_takes_nothing_away(self):
        for number in range(3):
            folder = results.store("run", {"environment": ENVIRONMENT, "number": number})
        self.assertEqual(
            [json.loads(self.read(folder, name))["number"]
             for name in ("run.json", "run-2.json", "run-3.json")], [0, 1, 2])

    def test_where_the_sources_lie_is_not_told(self):
        path = os.path.join(results.ROOT, "build", "release")
        folder = results.store("run", {"environment": ENVIRONMENT, "argv": [path, "/etc/passwd"]})
        self.assertEqual(json.loads(self.read(folder, "run.json"))["argv"],
                         [os.path.join("build", "release"), "/etc/passwd"])


if __name__ == "__main__":
    unittest.main()
