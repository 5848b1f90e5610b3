"""What `meson install` leaves behind is enough to build and run an example: shared, static, and as
C++."""

import os
import shutil
import unittest

from installed import Installed
from ouro_server import Server, environment, skip


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installed = Installed()

    def ask(self, linkage, compiler=None):
        program = self.installed.build("hello", linkage, compiler=compiler)
        env = environment(**self.installed.environment(linkage))
        with Server(command=[program], env=env) as server:
            self.assertEqual(server.get("/hello/world").body, b"world")

    def test_shared(self):
        self.ask("shared")

    def test_static(self):
        self.ask("static")

    def test_cxx(self):
        compiler = shutil.which("g++") or shutil.which("clang++")
        if not compiler:
            self.skipTest("there is no C++ compiler")
        # Declared routes use designated initialisers, which C++ has since 2020; what it warns of are
        # the fields that are left zero.
        self.ask("shared", (compiler, "-x", "c++", "-std=c++20",
                            "-Wno-missing-field-initializers"))


if __name__ == "__main__":
    if "sanitize" in os.environ.get("SANITIZE", ""):
        skip("a sanitized library needs the program to be sanitized too")
    unittest.main(verbosity=2)
