"""Four loops: each serves, and their counters are added up."""

import pathlib

from ouro_server import ServerCase, main

THREADS = 4
CLIENTS = 400


class Threads(ServerCase):
    threads = THREADS

    def wake_ups(self):
        """How often each loop has slept so far, by thread. A ring may have helpers of its own."""
        counts = {}
        for task in pathlib.Path(f"/proc/{self.server.process.pid}/task").iterdir():
            status = dict(line.split(":\t", 1)
                          for line in (task / "status").read_text().splitlines() if ":\t" in line)
            if int(task.name) != self.server.process.pid and not status["Name"].startswith("iou-"):
                counts[task.name] = int(status["voluntary_ctxt_switches"])
        return counts

    def test_all_serve(self):
        self.assertRegex(self.server.log(), rf"\b{THREADS} threads")
        before, metrics = self.wake_ups(), self.server.metrics()
        self.assertEqual(len(before), THREADS)
        self.assertEqual(metrics["threads"], THREADS)
        # One after the other, so that each wakes a loop that sleeps; the kernel spreads them.
        for _ in range(CLIENTS):
            with self.server.connect() as connection:
                for _ in range(3):
                    self.assertEqual(connection.get("/plaintext").body, b"Hello, World!")
        for thread, count in self.wake_ups().items():
            self.assertGreater(count - before[thread], CLIENTS / THREADS / 4,
                               "a loop hardly takes part")
        after = self.server.metrics()
        self.assertEqual(after["requests_total"] - metrics["requests_total"], 3 * CLIENTS + 1)
        self.assertEqual(after["responses_total"] - metrics["responses_total"], 3 * CLIENTS + 1)
        self.assertEqual(
            after["connections_accepted_total"] - metrics["connections_accepted_total"],
            CLIENTS + 1)


class Pinned(ServerCase):
    flags = ("--pin-threads",)

    def test_serves(self):
        for _ in range(20):
            self.assertEqual(self.server.get("/plaintext").status, 200)


if __name__ == "__main__":
    main()
