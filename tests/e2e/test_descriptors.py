"""More clients than descriptors: those beyond wait, the server does not spin, and recovers."""

import resource
import select
import time
import unittest

from http_client import make_request
from ouro_server import Server, eventually, main, raise_open_files

DESCRIPTORS = 40
CLIENTS = 100


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


class Descriptors(unittest.TestCase):
    def answered(self, connections):
        return select.select(connections, [], [], 0)[0]

    def test_exhaustion_and_recovery(self):
        with Server("--connections-max", "1000", threads=1, prepare=few_descriptors) as server:
            waiting = {}
            for _ in range(CLIENTS):
                connection = server.connect()
                self.addCleanup(connection.close)
                connection.send(make_request("GET", "/plaintext"))
                waiting[connection.socket] = connection
            eventually(lambda: self.answered(waiting), "nobody is answered")
            eventually(lambda: "cannot accept connections: Too many open files" in server.log(),
                       "the server does not say what it lacks")

            before = server.cpu_seconds()
            time.sleep(1)
            self.assertLess(server.cpu_seconds() - before, 0.3, "the server spins")
            first = self.answered(waiting)
            self.assertGreater(len(first), DESCRIPTORS // 2)
            self.assertLess(len(first), DESCRIPTORS)

            # As those who were answered leave, the others get in.
            while waiting:
                for ready in eventually(lambda: self.answered(waiting), "who waits is forgotten"):
                    connection = waiting.pop(ready)
                    self.assertEqual(connection.read_response().body, b"Hello, World!")
                    connection.close()
            metrics = server.metrics()
            self.assertGreater(metrics["accept_errors_total"], 0)
            self.assertEqual(metrics["connections_accepted_total"], CLIENTS + 1)
            # Said once for each time that it happens, not at each attempt.
            self.assertLess(server.log().count("cannot accept"), 10)


if __name__ == "__main__":
    raise_open_files()
    main()
