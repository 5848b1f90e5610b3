"""A headless Chromium, driven by Playwright in a node of its own (browser/driver.mjs).

Playwright comes from npm, as browser/package-lock.json has it, into the build directory and without
a browser: that is the system's. What is missing is a reason to skip.
"""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess

from http_client import TIMEOUT_S
from ouro_server import skip

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or \
    shutil.which("google-chrome")
SOURCE = pathlib.Path(__file__).parent / "browser"
INSTALL_S = 90


def _install(directory):
    """Copies browser/ to `directory` and has npm add what its lock file names."""
    for source in SOURCE.iterdir():
        shutil.copy(source, directory)
    lock = (SOURCE / "package-lock.json").read_bytes()
    stamp = directory / "installed.json"
    if stamp.is_file() and stamp.read_bytes() == lock:
        return
    try:
        result = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                                 "--fetch-retries=1", "--prefix", directory], cwd=directory,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        skip("npm could not fetch playwright-core in time")
    if result.returncode:
        skip(f"npm could not fetch playwright-core: {' '.join(result.stderr.split())[:300]}")
    stamp.write_bytes(lock)


def prepare():
    """Installs what is needed, or skips the whole test. Returns the directory that it is in."""
    if not CHROMIUM:
        skip("there is no Chromium here")
    for name in ("node", "npm"):
        if not shutil.which(name):
            skip(f"there is no {name} here")
    directory = pathlib.Path(os.environ["BUILD"]) / "browser"
    directory.mkdir(exist_ok=True)
    with open(directory / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(directory)
    return directory


class Browser:
    """One browser, whose pages are strangers to each other."""

    def __init__(self, directory):
        self.process = subprocess.Popen(["node", directory / "driver.mjs", CHROMIUM],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, name, *args):
        self.process.stdin.write(json.dumps({"call": name, "args": args}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser's driver has ended"
        answer = json.loads(line)
        assert "error" not in answer, f"{name}{args}: {answer['error']}"
        return answer["value"]

    def open(self, url):
        return Page(self, url)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()


class Page:
    """A page that was loaded. Its waits fail after some time."""

    def __init__(self, browser, url):
        self.browser = browser
        self.number = browser.call("open", url)

    def _call(self, name, *args):
        return self.browser.call(name, self.number, *args)

    def close(self):
        self._call("close")

    def fill(self, selector, text):
        self._call("fill", selector, text)

    def click(self, selector):
        """Once it is there and can be clicked."""
        self._call("click", selector)

    def evaluate(self, expression):
        return self._call("evaluate", expression)

    def wait(self, expression):
        """Waits until the JavaScript expression has a true value, which is returned."""
        return self._call("wait", expression)

    def faults(self):
        """Errors that no script caught, and dialogs."""
        return self._call("faults")

    def wait_for_text(self, selector, pattern):
        """Waits until what `selector` finds has text that `pattern`, a JavaScript regular
        expression, fits; returns that text."""
        found = f"document.querySelector({json.dumps(selector)})"
        return self.wait(f"{pattern}.test({found}?.textContent ?? '') && {found}.textContent")

    def texts(self, selector):
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})]"
                             ".map(found => found.textContent)")
