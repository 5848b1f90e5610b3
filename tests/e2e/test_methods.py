"""Methods and the forms of a target: HEAD, OPTIONS *, 405, absolute-form, CONNECT."""

from http_client import mask_dates
from ouro_server import ServerCase, main


class Methods(ServerCase):
    def test_head_is_get_without_body(self):
        for target in ("/", "/plaintext", "/json", "/users/ada", "/query?a=1", "/echo",
                       "/slow?ms=1", "/nowhere", "/users/%zz", "/query?a=%"):
            with self.subTest(target=target):
                connection = self.connect()
                get = connection.get(target)
                head = connection.ask("HEAD", target)
                self.assertEqual(mask_dates(head.head), mask_dates(get.head))
                # Had a body followed, it would be in front of this.
                self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")

    def test_head_of_metrics(self):
        connection = self.connect()
        get = connection.get("/metrics")
        head = connection.ask("HEAD", "/metrics")
        self.assertEqual([name for name, _ in head.fields], [name for name, _ in get.fields])
        self.assertEqual(connection.get("/plaintext").status, 200)

    def test_method_not_allowed(self):
        for method, target, allow in (
                ("POST", "/plaintext", {"GET", "HEAD"}),
                ("DELETE", "/", {"GET", "HEAD"}),
                ("PUT", "/users/ada", {"GET", "HEAD"}),
                ("TRACE", "/metrics", {"GET", "HEAD"}),
                ("PROPFIND", "/query", {"GET", "HEAD"}),
                ("PATCH", "/echo", {"GET", "HEAD", "POST", "PUT"})):
            with self.subTest(method=method, target=target):
                connection = self.connect()
                response = connection.ask(method, target)
                self.assertEqual(response.status, 405)
                self.assertEqual(set(response.value("allow").split(", ")), allow | {"OPTIONS"})
                self.assertEqual(connection.get("/plaintext").status, 200)

    def test_method_not_allowed_with_body(self):
        connection = self.connect()
        self.assertEqual(connection.ask("POST", "/json", body=b"x" * 100000).status, 405)
        # The body was not taken for a request, nor was what follows it lost.
        self.assertEqual(connection.get("/plaintext").status, 200)

    def test_options_is_answered_from_what_there_is(self):
        connection = self.connect()
        response = connection.ask("OPTIONS", "/json")
        self.assertEqual(response.status, 204)
        self.assertEqual(response.value("allow"), "GET, HEAD, OPTIONS")
        self.assertEqual(connection.ask("OPTIONS", "/nothing").status, 404)
        self.assertEqual(connection.get("/plaintext").status, 200)

    def test_options_of_the_server(self):
        connection = self.connect()
        response = connection.ask("OPTIONS", "*")
        self.assertEqual(response.status, 204)
        self.assertIsNone(response.value("content-length"))
        self.assertEqual(connection.get("/plaintext").status, 200)

    def test_absolute_form(self):
        for target, status in (
                ("http://example.org/plaintext", 200),
                ("HTTP://example.org:8080/plaintext?a=b", 200),
                ("http://[::1]/plaintext", 200),
                ("http://example.org", 200),
                ("http://example.org?a", 200),
                ("http://example.org/nowhere", 404),
                ("http:///plaintext", 400),
                ("http://", 400),
                ("ftp://example.org/plaintext", 400)):
            with self.subTest(target=target):
                self.assertEqual(self.connect().get(target).status, status)

    def test_connect_is_not_supported(self):
        connection = self.connect()
        self.assertEqual(connection.ask("CONNECT", "example.org:443").status, 501)
        self.assert_closes(connection)


if __name__ == "__main__":
    main()
