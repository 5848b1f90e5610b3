"""Makes what matplotlib draws small: the same picture in a fraction of the bytes, as it is kept in
git for each run."""

import re
import xml.etree.ElementTree as ET

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
METADATA, DEFS, STYLE, GROUP = (f"{{{SVG}}}{name}" for name in ("metadata", "defs", "style", "g"))
LONG_NUMBER = re.compile(r"-?\d+\.\d\d+")
# To an element; a colour looks the same but for what is before it.
REFERENCE = re.compile(r"(^#|url\(#)([\w.-]+)")
NO_TURN = re.compile(r"rotate\(-?0 ")


def rounded(match):
    return f"{float(match.group()):.1f}".removesuffix(".0")


def short_path(text):
    """Path data with as little space as can be, and lines along an axis by where they end."""
    found, x, y = [], "", ""
    words = iter(text.split())
    for word in words:
        if word not in ("M", "L"):
            # What is neither stays as it is, and so does all behind it.
            rest = [word, *words]
            return "".join(found) + (" ".join(rest) if len(rest) > 1 else word)
        before, (x, y) = (x, y), (next(words), next(words))
        if word == "L" and y == before[1]:
            found.append(f"H{x}")
        elif word == "L" and x == before[0]:
            found.append(f"V{y}")
        else:
            found.append(f"{word}{x} {y}")
    return "".join(found)


def shorten(element):
    """Rounds the numbers of @element to a tenth of a point, and leaves out what says nothing."""
    for name, value in list(element.attrib.items()):
        if name == "transform" and NO_TURN.match(value):
            del element.attrib[name]
            continue
        value = LONG_NUMBER.sub(rounded, value)
        element.set(name, short_path(value) if name == "d" else value)


def without_groups(element):
    """The children of @element, those of groups that do nothing in these groups' place."""
    for child in list(element):
        yield from (without_groups(child) if child.tag == GROUP and set(child.attrib) <= {"id"}
                    else [child])


def flatten(element):
    element[:] = [child for child in without_groups(element) if child.tag != METADATA]
    for child in element:
        flatten(child)


def names(root):
    """Short names for what is referred to, and none for the rest."""
    used = dict.fromkeys(name for element in root.iter() for value in element.attrib.values()
                         for _, name in REFERENCE.findall(value))
    short = {name: f"i{number}" for number, name in enumerate(used)}
    for element in root.iter():
        known = short.get(element.attrib.pop("id", None))
        for name, value in element.attrib.items():
            element.set(name, REFERENCE.sub(
                lambda match: match.group(1) + short[match.group(2)], value))
        if known:
            element.set("id", known)


def classes(root):
    """Styles that many elements have, said once."""
    found = {}
    for element in root.iter():
        style = element.attrib.pop("style", None)
        if style:
            element.set("class", found.setdefault(style, f"c{len(found)}"))
    sheet = next(root.iter(STYLE))
    sheet.text += "".join(f".{name}{{{style}}}" for style, name in found.items())


def small(text):
    """@text, which matplotlib has written, made small."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", HREF[1:].partition("}")[0])
    root = ET.fromstring(text)
    flatten(root)
    for element in root.iter():
        shorten(element)
        if not (element.text or "").strip():
            element.text = None
        element.tail = "\n" if element is not root else None
    names(root)
    classes(root)
    return ET.tostring(root, encoding="unicode").replace(" />", "/>") + "\n"
