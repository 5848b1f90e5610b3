"""Every request of the fuzzing corpus, over real sockets: both backends answer the same bytes.

The names tell what is expected. `404-something`: a response with that status is the last one.
`good-..`: a request that is as it must be. `more-..`: a beginning, here followed by the end.
"""

import pathlib
import re
import unittest

from http_client import mask_dates
from ouro_server import Server, main, skip_without_backend

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "corpus" / "h1"
STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n")
RESET = b"(reset)"

# The echo has begun its answer when the fault in the body, or the end within it, is seen.
ANSWERED_ALREADY = {"400-chunk-longer-than-its-size", "413-chunk-too-large", "more-body-chunked",
                    "more-body-counted"}
# Well-formed, but not what the demo has.
NOT_200 = {"good-connect": 501, "good-get-bad-escape-in-path": 400, "good-options-asterisk": 204,
           "good-webdav-method": 405}


def play(server, data):
    """What comes back, and RESET where the connection ended so. How much of a response gets
    through before a reset is a matter of time: that is left out."""
    with server.connect() as connection:
        connection.send(data)
        connection.end()
        try:
            return mask_dates(connection.read_to_end())
        except ConnectionResetError:
            complete = connection.unread.rpartition(b"HTTP/1.1 200 OK\r\n")[0]
            return mask_dates(complete) + RESET


class Corpus(unittest.TestCase):
    def check(self, name, answer):
        statuses = [int(status) for status in STATUS_LINE.findall(answer)]
        kind = name.partition("-")[0]
        if name in ANSWERED_ALREADY:
            self.assertTrue(answer.endswith(RESET), answer)
            return
        self.assertFalse(answer.endswith(RESET), answer)
        if kind == "good":
            self.assertEqual({*statuses} - {100}, {NOT_200.get(name, 200)}, answer)
        else:
            self.assertEqual(statuses[-1], 400 if kind == "more" else int(kind), answer)

    def test_every_file_on_both_backends(self):
        files = sorted(CORPUS.iterdir())
        self.assertGreater(len(files), 50)
        with Server(backend="uring") as uring, Server(backend="epoll") as epoll:
            for file in files:
                with self.subTest(file=file.name):
                    data = file.read_bytes()
                    answer = play(epoll, data)
                    self.check(file.name, answer)
                    self.assertEqual(play(uring, data), answer)


if __name__ == "__main__":
    skip_without_backend("uring")
    main()
