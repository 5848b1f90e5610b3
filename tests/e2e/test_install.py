"""What `meson install` leaves behind is enough to build and run an example: shared, static, and as
C++."""

import os
import pathlib
import shutil
import unittest

from http_client import make_request
from installed import Installed, run
from ouro_server import Server, environment, skip


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installed = Installed()

    def serve(self, name, linkage, compiler=None):
        program = self.installed.build(name, linkage, compiler=compiler)
        return Server(command=[program],
                      env=environment(**self.installed.environment(linkage)))

    def ask(self, linkage, compiler=None):
        with self.serve("hello", linkage, compiler) as server:
            self.assertEqual(server.get("/hello/world").body, b"world")

    def test_shared(self):
        self.ask("shared")

    def test_static(self):
        self.ask("static")

    def test_cxx(self):
        """The examples are C: they use designated initialisers, which C++ has since 2020; what it
        warns of are the fields that are left zero."""
        name = shutil.which("g++") or shutil.which("clang++")
        if not name:
            self.skipTest("there is no C++ compiler")
        compiler = (name, "-x", "c++", "-std=c++20", "-Wno-missing-field-initializers")
        self.ask("shared", compiler)
        with self.serve("echo", "shared", compiler) as server, server.connect() as connection:
            connection.send(make_request("POST", "/echo", body=b"a route with an option"))
            self.assertEqual(connection.read_response().body, b"a route with an option")


    def test_declared_routes_in_cxx(self):
        for name in filter(shutil.which, ("g++", "clang++")):
            for standard in ("c++11", "c++20"):
                with self.subTest(compiler=name, standard=standard):
                    program = self.installed.build_cxx(
                        pathlib.Path(__file__).with_name("declared.cc"), name,
                        f"-std={standard}", "-Wpedantic")
                    run(program, env=environment(**self.installed.environment("shared")))


if __name__ == "__main__":
    if "sanitize" in os.environ.get("SANITIZE", ""):
        skip("a sanitized library needs the program to be sanitized too")
    unittest.main(verbosity=2)
