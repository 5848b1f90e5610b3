"""What bench/tables.py makes tables with: the file of a run, and how figures are written."""

import json
import os
import re
import textwrap

from against.settings import CONTROL

DOCUMENT = os.path.join("docs", "benchmarks.md")
AGAIN = CONTROL[0]
COLUMNS = 118
# With less of the rate that was wanted, times say little.
RATE_KEPT = 0.98
ERRORS, WRONG_RATE = "Errors", "Not as many requests a second as were wanted"


class Missing(Exception):
    """What a file must have for a table and has not."""


class Run:
    """What a run has left in the file @path below @root."""

    def __init__(self, root, path):
        self.root, self.path = root, path
        full = os.path.join(root, path)
        if not os.path.exists(full):
            raise Missing("there is no such file")
        try:
            with open(full, encoding="utf-8") as file:
                self.data = json.load(file)
        except ValueError as error:
            raise Missing(f"it is no JSON: {error}") from error
        self.command = self.part("environment", "command")
        if "--quick" in self.command:
            raise Missing("it is of a run with --quick, whose figures say nothing")

    @property
    def threads(self):
        """How many threads each server had, as the run was told."""
        words = [word for one in self.command for word in one.split("=")]
        return words[words.index("--threads") + 1] if "--threads" in words else "1"

    def part(self, *keys):
        node = self.data
        for at, key in enumerate(keys, 1):
            if key not in node:
                raise Missing(f"it has no {'/'.join(keys[:at])}")
            node = node[key]
        if not node:
            raise Missing(f"there is nothing in its {'/'.join(keys)}")
        return node

    def link(self, path):
        return os.path.relpath(path, os.path.dirname(DOCUMENT))

    def charts(self, part):
        """The run's charts of @part, by what each is of: paths, to be linked."""
        folder, stem = os.path.dirname(self.path), os.path.basename(self.path)[:-len(".json")]
        part = part.replace(" ", "-")
        name = re.compile(rf"{re.escape(f'{stem}-{part}')}(?:-(.+))?\.svg$")
        found = {}
        for file in sorted(os.listdir(os.path.join(self.root, folder))):
            match = name.match(file)
            if match:
                found[match.group(1) or part] = self.link(f"{folder}/{file}")
        if not found:
            raise Missing(f"there is no {stem}-{part}*.svg beside it")
        return found


# ---- Lines ----


def table(head, rows):
    """A cell is a text, empty where there is nothing to say."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def paragraph(text):
    return textwrap.wrap(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def with_notes(lines, notes):
    """@lines, then what is to be said below them: @notes are pairs of a title and an item."""
    titles = dict.fromkeys(title for title, _ in notes)
    for title in titles:
        items = "; ".join(dict.fromkeys(item for one, item in notes if one == title))
        lines += ["", *paragraph(f"{title}: {items}.")]
    return lines


# ---- Figures ----


def microseconds(value):
    if value is None:
        return "-"
    if value < 1:
        return f"{value:.3g}"
    return f"{value:,.{2 if value < 10 else 1 if value < 1000 else 0}f}"


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def bold_if_more(value):
    """A ratio, bold where it is more than 1 as it is shown."""
    text = ratio(value)
    return f"**{text}**" if value is not None and float(text) > 1 else text


def interval(pair, key=""):
    """The ratio of CPU time with its interval, or that of the times @key, as in p99_."""
    if pair is None:
        return ""
    value = pair[f"{key}ratio"]
    if value is None:
        return "-"
    return f"{value:.3f} [{pair[f'{key}low']:.3f} - {pair[f'{key}high']:.3f}]"


def slice_times(server):
    """p50 / p99 / p99.9 in microseconds. Each is the median of the slices': what holds up a whole
    processor for a moment is in few of them."""
    if server is None:
        return ""
    if server["cpu_us"] is None:
        return "no answers"
    return " / ".join(microseconds(server[f"slice_{key}"]) for key in ("p50", "p99", "p999"))


# ---- Servers that were measured in turn ----


def errors_of(server):
    return sum(server["errors"].values())


def error_notes(settings):
    """What went wrong with servers: their figures stand beside it."""
    return [(ERRORS, f"{name} {errors_of(server):,} ({setting})")
            for setting, measured in settings.items()
            for name, server in measured["servers"].items() if errors_of(server)]


def rate_notes(settings):
    """Who did not answer as many requests a second as were to be sent."""
    return [(WRONG_RATE, f"{name} {server['rate'] or 0:,.0f} ({setting})")
            for setting, measured in settings.items()
            for name, server in measured["servers"].items()
            if (server["rate"] or 0) < RATE_KEPT * server["rate_wanted"]]


def names_in(settings):
    """The servers of all settings, in order; not ours a second time."""
    names = dict.fromkeys(name for measured in settings.values() for name in measured["servers"])
    return [name for name in names if name != AGAIN]


def pair_ratio(measured, a, b):
    pair = measured["pairs"].get(f"{a}/{b}")
    return pair and pair["ratio"]


def cpu_table(settings):
    """CPU time for each request of all servers in all settings, in microseconds."""
    rows = []
    for name in names_in(settings):
        servers = (measured["servers"].get(name) for measured in settings.values())
        rows.append([name, *(microseconds(server["cpu_us"]) if server else ""
                             for server in servers)])
    return with_notes(table(["server", *settings], rows), error_notes(settings))
