"""Tables in Markdown of what a run of ./dev bench has left in bench/results. A kind of table is a
function that gets what is in the JSON, and says the table's lines; words behind its name are its
arguments."""

import os
import re
import statistics

OURS = ("ouro-uring", "ouro-epoll")
FLOORS = ("floor-uring", "floor-epoll")
CONTROL = "ouro-uring-again/ouro-uring"
COMMANDS = {"bench/against/run": "./dev bench peers", "bench/run": "./dev bench"}
NONE = ""


class Missing(Exception):
    """What a table needs and the run has not."""


# ---- Cells ----


def of(node, *path):
    """What is at @path below @node."""
    for name in path:
        if not isinstance(node, dict) or name not in node:
            raise Missing(f"it has no {' / '.join(path)}")
        node = node[name]
    return node


def figure(value):
    """Three digits, of large ones all."""
    if value is None:
        return "-"
    digits = next((digits for least, digits in ((100, 0), (10, 1), (1, 2)) if abs(value) >= least),
                  3)
    return f"{value:,.{digits}f}"


def ratio(value):
    return NONE if value is None else f"**{value:.2f}**" if value > 1.005 else f"{value:.2f}"


def with_interval(pair, name="ratio", prefix=""):
    if pair is None or pair[name] is None:
        return NONE
    return f"{pair[name]:.3f} [{pair[f'{prefix}low']:.3f} - {pair[f'{prefix}high']:.3f}]"


def table(head, rows):
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


# ---- Of every run ----


def first_below(node, key):
    """What is the first @key below @node, at any depth; None: nothing."""
    if not isinstance(node, dict):
        return None
    if key in node:
        return node[key]
    return next(filter(None, (first_below(value, key) for value in node.values())), None)


def where(data):
    """How to repeat it, and what it ran on."""
    env = of(data, "environment")
    compiler = first_below(data, "compiler")
    command = env["command"]
    name = COMMANDS.get(command[0]) or "./dev bench " + command[0].split("/")[1]
    yield (f"`{' '.join([name, *command[1:]])}`, {env['time'][:10]}, at {env['commit'][:7]}: "
           f"{env['machine']}, {env['processors']} processors, {env['kernel']}"
           f"{f', {compiler}' if compiler else ''}.")


def verdicts_below(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "verdicts" and isinstance(value, list):
                yield from value
            else:
                yield from verdicts_below(value)


def verdicts(data):
    """All that was to be reached, and whether it was."""
    found = list(verdicts_below(data))
    if not found:
        raise Missing("it has no verdicts")
    yield from table(["what", "ratio", "wanted", ""], [
        [one["what"], f"{one['value']:.3f}",
         f"{'at most' if one['most'] else 'at least'} {one['bound']:.3g}",
         "reached" if one["reached"] else "**not reached**"] for one in found])


# ---- peers ----


def names_below(settings):
    """The servers of all @settings, in their order."""
    return list(dict.fromkeys(name for measured in settings.values()
                              for name in measured["servers"]))


def ratio_to(measured, a, b):
    pair = measured["pairs"].get(f"{a}/{b}")
    return pair["ratio"] if pair else None


def both_ratios(measured, name):
    if name in FLOORS:
        return ratio(ratio_to(measured, OURS[FLOORS.index(name)], name))
    texts = [ratio(ratio_to(measured, one, name)) for one in OURS]
    errors = name in measured["servers"] and sum(measured["servers"][name]["errors"].values())
    return " / ".join(texts) + (f", {errors} errors" if errors else "") if all(texts) else NONE


def peers_ratios(data):
    """CPU of ours by that of each other server, io_uring / epoll."""
    settings = of(data, "parts", "cpu")
    names = [name for name in names_below(settings)
             if name not in OURS and not name.endswith("-again")]
    rows = [[name, *(both_ratios(measured, name) for measured in settings.values())]
            for name in names]
    for label, pair in (("control", CONTROL.split("/")), ("epoll by io_uring", OURS[::-1])):
        rows.append([label, *(f"{ratio_to(measured, *pair):.2f}"
                              for measured in settings.values())])
    yield from table(["by", *settings], rows)


def peers_us(data):
    """Microseconds of CPU for each request."""
    settings = of(data, "parts", "cpu")
    rows = [[name, *(figure(measured["servers"][name]["cpu_us"])
                     if name in measured["servers"] else NONE for measured in settings.values())]
            for name in names_below(settings) if not name.endswith("-again")]
    yield from table(["server", *settings], rows)


def peers_rates(data, *setting):
    """Requests a second in one setting, the most first."""
    servers = of(data, "parts", "cpu", " ".join(setting))["servers"]
    rates = sorted(((server["rate"], name) for name, server in servers.items()
                    if not name.endswith("-again")), reverse=True)
    yield from table(["server", "requests/s", "bytes of an answer"], [
        [name, figure(rate), str(servers[name]["response_bytes"])] for rate, name in rates])


def tail(measured, name, key):
    return f"{measured['servers'][name][f'slice_{key}']:.0f}"


def peers_latency(data, share):
    """Tails in an open loop at @share of the peak."""
    rows = []
    for peer, measured in of(data, "parts", "latency").items():
        at = of(measured, "at", share)
        if any(not at["servers"][name].get("times") for name in (*OURS, peer)):
            rows.append([peer, figure(at["servers"][peer]["rate_wanted"]), "no answers"])
            continue
        row = [peer, figure(at["servers"][peer]["rate_wanted"])]
        for key in ("p99", "p999"):
            row += [" / ".join(tail(at, name, key) for name in OURS), tail(at, peer, key)]
            row += [" / ".join(ratio(at["pairs"][f"{one}/{peer}"][f"{key}_ratio"])
                               for one in OURS),
                    f"{at['pairs'][CONTROL][f'{key}_ratio']:.2f}"]
        rows.append(row)
    yield from table(["peer", "requests/s", "p99, us: ours", "peer's", "ratio", "control",
                      "p99.9, us: ours", "peer's", "ratio", "control"], rows)


# ---- backends ----


PAIRS = {"ouro-uring/floor-uring": "io_uring by its floor",
         "ouro-epoll/floor-epoll": "epoll by its floor",
         "ouro-epoll/ouro-uring": "epoll by io_uring", CONTROL: "control"}


def backends_cpu(data, *place):
    """CPU for each request; with "veth" over that."""
    settings = of(data, "parts", *(["veth", "cpu"] if place else ["cpu"]))
    rows = []
    for setting, measured in settings.items():
        rows.append([setting, *(figure(measured["servers"][name]["cpu_us"]) for name in OURS),
                     *(with_interval(measured["pairs"].get(pair)) for pair in PAIRS)])
    yield from table(["setting", "io_uring, us", "epoll, us", *PAIRS.values()], rows)


def backends_latency(data, *place):
    """Medians of slices in an open loop."""
    settings = of(data, "parts", *(["veth", "latency"] if place else ["latency"]))
    rows = []
    for setting, measured in settings.items():
        for share, at in measured["at"].items():
            load = at["ouro-load"]
            rows.append([setting, f"{float(share):.0%}", figure(at["rate"]), *(
                " / ".join(f"{load['servers'][name][f'slice_{key}']:.0f}" for name in OURS)
                for key in ("p50", "p99", "p999")),
                with_interval(load["pairs"]["ouro-epoll/ouro-uring"], "p99_ratio", "p99_"),
                with_interval(load["pairs"][CONTROL], "p99_ratio", "p99_")])
    yield from table(["setting", "load", "requests/s", "p50, us", "p99", "p99.9",
                      "p99: epoll by io_uring", "control"], rows)


def backends_tools(data):
    """What others' load generators say of the same."""
    rows = []
    for setting, measured in of(data, "parts", "latency").items():
        for share, at in measured["at"].items():
            for tool, servers in at.items():
                if tool in ("rate", "ouro-load"):
                    continue
                made = [statistics.median(servers[name]["rates"]) for name in OURS]
                rows.append([setting, f"{float(share):.0%}", tool, figure(at["rate"]),
                             " / ".join(map(figure, made)), *(
                    " / ".join(figure(servers[name][key]) for name in OURS)
                    for key in ("p50", "p99", "p999"))])
    if not rows:
        raise Missing("no other tool was there")
    yield from table(["setting", "load", "by", "requests/s wanted", "made", "p50, us", "p99",
                      "p99.9"], rows)


def backends_syscalls(data):
    """System calls for each request, those of which there is one in a thousand requests."""
    rows = []
    for setting, servers in of(data, "parts", "syscalls").items():
        for name, one in servers.items():
            each = {call: count / one["requests"] for call, count in one["counts"].items()}
            most = sorted(each.items(), key=lambda item: -item[1])
            rows.append([setting, name, f"{sum(each.values()):.3f}", ", ".join(
                f"{call} {value:.3f}" for call, value in most if value >= 0.001)])
    yield from table(["setting", "server", "all", "of these"], rows)


def backends_copies(data):
    """Bytes for each request: copied, rendered, neither."""
    rows = []
    for setting, servers in of(data, "parts", "copies").items():
        keys = ("bytes_copied", "bytes_rendered", "bytes_zero_copy")
        rows.append([setting, *(" / ".join(
            figure(servers[name]["bytes"][key] / servers[name]["requests"]) for name in OURS)
            for key in keys)])
    yield from table(["setting", "copied", "rendered", "neither"], rows)


# ---- table ----


def published(data, what="rate"):
    """The published table's rows as measured here; with "cpu" the CPU time."""
    rows = of(data, "rows")
    columns = list(next(iter(rows.values())))
    lines = []
    for name, row in rows.items():
        cells = []
        for column in columns:
            one = row[column]
            if what == "cpu":
                cells.append(figure(one["cpu_us"]))
            elif one["rates"]:
                failed = f", {one['failed']:,} failed" if one["failed"] else ""
                cells.append(f"{one['rate']:,.0f} ({min(one['rates']):,.0f} - "
                             f"{max(one['rates']):,.0f}){failed}")
            else:
                cells.append("-")
        lines.append([name, *cells])
    yield from table(["", *columns], lines)


def published_ratios(data):
    """ouro's rate by each peer's, here, and the peer's by Hyperlane's as published."""
    rows, others = of(data, "rows"), of(data, "published")
    columns = list(next(iter(rows.values())))
    lines = []
    for name, row in rows.items():
        if name in OURS:
            continue
        cells = []
        for at, column in enumerate(columns):
            here = [rows[one][column]["rate"] / row[column]["rate"] for one in OURS
                    if row[column]["rate"]]
            there = others.get(name, [None] * len(columns))[at]
            first = others["hyperlane"][at]
            cells.append((" / ".join(f"{value:.2f}" for value in here) or "-") +
                         (f"; {there / first:.2f}" if there and first else ""))
        lines.append([name, *cells])
    yield from table(["by", *columns], lines)


# ---- memory ----


def memory(data):
    """Bytes of each idle connection."""
    rows = []
    for name, server in of(data, "servers").items():
        user = server["user_per_connection"]
        last = server["points"][-1]
        rows.append([name, *(f"{value:,.0f}" for value in (
            user["private"], user["rss"], server["kernel_per_connection"],
            server["whole_per_connection"], last["private"] / (1 << 20)))])
    for name, why in data.get("failures", {}).items():
        rows.append([name, f"failed: {why}"])
    most = max(server["points"][-1]["connections"] for server in of(data, "servers").values())
    yield from table(["", "private, by slope", "RSS, by slope", "kernel", "private in all, each",
                      f"MiB at {most:,}"], rows)


# ---- floor ----


def floor_ratios(data, who="ouro"):
    """CPU by the floors'; with "chain" of the server with a chain."""
    rows = []
    pairs = ([("ouro-uring/floor-uring", "io_uring by its floor"),
              ("ouro-epoll/floor-epoll", "epoll by its floor"),
              ("ouro-uring/ouro-epoll", "io_uring by epoll"),
              ("floor-epoll-again/floor-epoll", "control")] if who == "ouro" else
             [("ouro-uring-chain/floor-uring", "io_uring, chain by floor"),
              ("ouro-epoll-chain/floor-epoll", "epoll, chain by floor"),
              ("ouro-uring-chain/ouro-uring", "io_uring, chain by inline"),
              ("ouro-epoll-chain/ouro-epoll", "epoll, chain by inline")])
    for setting, measured in of(data, "settings").items():
        rows.append([setting, *(with_interval(measured["pairs"].get(pair)) for pair, _ in pairs)])
    yield from table(["setting", *(label for _, label in pairs)], rows)


def floor_us(data):
    """Microseconds of CPU for each request."""
    settings = of(data, "settings")
    names = [name for name in names_below(settings) if not name.endswith("-again")]
    yield from table(["setting", *names], [
        [setting, *(figure(measured["servers"][name]["cpu_us"])
                    if name in measured["servers"] else NONE for name in names)]
        for setting, measured in settings.items()])


# ---- micro ----


def micro(data, unit):
    """Nanoseconds of each case of @unit: median, least and most of the rounds."""
    runs = of(data, "units", unit, "runs")
    cases = list(dict.fromkeys(case for rounds in runs.values() for case in rounds[0]))
    names = [name for name in runs if name != "again"]
    rows = []
    for case in cases:
        row = [case]
        for name in names:
            times = [times[case] for times in runs[name] if case in times]
            row.append(f"{figure(statistics.median(times))} ({figure(min(times))} - "
                       f"{figure(max(times))})" if times else NONE)
        again = [times[case] for times in runs["again"] if case in times]
        row.append(figure(statistics.median(again)) if again else NONE)
        rows.append(row)
    yield from table(["ns", *names, "ouro again"], rows)


KINDS = {
    "where": where, "verdicts": verdicts, "peers-ratios": peers_ratios, "peers-us": peers_us,
    "peers-rates": peers_rates, "peers-latency": peers_latency, "backends-cpu": backends_cpu,
    "backends-latency": backends_latency, "backends-tools": backends_tools,
    "backends-syscalls": backends_syscalls, "backends-copies": backends_copies,
    "published": published, "published-ratios": published_ratios, "memory": memory,
    "floor-ratios": floor_ratios, "floor-us": floor_us, "micro": micro,
}


def charts(path, shown_from):
    """Links to the charts of the run whose JSON is @path, for a page in the folder @shown_from."""
    folder, name = os.path.split(path)
    what = name.removesuffix(".json")
    # Not those of another run of the kind, as peers-2-cpu.svg.
    found = sorted(file for file in os.listdir(folder)
                   if re.fullmatch(rf"{re.escape(what)}-(?!\d+-).*\.svg", file))
    if not found:
        raise Missing("it has no charts")
    for file in found:
        title = file.removesuffix(".svg").replace("-", " ")
        yield f"![{title}]({os.path.relpath(os.path.join(folder, file), shown_from)})"
        yield ""
