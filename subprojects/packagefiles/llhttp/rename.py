#!/usr/bin/env python3
"""rename.py SOURCE SUFFIX: prints a header that gives the names of the machine in SOURCE a suffix, so
that two builds of it go into one library."""

import pathlib
import re
import sys

source, suffix = sys.argv[1:]
text = pathlib.Path(source).read_text(encoding="ascii")
for name in sorted(set(re.findall(r"\bllhttp__internal_\w+", text))):
    print(f"#define {name} {name}_{suffix}")
