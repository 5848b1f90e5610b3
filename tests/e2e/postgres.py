"""A PostgreSQL server of a test's own: in a folder of its own, at a unix socket there, and gone when the
test ends."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

from http_client import TIMEOUT_S
from ouro_server import eventually


def find_programs():
    """The folder with initdb and postgres, or None."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    if shutil.which("pg_config"):
        folders.insert(0, subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True,
                                         check=True).stdout.strip())
    for folder in folders:
        if os.access(f"{folder}/initdb", os.X_OK) and os.access(f"{folder}/postgres", os.X_OK):
            return pathlib.Path(folder)
    return None


def other_user():
    """Whom PostgreSQL may run as, since it refuses root; None where this is not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise unittest.SkipTest("root, and there is no other user to run PostgreSQL as")


class Database:
    def __init__(self, programs):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="ouro-pg-"))
        self.user = other_user()
        if self.user:
            os.chown(self.root, self.user.pw_uid, self.user.pw_gid)
        self.log = open(self.root / "log", "w+", encoding="utf-8")
        self.process = None
        try:
            self._run(programs / "initdb", "-D", self.root / "data", "-U", "ouro", "-A", "trust",
                      "-E", "UTF8", "--no-sync", "--locale=C").wait(TIMEOUT_S)
            self.process = self._run(programs / "postgres", "-D", self.root / "data",
                                     "-k", self.root, "-c", "listen_addresses=", "-F",
                                     "-c", "max_connections=20", "-c", "shared_buffers=1MB")
            eventually(lambda: self._is_ready(programs), "PostgreSQL did not start")
        except BaseException:
            self.log.seek(0)
            print(self.log.read())
            self.stop()
            raise
        self.url = f"postgresql:///postgres?host={self.root}&user=ouro"

    def _run(self, *command):
        # Without a program in between: the process that is started is the one that is ended.
        as_user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} \
            if self.user else {}
        return subprocess.Popen(command, cwd=self.root, stdin=subprocess.DEVNULL, stdout=self.log,
                                stderr=self.log, **as_user)

    def _is_ready(self, programs):
        assert self.process.poll() is None, "PostgreSQL has ended"
        return subprocess.run([programs / "pg_isready", "-q", "-h", self.root],
                              check=False).returncode == 0

    def ask(self, sql):
        """What psql prints for `sql`."""
        return subprocess.run(["psql", "-X", "-A", "-t", self.url, "-c", sql], capture_output=True,
                              text=True, check=True).stdout.strip()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(TIMEOUT_S)
        self.log.close()
        shutil.rmtree(self.root)
