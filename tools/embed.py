#!/usr/bin/env python3
"""Writes a C file with the bytes of another file in it, so that a program need not look for that file.

usage: embed.py FILE HEADER SYMBOL >OUTPUT.c

HEADER, as it stands in an #include, declares `const unsigned char SYMBOL[]` and
`const size_t SYMBOL_len`.
"""

import sys

BYTES_PER_LINE = 16


def main():
    path, header, symbol = sys.argv[1:]
    with open(path, "rb") as file:
        content = file.read()
    print(f'#include "{header}"\n\nconst unsigned char {symbol}[] = {{')
    for start in range(0, len(content), BYTES_PER_LINE):
        print("\t" + " ".join(f"{byte}," for byte in content[start:start + BYTES_PER_LINE]))
    print(f"}};\n\nconst size_t {symbol}_len = sizeof({symbol});")


if __name__ == "__main__":
    main()
