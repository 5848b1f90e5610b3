"""Finds the Autobahn test suite, https://github.com/crossbario/autobahn-testsuite, and runs it as a client.

It needs Python 2.7. $OURO_AUTOBAHN is the command that runs its `wstest`, if that is set; else it is a
`wstest` on the path, or, where there is a Python 2.7, it is installed from PyPI into
$OURO_AUTOBAHN_CACHE, which is in the build directory unless told otherwise.
"""

import fcntl
import glob
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

from ouro_server import skip

BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
CACHE = pathlib.Path(os.environ.get("OURO_AUTOBAHN_CACHE") or BUILD / "autobahn")
WANTED = pathlib.Path(__file__).with_name("autobahn.txt")
INSTALL_S = 600

# Packages in a directory of their own count as installed only where it was added as a site.
WSTEST = ("import site, sys; site.addsitedir(sys.argv.pop(1)); "
          "from autobahntestsuite.wstest import run; run()")


def runs(*command):
    """Whether that ends well."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_python():
    """A Python 2.7 that has pip; None: there is none."""
    places = [shutil.which("python2.7"), shutil.which("python2"),
              *glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python"))]
    for python in filter(None, places):
        if runs(python, "-c", "import sys, pip; sys.exit(sys.version_info[:2] != (2, 7))"):
            return python
    return None


def install(python, directory):
    """Puts the suite into `directory`, all of it or nothing; the text of what went wrong, or None."""
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    print(f"installing the Autobahn test suite into {directory}", file=sys.stderr, flush=True)
    try:
        result = subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps",
                                 "--disable-pip-version-check", "--target", unfinished,
                                 "--requirement", WANTED],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        return f"pip took more than {INSTALL_S} s"
    if result.returncode:
        return (result.stderr.strip() or result.stdout.strip()).rsplit("\n", 1)[-1]
    unfinished.rename(directory)
    return None


def find_suite():
    """The command that runs `wstest`. Where there is none, the test is skipped."""
    if os.environ.get("OURO_AUTOBAHN"):
        return shlex.split(os.environ["OURO_AUTOBAHN"])
    wstest = shutil.which("wstest")
    if wstest:
        return [wstest]
    python = find_python()
    if not python:
        skip("there is no wstest and no Python 2.7 with pip to install it for; see OURO_AUTOBAHN")
    # Both backends' tests may come at the same time, and one installs for both.
    CACHE.mkdir(parents=True, exist_ok=True)
    directory = CACHE / "suite"
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        problem = None if directory.exists() else install(python, directory)
    if problem:
        skip(f"the Autobahn test suite cannot be installed: {problem}")
    return [python, "-c", WSTEST, str(directory)]


def run_suite(wstest, url, name, cases, reports):
    """Runs its client against `url`. The results by case, and how many seconds it took; the reports, for
    people too, are in the directory `reports`."""
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    spec = reports / "spec.json"
    spec.write_text(json.dumps({
        "outdir": str(reports), "servers": [{"agent": name, "url": url}],
        "cases": cases, "exclude-cases": []}), encoding="ascii")
    before = time.monotonic()
    log = reports / "wstest.log"
    with open(log, "w", encoding="utf-8") as output:
        # It gives up by itself on each case that takes too long.
        code = subprocess.run([*wstest, "--mode", "fuzzingclient", "--spec", str(spec)], cwd=reports,
                              stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                              check=False).returncode
    said = log.read_text(encoding="utf-8", errors="replace")
    index = reports / "index.json"
    assert code == 0 and index.exists(), f"wstest ended with {code}:\n{said[-4000:]}"
    results = json.loads(index.read_text(encoding="utf-8"))[name]
    ran = said.count("Running test case ID")
    assert ran == len(results) > 0, f"{len(results)} results of {ran} cases"
    return results, time.monotonic() - before
