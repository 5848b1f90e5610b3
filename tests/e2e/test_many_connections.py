"""Two thousand connections that are idle most of the time."""

import unittest

from http_client import make_request
from ouro_server import Server, eventually, main, raise_open_files, skip

COUNT = 2000


class ManyConnections(unittest.TestCase):
    def test_all_answer_before_and_after_being_idle(self):
        with Server() as server:
            connections = []
            for i in range(COUNT):
                connection = server.connect()
                self.addCleanup(connection.close)
                connections.append(connection)
                if i % 2:
                    self.assertEqual(connection.get("/plaintext").status, 200)
            # The server may not have taken the last ones yet; its own look is one more.
            eventually(lambda: server.metrics()["connections"] == COUNT + 1,
                       "not all connections are counted")
            for i, connection in enumerate(connections):
                connection.send(make_request("GET", f"/users/{i}"))
            for i, connection in enumerate(connections):
                self.assertEqual(connection.read_response().body, b"%d" % i)
            self.assertEqual(server.metrics()["connections"], COUNT + 1)
            for connection in connections[:COUNT // 2]:
                connection.close()
            eventually(lambda: server.metrics()["connections"] == COUNT // 2 + 1,
                       "closed connections are still counted")
            for connection in connections[COUNT // 2:]:
                self.assertEqual(connection.get("/json").status, 200)


if __name__ == "__main__":
    files = raise_open_files()
    if files < COUNT + 200:
        skip(f"only {files} open files are allowed here (ulimit -Hn)")
    main()
