"""Programs built against what `meson install` leaves behind, as a user of the library would."""

import atexit
import functools
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

BUILD = pathlib.Path(os.environ["BUILD"])
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def run(*command, env=None):
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}:\n{result.stdout}{result.stderr}"
    return result.stdout


def has_package(name):
    return subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0


class Installed:
    """The library, installed below a temporary folder that goes when the test ends."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, self.root)
        run("meson", "install", "--no-rebuild", "-C", str(BUILD), "--destdir", str(self.root))
        config = next(self.root.rglob("ouro.pc"))
        self.config = config
        # The files lie below the root, and their own prefix is what they were configured with.
        self.library = config.parent.parent
        prefix = next(self.root.rglob("include/ouro.h")).parent.parent
        self.env = os.environ | {"PKG_CONFIG_PATH": str(config.parent)}
        self.pkg_config = ["pkg-config", f"--define-variable=prefix={prefix}"]

    def flags(self, *questions):
        return run(*self.pkg_config, *questions, env=self.env).split()

    @functools.cache
    def build(self, name, linkage, packages=(), compiler=None, flags=()):
        """The example called `name` as a program; `linkage` is "shared" or "static", and then
        `flags` are for the linker's part."""
        compiler = compiler or [*shlex.split(os.environ.get("CC", "cc")), "-std=gnu11"]
        # The redefined prefix is not that of other packages.
        others = run("pkg-config", "--cflags", "--libs", *packages).split() if packages else []
        libs = self.flags("--libs", "ouro")
        if linkage == "static":
            # Of ouro the archive, of what stands behind it the shared libraries: those know themselves
            # what they need, and what their archives would need may not be installed.
            behind = run(*self.pkg_config, "--print-requires-private", "ouro", env=self.env)
            names = [line.split()[0] for line in behind.splitlines()]
            # Those that have no file for pkg-config stand in ours as they are.
            bare = next(line for line in self.config.read_text().splitlines()
                        if line.startswith("Libs.private:")).split()[1:]
            libs = [str(self.library / "libouro.a"), *run("pkg-config", "--libs", *names).split(),
                    *bare, *flags]
        program = self.root / f"{name}-{linkage}-{os.path.basename(compiler[0])}"
        run(*compiler, "-O1", "-Wall", "-Wextra", "-Werror",
            *self.flags("--cflags", "ouro"), str(EXAMPLES / f"{name}.c"),
            "-o", str(program), "-pthread", *libs, *others)
        return program

    def build_cxx(self, source, compiler, *flags):
        """A C++ program from `source`, against the shared library."""
        program = self.root / f"{source.stem}-{compiler}{flags[0]}"
        run(compiler, *flags, "-Wall", "-Wextra", "-Werror", *self.flags("--cflags", "ouro"),
            str(source), "-o", str(program), *self.flags("--libs", "ouro"))
        return program

    def environment(self, linkage):
        return {"LD_LIBRARY_PATH": str(self.library)} if linkage == "shared" else {}
