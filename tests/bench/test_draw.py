"""Which charts are drawn, and that what makes them small leaves the picture as it is."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
from svg import short_path, small  # noqa: E402

CHART = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="10.123456pt"
     xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata>who drew it</metadata>
 <defs><style type="text/css">*{stroke-linecap: butt}</style></defs>
 <g id="figure_1"><g id="axes_1">
   <defs><path id="mb3ed36aca2" d="M 0 0
L 0 3.5
" style="stroke: #000000"/></defs>
   <g clip-path="url(#pb6de974ca4)">
    <use xlink:href="#mb3ed36aca2" x="189.504141" style="stroke: #000000"/></g>
   <text x="1.999" transform="rotate(-0 1.999 2.5)" style="fill: #facade">5.2134</text>
   <text transform="rotate(-90 1.999 2.5)">us</text>
 </g></g>
 <defs><clipPath id="pb6de974ca4"><rect x="1" width="2"/></clipPath></defs>
</svg>
"""


def python_with_matplotlib():
    for python in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([python, "-c", "import matplotlib"], capture_output=True,
                              check=False)
        if done.returncode == 0:
            return python
    return None


def measured(name, **more):
    return {"setup": {}, "servers": {name: {"cpu_us": 4.567, **more}}}


def at_rate(name):
    """Times of which a tenth took at least 100 us and a hundredth 900."""
    return measured(name, rate_wanted=1000, times={"quantiles": [[90, 100.0], [99, 900.0]]})


class Charts(unittest.TestCase):
    def draw(self, data):
        """The texts of the charts of @data, by their names."""
        python = python_with_matplotlib()
        if not python:
            self.skipTest("there is no matplotlib")
        with tempfile.TemporaryDirectory() as made:
            folder = pathlib.Path(made)
            (folder / "what.json").write_text(json.dumps(data), encoding="utf-8")
            done = subprocess.run([python, BENCH / "draw", folder, "what"], capture_output=True,
                                  text=True, timeout=100, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.svg")}

    def test_each_part_has_charts_and_each_setting_at_a_rate(self):
        part = {"cpu": {"keep 64": measured("nginx")},
                "latency": {"keep 64": {"at": {"0.5": {"ouro-load": at_rate("nginx")}}}}}
        charts = self.draw({"parts": {**part, "veth": part}})
        self.assertEqual(sorted(charts), [
            "what-cpu.svg", "what-latency-keep-64.svg", "what-veth-cpu.svg",
            "what-veth-latency-keep-64.svg"])
        bars, curves = charts["what-cpu.svg"], charts["what-latency-keep-64.svg"]
        for text in (">nginx<", ">4.57<", ">keep 64: us of CPU for each request<"):
            self.assertIn(text, bars)
        for text in (">nginx<", ">keep 64: 50% of the peak<"):
            self.assertIn(text, curves)

    def test_settings_without_a_part_are_in_one_chart(self):
        charts = self.draw({"settings": {"one": measured("nginx"), "two": measured("nginx")}})
        self.assertEqual(list(charts), ["what.svg"])


class Small(unittest.TestCase):
    def setUp(self):
        self.text = small(CHART)

    def test_words_and_figures_stay(self):
        self.assertIn(">5.2134</text>", self.text)
        self.assertNotIn("who drew it", self.text)

    def test_places_are_rounded_and_what_does_not_turn_is_gone(self):
        self.assertIn('width="10.1pt"', self.text)
        self.assertIn('<text x="2" class=', self.text)
        self.assertIn("rotate(-90 2 2.5)", self.text)

    def test_what_is_referred_to_is_there(self):
        ids = re.findall(r' id="(\w+)"', self.text)
        used = re.findall(r'(?:href="#|url\(#)(\w+)', self.text)
        self.assertEqual(len(used), 2)
        self.assertEqual(sorted(ids), sorted(used))
        self.assertIn("<g clip-path=", self.text)

    def test_equal_styles_are_said_once_with_their_colours(self):
        self.assertEqual(self.text.count("{stroke: #000000}"), 1)
        self.assertEqual(self.text.count("{fill: #facade}"), 1)
        self.assertEqual(self.text.count('class="c0"'), 2)

    def test_paths_go_where_they_went(self):
        for path, short in (("M 1 2 L 3 2 L 3 4 L 1 4 z", "M1 2H3V4H1z"),
                            ("M 1 2 L 3 4", "M1 2L3 4"),
                            ("M 0 1 C 1 2 3 4 5 6 z", "M0 1C 1 2 3 4 5 6 z")):
            with self.subTest(path=path):
                self.assertEqual(short_path(path), short)


if __name__ == "__main__":
    unittest.main()
