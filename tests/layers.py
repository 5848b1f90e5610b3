"""Each folder includes only from folders that it may know, and each header compiles alone.

    layers.py ROOT COMPILER..
"""

import pathlib
import re
import subprocess
import sys

# base <- coding, engine, proto, router, ws, sse, hub, fiber, file <- server <- cli, examples, bench, tests
NEIGHBOURS = {"coding", "engine", "proto", "router", "ws", "sse", "hub", "fiber", "file"}
MAY_KNOW = {
    "base": {"base", "ouro"},
    **{folder: {"base", folder, "ouro"} for folder in NEIGHBOURS},
    "server": {"base", "server", "ouro"} | NEIGHBOURS,
    "cli": {"cli", "ouro"},
    "examples": {"examples", "ouro"},
    "include": {"ouro"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
# What a header stands on that need not be there.
OPTIONAL = {"redis_private.h": "hiredis/async.h"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def first_folder(name, source, root):
    """The folder that an include comes from; "ouro" for the public headers."""
    if name == "ouro.h" or name.startswith("ouro/"):
        return "ouro"
    if (source.parent / name).is_file():
        return source.relative_to(root).parts[0]
    return name.partition("/")[0]


def wrong_includes(root):
    for folder, known in MAY_KNOW.items():
        for source in sorted((root / folder).rglob("*.[ch]")):
            for name in INCLUDE.findall(source.read_text()):
                if first_folder(name, source, root) not in known:
                    yield f"{source.relative_to(root)}: {folder} may not include {name}"


def does_not_compile(root, compiler):
    def fails(header, language, standard, *flags):
        command = [*compiler, "-x", language, f"-std={standard}", "-fsyntax-only", "-D_GNU_SOURCE",
                   "-DOURO_HAVE_URING", f"-I{root}", f"-I{root}/include", *flags, "-"]
        # Twice: the second time the guard must keep it out.
        text = f'#include "{header}"\n#include "{header}"\n'
        needed = OPTIONAL.get(pathlib.Path(header).name)
        if needed:
            text = f"#if __has_include(<{needed}>)\n{text}#endif\n"
        text += "typedef int not_empty;\n"
        result = subprocess.run(command, input=text, capture_output=True, text=True)
        if result.returncode:
            yield f"{header} as {standard}:\n{result.stderr}"

    for header in sorted((root / "include").rglob("*.h")):
        name = header.relative_to(root / "include")
        yield from fails(name, "c", "c11", *WARNINGS)
        yield from fails(name, "c++", "c++11", *WARNINGS)
    for folder in {"base", "server"} | NEIGHBOURS:
        for header in sorted((root / folder).glob("*.h")):
            # The system's headers for the ring are GNU C; ours among them need no more.
            standard = "gnu11" if header.name.startswith("uring") else "c11"
            yield from fails(header.relative_to(root), "c", standard, "-Wall", "-Wextra")


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    problems = [*wrong_includes(root), *does_not_compile(root, compiler)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
