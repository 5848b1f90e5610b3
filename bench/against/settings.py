"""What is measured beside the HTTP peers, and what is to hold."""

import dataclasses

OURS = ("ouro-uring", "ouro-epoll")
CONTROL = ("ouro-uring-again", "ouro-uring")
FLOORS = ("floor-uring", "floor-epoll")
HYPERLANES = ("hyperlane", "hyperlane-21")
# Those whose rate with pipelining ours is to be several times of.
FIVEFOLD = ("nginx", "h2o")

FLOOR_BOUND = 1.10
EPOLL_BOUND = 1.05
PIPELINED_TIMES = 5


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    path: str
    load: tuple
    floor: tuple = None  # options of the floors; None: they take no part
    pipelines: bool = False
    every_peer: bool = False  # ours is to cost less than each
    best_peer: bool = False  # ours is to cost no more than the best
    hyperlane: float = 0  # of Hyperlane's CPU time at most; 0: whatever it is
    floor_bound: float = 0


SETTINGS = [
    Setting("keep-alive 64", "/plaintext", ("--connections", "64"), (), every_peer=True,
            hyperlane=0.75, floor_bound=FLOOR_BOUND),
    Setting("keep-alive 360", "/plaintext", ("--connections", "360"), (), every_peer=True,
            hyperlane=0.75, floor_bound=FLOOR_BOUND),
    Setting("pipelined x16, 64", "/plaintext", ("--connections", "64", "--pipeline", "16"), (),
            pipelines=True),
    Setting("close 64", "/plaintext", ("--connections", "64", "--mode", "close"), ("--close",),
            best_peer=True, hyperlane=0.85),
    Setting("ten a connection, reset, 64", "/plaintext",
            ("--connections", "64", "--requests-per-connection", "10", "--reset"), best_peer=True,
            hyperlane=0.85),
    Setting("post 1 KiB, 64", "/echo",
            ("--connections", "64", "--request", "post", "--body-bytes", "1024")),
    Setting("answer 64 KiB, 64", "/large", ("--connections", "64",)),
]


class Verdict:
    """Whether @what, which is @value, is within @bound."""

    def __init__(self, what, value, bound, most=True):
        self.what, self.value, self.bound, self.most = what, value, bound, most
        self.reached = value <= bound if most else value >= bound

    def __str__(self):
        return (f"  {self.what}: {self.value:.3f} {'<=' if self.most else '>='} {self.bound:.3f}  "
                f"{'reached' if self.reached else 'NOT reached'}")

    def as_json(self):
        return {"what": self.what, "value": self.value, "bound": self.bound, "most": self.most,
                "reached": self.reached}


def ratio_of(measured, a, b):
    pair = measured["pairs"].get(f"{a}/{b}")
    return pair["ratio"] if pair else None


def is_whole(server):
    """Whether a server has answered all, so that its figures say something."""
    return not sum(server["errors"].values()) and server["cpu_us"] is not None


def cpu_verdicts(setting, measured):
    """What is to hold of CPU time for each request."""
    peers = [name for name, server in measured["servers"].items()
             if name not in (*OURS, *FLOORS, CONTROL[0]) and is_whole(server)]
    for ours in OURS:
        ratios = {name: ratio_of(measured, ours, name) for name in peers}
        worst = max(ratios, key=ratios.get, default=None)
        if worst and (setting.every_peer or setting.best_peer):
            yield Verdict(f"{setting.name}: {ours} by the least of the peers ({worst}), CPU",
                          ratios[worst], 1)
        for name in HYPERLANES:
            if setting.hyperlane and name in ratios:
                yield Verdict(f"{setting.name}: {ours} by {name}, CPU", ratios[name],
                              setting.hyperlane)
        floor = ratio_of(measured, ours, ours.replace("ouro", "floor"))
        if setting.floor_bound and floor:
            yield Verdict(f"{setting.name}: {ours} by its floor, CPU", floor, setting.floor_bound)
    if setting.every_peer:
        yield Verdict(f"{setting.name}: epoll by io_uring, CPU",
                      ratio_of(measured, OURS[1], OURS[0]), EPOLL_BOUND)


def rate_verdicts(setting, measured):
    """What is to hold of rates with pipelining."""
    rates = {name: server["rate"] for name, server in measured["servers"].items()
             if name not in (*FLOORS, CONTROL[0]) and is_whole(server)}
    others = {name: rate for name, rate in rates.items() if name not in OURS}
    for ours in OURS:
        for name in FIVEFOLD:
            if name in rates:
                yield Verdict(f"{setting.name}: {ours} by {name}, rate", rates[ours] / rates[name],
                              PIPELINED_TIMES, most=False)
        if others:
            best = max(others, key=others.get)
            yield Verdict(f"{setting.name}: {ours} by the best of the peers ({best}), rate",
                          rates[ours] / others[best], 1, most=False)


def verdicts_of(setting, measured):
    return list(rate_verdicts(setting, measured) if setting.pipelines else
                cpu_verdicts(setting, measured))
