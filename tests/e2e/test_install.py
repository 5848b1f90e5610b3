"""What `meson install` leaves behind is enough to build and run an example, shared and static."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

BUILD = pathlib.Path(os.environ["BUILD"])
EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "hello.c"
LISTENING = re.compile(r"listening on tcp://([0-9.]+:\d+)")


def run(*command, env=None):
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}:\n{result.stdout}{result.stderr}"
    return result.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.root)
        run("meson", "install", "--no-rebuild", "-C", str(BUILD), "--destdir", str(cls.root))
        config = next(cls.root.rglob("ouro.pc"))
        # The files lie below the root, and their own prefix is what they were configured with.
        cls.library = config.parent.parent
        prefix = next(cls.root.rglob("include/ouro.h")).parent.parent
        cls.env = os.environ | {"PKG_CONFIG_PATH": str(config.parent)}
        cls.pkg_config = ["pkg-config", f"--define-variable=prefix={prefix}"]

    def build(self, name, *flags):
        program = self.root / name
        cflags = run(*self.pkg_config, "--cflags", "ouro", env=self.env).split()
        run(os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Werror", *cflags, str(EXAMPLE),
            "-o", str(program), *flags)
        return program

    def ask(self, program, env):
        server = subprocess.Popen([program], env=env | {"HELLO_LISTEN": "tcp://127.0.0.1:0"},
                                  stderr=subprocess.PIPE, text=True)
        try:
            address = LISTENING.search(server.stderr.readline()).group(1)
            with urllib.request.urlopen(f"http://{address}/hello/world", timeout=30) as answer:
                self.assertEqual(answer.read(), b"world")
        finally:
            server.terminate()
            self.assertEqual(server.wait(30), 0)
            server.stderr.close()

    def test_shared(self):
        libs = run(*self.pkg_config, "--libs", "ouro", env=self.env).split()
        program = self.build("hello-shared", *libs)
        self.ask(program, os.environ | {"LD_LIBRARY_PATH": str(self.library)})

    def test_static(self):
        libs = run(*self.pkg_config, "--static", "--libs", "ouro", env=self.env).split()
        # Of ouro the archive, of the system what there is.
        libs = [str(self.library / "libouro.a") if lib == "-louro" else lib for lib in libs]
        self.ask(self.build("hello-static", *libs), dict(os.environ))


if __name__ == "__main__":
    if "sanitize" in os.environ.get("SANITIZE", ""):
        print("skipped: a sanitized library needs the program to be sanitized too")
        sys.exit(77)
    unittest.main(verbosity=2)
