"""The Autobahn test suite's cases against the demo's echo, without compression and with both kinds of it.

Unless $OURO_AUTOBAHN_FULL is set, what takes minutes is left out: of 12 and 13, which send a thousand messages
of each size, the larger ones; and 9 where compression could have been agreed on, which 9 does not offer.
Reports to be read are in autobahn/ of the build directory.
"""

import collections
import json
import os

from autobahn import BUILD, find_suite, run_suite
from ouro_server import BACKEND, ServerCase, main, skip_without_backend

FULL = os.environ.get("OURO_AUTOBAHN_FULL")
GOOD = ("OK", "INFORMATIONAL")
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

# Cases whose result may be NON-STRICT, with the section of RFC 6455 that allows it: there is none.
NON_STRICT = {}

PROTOCOL = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LIMITS = ["9.*"]
COMPRESSION = ["12.*", "13.*"]

# 16 to 1024 bytes in one frame, and 8 KiB in frames of 256.
SHORT_SIZES = (1, 2, 3, 4, 11)
SHORT_COMPRESSION = [f"{group}.{number}" for group in
                     (*(f"12.{kind}" for kind in range(1, 6)), *(f"13.{offer}" for offer in range(1, 8)))
                     for number in SHORT_SIZES]
COMPRESSED = PROTOCOL + (LIMITS + COMPRESSION if FULL else SHORT_COMPRESSION)


class Autobahn(ServerCase):
    def run_cases(self, deflate, cases):
        url = (f"ws://127.0.0.1:{self.server.address[1]}/ws/echo"
               f"?deflate={deflate}&bytes_max={MESSAGE_BYTES_MAX}")
        reports = BUILD / "autobahn" / f"{BACKEND}-{deflate}"
        results, seconds = run_suite(WSTEST, url, deflate, cases, reports)
        counts = collections.Counter(result["behavior"] for result in results.values())
        closes = collections.Counter(result["behaviorClose"] for result in results.values())
        print(f"{BACKEND}, deflate {deflate}: {len(results)} cases in {seconds:.0f} s: {dict(counts)}, "
              f"closed: {dict(closes)}", flush=True)
        bad = [reports / result["reportfile"] for case, result in sorted(results.items())
               if not self.is_good(case, result)]
        if bad:
            self.fail("".join(map(describe, bad)))

    def is_good(self, case, result):
        allowed = GOOD + (("NON-STRICT",) if case in NON_STRICT else ())
        return result["behavior"] in allowed and result["behaviorClose"] in allowed

    def test_without_deflate(self):
        # 12 and 13 would be UNIMPLEMENTED where no compression is agreed on.
        self.run_cases("off", PROTOCOL + LIMITS)

    def test_each_by_itself(self):
        self.run_cases("each", COMPRESSED)

    def test_takeover(self):
        self.run_cases("takeover", COMPRESSED)


def describe(report):
    """What a case does, what it expects, what came, and each octet and frame that it has kept of it."""
    case = json.loads(report.read_text(encoding="utf-8"))
    log = "\n".join(f"    {json.dumps(entry)}" for entry in case["wirelog"])
    return (f"\ncase {case['id']}: {case['behavior']}, closed: {case['behaviorClose']}\n"
            f"  it does: {case['description']}\n  it expects: {case['expectation']}\n"
            f"  {case['result']}\n  {case['resultClose']}\n"
            f"  expected: {json.dumps(case['expected'])}\n  received: {json.dumps(case['received'])}\n"
            f"  on the wire:\n{log}\n")


if __name__ == "__main__":
    skip_without_backend(BACKEND)
    WSTEST = find_suite()
    main()
