"""Where the figures of a run go: bench/results/DATE-COMMIT/, a folder for all runs of a day on one
state of the sources. A second run of the same kind is WHAT-2.

  WHAT.json             what was measured, on what, by which command
  WHAT.slices.jsonl.gz  what it was made of: a line for each slice, with where in WHAT.json it is
  WHAT-*.svg            charts, by bench/draw
"""

import gzip
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESULTS = os.path.join(ROOT, "bench", "results")
COMMIT_DIGITS = 12
COLUMNS = 160


def folder_of(env):
    commit = env["commit"]
    name = f"{env['time'][:10]}-{commit[:COMMIT_DIGITS]}"
    if commit.endswith("with changes"):
        name += "-changed"
    return os.path.join(RESULTS, name)


def portable(node):
    """@node with paths below the sources relative to them: where these are says nothing to others."""
    if isinstance(node, dict):
        return {key: portable(value) for key, value in node.items()}
    if isinstance(node, list):
        return [portable(one) for one in node]
    if isinstance(node, str) and node.startswith(ROOT + os.sep):
        return os.path.relpath(node, ROOT)
    return node


def without_slices(node, path, slices):
    """@node without its slices, which are added to @slices."""
    if not isinstance(node, dict):
        return node
    for line in node.get("slices", []):
        slices.append({"of": path, **line})
    return {key: without_slices(value, [*path, key], slices) for key, value in node.items()
            if key != "slices"}


def json_text(node, indent=""):
    """@node on one line where that is short, and else with a line for each of its parts."""
    text = json.dumps(node)
    if len(indent) + len(text) <= COLUMNS or not isinstance(node, (dict, list)):
        return text
    inner = indent + " "
    if isinstance(node, dict):
        parts = [f"{json.dumps(key)}: {json_text(value, inner)}" for key, value in node.items()]
    else:
        parts = [json_text(value, inner) for value in node]
    begin, end = "{}" if isinstance(node, dict) else "[]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{end}"


def write_json(path, data):
    with open(path, "w", encoding="utf-8") as file:
        file.write(json_text(portable(data)) + "\n")


def draw(folder, what):
    """Draws the charts with whichever Python has matplotlib; says so where none has."""
    program = os.path.join(ROOT, "bench", "draw")
    for python in dict.fromkeys([sys.executable, "/usr/bin/python3"]):
        has = subprocess.run([python, "-c", "import matplotlib"], capture_output=True, check=False)
        if has.returncode == 0:
            done = subprocess.run([python, program, folder, what], check=False)
            if done.returncode:
                print("the charts could not be drawn")
            return
    print("no charts: there is no matplotlib (Debian: python3-matplotlib)")


def free_name(folder, what):
    """@what, or with a number where a run has left its figures by that name: none takes another's
    place."""
    name, number = what, 1
    while os.path.exists(os.path.join(folder, f"{name}.json")):
        number += 1
        name = f"{what}-{number}"
    return name


def store(what, result):
    """Stores @result, which has its environment, and draws it. Returns the folder."""
    folder = folder_of(result["environment"])
    slices = []
    os.makedirs(folder, exist_ok=True)
    what = free_name(folder, what)
    write_json(os.path.join(folder, f"{what}.json"), without_slices(result, [], slices))
    if slices:
        # Without the time of day, so that equal slices are equal files.
        with open(os.path.join(folder, f"{what}.slices.jsonl.gz"), "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as file:
                for line in slices:
                    file.write((json.dumps(line) + "\n").encode())
    draw(folder, what)
    return folder
