#!/usr/bin/env python3
"""Adds up the test logs of build directories, as meson writes them.

usage: test_totals.py BUILD_DIRECTORY..

Prints why tests were skipped or failed here, then one line for each build, then the totals. To
what meson counts as failed it adds what meson cannot see: a test that was skipped without a
word, and one that leaked, since Criterion's workers look for leaks after they have reported.
A run without any test has failed too.
"""

import json
import pathlib
import re
import sys

PASSED = ("OK", "EXPECTEDFAIL")
FAULT = re.compile(r"^.*(ERROR: LeakSanitizer|WARNING: ThreadSanitizer).*$", re.MULTILINE)
FAULT_LINES_MAX = 30


def output(test):
    """All that a test printed, what its own output says last."""
    return test.get("stderr", "") + "\n" + test.get("stdout", "")


def reason(test):
    """The last thing that a skipped test printed."""
    lines = [line.strip() for line in output(test).split("\n") if line.strip()]
    return lines[-1] if lines else None


def fault(test):
    """What a sanitizer reported although the test passed."""
    text = output(test)
    found = FAULT.search(text)
    if found is None:
        return None
    return "\n".join(text[found.start() :].split("\n")[:FAULT_LINES_MAX])


def verdict(test):
    """One of "Ok", "Fail" and "Skipped", and what to say about it."""
    result = test["result"]
    if result == "SKIP":
        why = reason(test)
        return ("Skipped", why) if why else ("Fail", "skipped without a reason")
    if result not in PASSED:
        return "Fail", result
    report = fault(test)
    return ("Fail", report) if report else ("Ok", None)


def read(build):
    log = pathlib.Path(build, "meson-logs", "testlog.json")
    if not log.exists():
        return []
    with log.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main(builds):
    total = dict.fromkeys(("Ok", "Fail", "Skipped"), 0)
    notes = {"Skipped": [], "Fail": []}
    summaries = []
    for build in builds:
        count = dict.fromkeys(total, 0)
        for test in read(build):
            word, why = verdict(test)
            count[word] += 1
            if why:
                notes[word].append(f"{word.lower():<8} {build}  {test['name']}: {why}")
        for word, number in count.items():
            total[word] += number
        numbers = "  ".join(f"{word}: {number:<4}" for word, number in count.items())
        summaries.append(f"{build:<14} {numbers}".rstrip())
    if not total["Ok"] and not total["Fail"]:
        notes["Fail"].append("fail     no test passed at all")
        total["Fail"] = 1
    print("\n" + "\n".join(notes["Skipped"] + notes["Fail"] + summaries))
    skipped = f", {total['Skipped']} skipped" if total["Skipped"] else ""
    print(f"{total['Ok']} passed, {total['Fail']} failed{skipped}")
    return 1 if total["Fail"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
