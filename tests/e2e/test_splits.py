"""The same answers however a request is cut, also by a real socket."""

from http_client import make_chunked, make_request, mask_dates
from ouro_server import ServerCase, main

REQUESTS = {
    "get": make_request("GET", "/users/ada%20lovelace?x=y", "Accept: */*", "Cookie: a=b; c=d"),
    "http 1.0": make_request("GET", "/plaintext", "Connection: keep-alive", version="1.0"),
    "counted": make_request("POST", "/echo", "Content-Type: text/plain", body=b"hello, world"),
    "chunked": make_request("PUT", "/echo", "Transfer-Encoding: chunked",
                            body=make_chunked(b"hello", b", ", b"world", trailers=[b"X-Sum: 1"])),
    "two": make_request("GET", "/json") + make_request("HEAD", "/plaintext"),
    "bad": make_request("GET", "/", "Bad : 1") + make_request("GET", "/json"),
    "unknown method": make_request("BREW", "/pot") + make_request("GET", "/json"),
}


def content(data):
    """The answers with their dates masked and, where the first is chunked, with its chunks
    joined: how a body is divided may depend on the cut."""
    head, end, body = mask_dates(data).partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head:
        return head + end + body
    payload = b""
    while size := int(body.partition(b"\r\n")[0], 16):
        body = body.partition(b"\r\n")[2]
        payload += body[:size]
        body = body[size + 2:]
    return head + end + payload + body


class Splits(ServerCase):
    # One loop: once it has answered anything, it has read what came before.
    threads = 1

    def flush(self):
        self.server.get("/plaintext")

    def answers_to(self, *pieces_of_each):
        """What comes back on each of several connections; the first pieces of all are sent, then
        the second ones, and so on, the server having read the last in between."""
        connections = [self.server.connect() for _ in pieces_of_each]
        for i in range(max(map(len, pieces_of_each))):
            for connection, pieces in zip(connections, pieces_of_each):
                if i < len(pieces):
                    connection.send(pieces[i])
            self.flush()
        answers = []
        for connection in connections:
            connection.end()
            answers.append(connection.read_to_end())
            connection.close()
        return answers

    def test_cut_at_every_byte(self):
        for name, request in REQUESTS.items():
            with self.subTest(request=name):
                copied = self.server.metrics()["bytes_copied_total"]
                whole, *cut = self.answers_to(
                    [request], *([request[:i], request[i:]] for i in range(1, len(request))))
                self.assertTrue(whole.startswith(b"HTTP/1.1 "))
                for i, answer in enumerate(cut, 1):
                    self.assertEqual(content(answer), content(whole), f"cut at byte {i}")
                # A head that came in two pieces was put together: it did come in two.
                self.assertGreater(self.server.metrics()["bytes_copied_total"], copied)

    def test_one_byte_after_the_other(self):
        for name, request in REQUESTS.items():
            with self.subTest(request=name):
                whole, bytewise = self.answers_to(
                    [request], [request[i:i + 1] for i in range(len(request))])
                self.assertEqual(content(bytewise), content(whole))

    def test_three_pieces(self):
        request = REQUESTS["two"]
        cuts = [(a, b) for a in range(1, len(request), 7) for b in range(a + 1, len(request), 5)]
        whole, *cut = self.answers_to([request], *([request[:a], request[a:b], request[b:]]
                                                   for a, b in cuts))
        for where, answer in zip(cuts, cut):
            self.assertEqual(content(answer), content(whole), f"cut at {where}")


if __name__ == "__main__":
    main()
