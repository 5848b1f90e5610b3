#!/usr/bin/env python3
"""Writes proto/media_table_data.h: the media types of files by the extensions of their names.

usage: media_types.py MIME_TYPES SOURCE >proto/media_table_data.h

MIME_TYPES is a file as Debian's package media-types installs it, a type and its extensions in each
line; SOURCE says where it is from. What the web needs otherwise is in CORRECTIONS. Run by hand,
when there is a newer file:

    tools/media_types.py /etc/mime.types \\
        "Debian's media-types $(dpkg-query -W -f '${Version}' media-types)" \\
        >proto/media_table_data.h
"""

import re
import sys

# Where the file has nothing, or not what browsers and players expect. Names do not give rise to
# Content-Encoding here, so that what is compressed as a whole is of the type of its compression.
CORRECTIONS = """
application/gpx+xml             gpx
application/gzip                svgz tgz x3dvz x3dz
application/java-archive        jar war
application/json                json map topojson
application/json5               json5
application/jsonl               jsonl
application/manifest+json       webmanifest
application/ndjson              ndjson
application/rss+xml             rss
application/toml                toml
application/wasm                wasm
application/x-bzip2             bz2
application/x-chrome-extension  crx
application/x-ipynb+json        ipynb
application/x-x509-ca-cert      crt der
application/x-xz                txz xz
application/xml                 xml xsd
application/yaml                yaml yml
audio/flac                      flac
audio/midi                      kar mid midi
audio/wav                       wav
audio/webm                      weba
audio/x-gsm                     gsm
font/woff                       woff
font/woff2                      woff2
image/avif                      avif
image/jpeg                      jfif jpeg jpg
image/vnd.microsoft.icon        cur ico
image/webp                      webp
image/x-jg                      art
multipart/related               mht mhtml
text/javascript                 cjs js mjs
text/markdown                   markdown md
text/plain                      cfg conf go ini log rs
text/vtt                        vtt
text/x-lua                      lua
video/3gpp                      3gp 3gpp
video/3gpp2                     3g2 3gpp2
video/mp2t                      m2ts ts
video/mp4                       m4v mp4
"""

# Names are looked up in 16 bytes with at least one NUL, see proto/media_table.c.
EXTENSION_BYTES_MAX = 15
# What follows a last dot, and is more than what editors put behind the names of copies.
EXTENSION = re.compile(r"[a-z0-9][a-z0-9+_-]*")


def read(text):
    """Pairs of extension and type, in order. Types are case-insensitive; so are extensions here."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        for extension in words[1:]:
            yield extension.lower(), words[0].lower()


def is_registered(media_type):
    """Whether IANA may know it: no experiment, and not below a main type that never was there."""
    main, _, subtype = media_type.partition("/")
    return main != "chemical" and not subtype.startswith("x-")


def collect(text):
    """Of several types for one extension the first that is registered, else the first."""
    table = {}
    for extension, media_type in read(text):
        if extension not in table or (
            is_registered(media_type) and not is_registered(table[extension])
        ):
            table[extension] = media_type
    table.update(read(CORRECTIONS))
    return table


def is_usable(extension):
    return EXTENSION.fullmatch(extension) and len(extension) <= EXTENSION_BYTES_MAX


def field_value(media_type):
    """Text has a charset, the one that text on the web is in. JSON has no such parameter (RFC 8259,
    11), and XML says its encoding itself, which a parameter would overrule (RFC 7303, 3)."""
    if media_type.startswith("text/"):
        return media_type + "; charset=utf-8"
    return media_type


def main():
    path, source = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        table = collect(file.read())
    left_out = sorted(extension for extension in table if not is_usable(extension))
    print("left out:", *left_out, file=sys.stderr)
    rows = sorted((e, field_value(t)) for e, t in table.items() if is_usable(e))
    print("/* Media types by extension, sorted. Written by tools/media_types.py: change that one.")
    print(f" * Source: {source}, and the corrections in the script. */")
    print("#ifndef OURO_PROTO_MEDIA_TABLE_DATA_H\n#define OURO_PROTO_MEDIA_TABLE_DATA_H\n")
    print("/* clang-format off */")
    print("#define OURO_MEDIA_TABLE(X) \\")
    print(" \\\n".join(f'\tX("{extension}", "{value}")' for extension, value in rows))
    print("/* clang-format on */\n\n#endif")


if __name__ == "__main__":
    main()
