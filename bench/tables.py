"""The tables of docs/benchmarks.md, each from the file of a run: what bench/publish writes."""

import dataclasses
import itertools
import os
import re
import statistics
import typing

from against.settings import CONTROL, FIVEFOLD, FLOORS, OURS
from publishing import (
    AGAIN, ERRORS, RATE_KEPT, WRONG_RATE, Missing, bold_if_more, cpu_table, error_notes, interval,
    microseconds, names_in, pair_ratio, paragraph, rate_notes, ratio, slice_times, table,
    with_notes)

BACKENDS = dict(zip(OURS, ("io_uring", "epoll")))
# Others' share of the processors from which on it is to be said.
OTHERS_SHARE = 0.05
COMMIT_DIGITS = 7
FASTEST = 4
# System calls of which there are fewer for each request are in the sum alone.
CALLS_SHOWN = 0.01
# Whose publication it is.
PUBLISHED_FIRST = "hyperlane"


# ---- Of any run ----


def others_shares(node, path=()):
    """What share of the processors other programs took in each setting."""
    if not isinstance(node, dict):
        return {}
    found = {", ".join(path): node["others_share"]} if "others_share" in node else {}
    for key, value in node.items():
        found |= others_shares(value, (*path, key))
    return found


def source(run):
    env = run.part("environment")
    commit, _, changes = env["commit"].partition(" ")
    kernel = re.match(r"\S+ \d+\.\d+", env["kernel"])
    text = (f"Measured at {commit[:COMMIT_DIGITS]}{f' {changes}' if changes else ''}, "
            f"{env['processors']} processors ({env['machine']}), "
            f"{kernel.group() if kernel else env['kernel']}"
            f"{', ' + env['compiler'] if env.get('compiler') else ''}: `{' '.join(run.command)}`; "
            f"raw data in [{os.path.basename(run.path)}]({run.link(run.path)}).")
    shares = others_shares(run.data)
    busy = {name: share for name, share in shares.items() if share > OTHERS_SHARE}
    if busy:
        most = max(busy, key=busy.get)
        text += (f" Other programs took more than {OTHERS_SHARE:.0%} of the processors in "
                 f"{len(busy)} of {len(shares)} settings, at the most {busy[most]:.0%} ({most}).")
    return paragraph(text)


def verdicts_in(node, path=()):
    """All that was judged below @node: what it is, its value, its bound as text, and whether that
    was reached. Some runs keep a list, some a ratio for each pair. A bound is the most that the
    value may be, unless it says otherwise."""
    if not isinstance(node, dict):
        return
    held = node.get("verdicts", [])
    for name, one in held.items() if isinstance(held, dict) else ():
        yield (f"{', '.join(path)}: {name}", one["ratio"], f"<= {one['bound']:.4g}", one["reached"])
    for one in held if isinstance(held, list) else ():
        bound = f"{'<=' if one.get('most', True) else '>='} {one['bound']:.4g}"
        yield one["what"], one["value"], bound, one["reached"]
    for key, value in node.items():
        if key != "verdicts":
            yield from verdicts_in(value, (*path, key))


def verdicts(run, part):
    # Runs keep what they have measured by parts, settings or units.
    within = next((key for key in ("settings", "units") if key in run.data), "parts")
    found = list(verdicts_in(run.part(within, *part.split())))
    if not found:
        raise Missing("it has no verdicts")
    rows = [[what, f"{value:.3f}", bound, "yes" if reached else "**no**"]
            for what, value, bound, reached in found]
    count = sum(reached for *_, reached in found)
    return with_notes(table(["what", "measured", "bound", "reached"], rows),
                      [("Bounds reached", f"{count} of {len(found)}")])


def charts_of(run, part):
    charts = run.charts(part)
    if len(charts) == 1:
        [path] = charts.values()
        title = "CPU for each request" if part.endswith("cpu") else f"Chart of {part}"
        return [f"![{title}]({path})"]
    links = ", ".join(f"[{name}]({path})" for name, path in charts.items())
    return paragraph(f"Charts of {part}: {links}.")


# ---- peers: HTTP servers of others, beside ours ----


def peer_names(settings):
    return [name for name in names_in(settings) if name not in (*OURS, *FLOORS)]


def ratio_cell(measured, ones, other):
    """Ratios of each of @ones by @other, which need not take part."""
    if other not in measured["servers"]:
        return ""
    return " / ".join(bold_if_more(pair_ratio(measured, one, other)) for one in ones)


def peers_cpu_ratios(run):
    settings = run.part("parts", "cpu")
    rows = []
    others = [*(([one], floor) for one, floor in zip(OURS, FLOORS) if floor in names_in(settings)),
              *((OURS, name) for name in peer_names(settings))]
    for ones, other in others:
        rows.append([other, *(ratio_cell(measured, ones, other)
                              for measured in settings.values())])
    for title, pair in (("control", CONTROL), ("epoll by io_uring", OURS[::-1])):
        rows.append([title, *(ratio(pair_ratio(measured, *pair))
                              for measured in settings.values())])
    return with_notes(table(["by", *settings], rows), error_notes(settings))


def peers_cpu_microseconds(run):
    return cpu_table(run.part("parts", "cpu"))


def peers_pipelined(run):
    settings = {name: measured for name, measured in run.part("parts", "cpu").items()
                if name.startswith("pipelined")}
    if not settings:
        raise Missing("it has no setting with pipelining in parts/cpu")
    [measured] = settings.values()
    rates = {name: server["rate"] or 0 for name, server in measured["servers"].items()}
    peers = [name for name in peer_names(settings) if rates[name]]
    fastest = sorted(peers, key=rates.get, reverse=True)[:FASTEST]
    shown = dict.fromkeys([*fastest, *(name for name in FIVEFOLD if name in peers)])
    ours = ", ".join(f"{BACKENDS[one]} {rates[one]:,.0f}" for one in OURS)
    others = ", ".join(f"{name} {rates[name]:,.0f}" for name in shown)
    return with_notes(paragraph(f"With pipelining, requests a second: {ours}; {others}."),
                      error_notes(settings))


def peers_rates(run, setting):
    servers = run.part("parts", "cpu", setting, "servers")
    rates = {name: server["rate"] or 0 for name, server in servers.items() if name != AGAIN}
    rows = [[name, f"{rates[name]:,.0f}", f"{servers[name]['response_bytes']:,}"]
            for name in sorted(rates, key=rates.get, reverse=True)]
    return with_notes(table(["server", "requests a second", "bytes of an answer"], rows),
                      error_notes({setting: {"servers": servers}}))


def tail_ratios(measured, a, b):
    """How many times as long as @b takes @a, at p99 and at p99.9."""
    pair = measured["pairs"][f"{a}/{b}"]
    return f"{ratio(pair['p99_ratio'])} / {ratio(pair['p999_ratio'])}"


def peers_latency(run):
    rows, notes = [], []
    for peer, found in run.part("parts", "latency").items():
        for share, measured in found["at"].items():
            load = f"{float(share):.0%}"
            servers = measured["servers"]
            rows.append([
                peer, f"{load}, {servers[peer]['rate_wanted']:,.0f}/s",
                *(slice_times(servers[name]) for name in (*OURS, peer)),
                *(tail_ratios(measured, *pair)
                  for pair in ((OURS[0], peer), (OURS[1], peer), CONTROL))])
            where = {f"beside {peer}, {load}": measured}
            notes += error_notes(where) + rate_notes(where)
    head = ["beside", "load", *BACKENDS.values(), "peer",
            *(f"{name} by the peer" for name in BACKENDS.values()), "control"]
    return with_notes(table(head, rows), notes)


# ---- A row for each setting ----


def intervals(settings, pairs):
    """Ratios of @pairs, by the heads of their columns, in all settings."""
    rows = [[setting, *(interval(measured["pairs"].get("/".join(pair)))
                        for pair in pairs.values())]
            for setting, measured in settings.items()]
    return with_notes(table(["setting", *pairs], rows), error_notes(settings))


def cpu_by_setting(settings, servers):
    """CPU time for each request of @servers, by the heads of their columns, in all settings."""
    def cell(server):
        return microseconds(server["cpu_us"]) if server else ""

    rows = [[setting, *(cell(measured["servers"].get(name)) for name in servers.values())]
            for setting, measured in settings.items()]
    return with_notes(table(["setting", *servers], rows), error_notes(settings))


# ---- backends: io_uring beside epoll and the floors ----


BACKEND_PAIRS = {
    "io_uring/floor": (OURS[0], FLOORS[0]), "epoll/floor": (OURS[1], FLOORS[1]),
    "epoll/io_uring": OURS[::-1], "floors: io_uring/epoll": FLOORS, "control": CONTROL,
}


def backends_part(run, name, place):
    """What was measured over loopback, or at @place."""
    return run.part("parts", *place.split(), name)


def backends_cpu_ratios(run, place):
    return intervals(backends_part(run, "cpu", place), BACKEND_PAIRS)


def backends_cpu_microseconds(run, place):
    settings = backends_part(run, "cpu", place)
    return cpu_by_setting(settings, {name: name for name in names_in(settings)})


def backends_latency(run, place):
    rows, notes = [], []
    for setting, found in backends_part(run, "latency", place).items():
        for share, at in found["at"].items():
            measured, load = at["ouro-load"], f"{float(share):.0%}"
            rows.append([
                setting, f"{load}, {at['rate']:,.0f}/s",
                *(slice_times(measured["servers"].get(name)) for name in (*OURS, *FLOORS)),
                *(interval(measured["pairs"].get("/".join(pair)), "p99_")
                  for pair in (OURS[::-1], CONTROL))])
            where = {f"{setting}, {load}": measured}
            notes += error_notes(where) + rate_notes(where)
    head = ["setting", "load", *BACKENDS.values(), *FLOORS, "p99: epoll/io_uring", "p99: control"]
    return with_notes(table(head, rows), notes)


def backends_tools(run):
    rows, notes = [], []
    latency = run.part("parts", "latency")
    tools = list(dict.fromkeys(name for found in latency.values() for at in found["at"].values()
                               for name in at if name not in ("rate", "ouro-load")))
    if not tools:
        raise Missing("no tool of others' has measured in parts/latency")
    for setting, found in latency.items():
        for share, at in found["at"].items():
            load = f"{float(share):.0%}"
            found_by = {(tool, name): at[tool][name] for tool in tools if tool in at
                        for name in OURS}
            if not found_by:
                continue
            times = (tool_times(found_by.get(key)) for key in itertools.product(tools, OURS))
            rows.append([setting, f"{load}, {at['rate']:,.0f}/s", *times])
            for (tool, name), one in found_by.items():
                notes += tool_notes(f"{tool}, {name}: {setting}, {load}", one, at["rate"])
    names = [f"{tool}, {name}" for tool, name in itertools.product(tools, BACKENDS.values())]
    return with_notes(table(["setting", "load", *names], rows), notes)


def tool_times(one):
    if one is None:
        return ""
    if not one["count"]:
        return "-"
    return " / ".join(microseconds(one[key]) for key in ("p50", "p99", "p999"))


def tool_notes(where, one, wanted):
    if one["errors"]:
        yield ERRORS, f"{one['errors']:,} ({where})"
    if statistics.median(one["rates"]) < RATE_KEPT * wanted:
        yield WRONG_RATE, f"{statistics.median(one['rates']):,.0f} ({where})"


def calls_cell(one):
    """How many for each request, and which they are."""
    each = {name: count / one["requests"] for name, count in one["counts"].items()}
    shown = ", ".join(f"{name} {value:.2f}"
                      for name, value in sorted(each.items(), key=lambda item: -item[1])
                      if value >= CALLS_SHOWN)
    return f"{sum(each.values()):.3f}" + (f" ({shown})" if shown else "")


def backends_syscalls(run):
    names = [*OURS, *FLOORS]
    rows = [[setting, *(calls_cell(servers[name]) if name in servers else "" for name in names)]
            for setting, servers in run.part("parts", "syscalls").items()]
    return table(["setting", *names], rows)


def backends_copies(run):
    def cell(one):
        return " / ".join(f"{one['bytes'][kind] / one['requests']:,.1f}" for kind in (
            "bytes_copied", "bytes_rendered", "bytes_zero_copy"))

    rows = [[setting, *(cell(servers[name]) for name in OURS)]
            for setting, servers in run.part("parts", "copies").items()]
    return table(["setting", *BACKENDS.values()], rows)


# ---- floor: ours beside the smallest loops ----


FLOOR_PAIRS = {
    "ouro/floor, io_uring": (OURS[0], FLOORS[0]), "ouro/floor, epoll": (OURS[1], FLOORS[1]),
    "ouro: io_uring/epoll": OURS, "control": ("floor-epoll-again", "floor-epoll"),
}
CHAIN_PAIRS = {
    f"chain/{other}, {backend}": (f"{one}-chain", one.replace("ouro", "floor")
                                  if other == "floor" else one)
    for other in ("floor", "inline") for one, backend in BACKENDS.items()
}
FLOOR_SERVERS = {
    "floor, io_uring": "floor-uring", "floor, epoll": "floor-epoll", "ouro, io_uring": "ouro-uring",
    "ouro, epoll": "ouro-epoll", "with a chain, io_uring": "ouro-uring-chain",
    "with a chain, epoll": "ouro-epoll-chain",
}


def floor_ratios(run):
    return intervals(run.part("settings"), FLOOR_PAIRS)


def floor_chain(run):
    return intervals(run.part("settings"), CHAIN_PAIRS)


def floor_microseconds(run):
    return cpu_by_setting(run.part("settings"), FLOOR_SERVERS)


# ---- table: what others have published, beside what it is here ----


def whole_number(value):
    return "-" if value is None else f"{value:,.0f}"


def table_notes(rows):
    """Failures that the tools count, and runs that did not come to their end."""
    for name, row in rows.items():
        for column, one in row.items():
            if one["failed"]:
                yield "Failures by the tools' account", f"{name} {one['failed']:,} ({column})"
            if len(one["rates"]) < one["wanted"]:
                yield "Rounds that failed", (f"{name} {one['wanted'] - len(one['rates'])} of "
                                             f"{one['wanted']} ({column})")


def table_columns(rows):
    return list(next(iter(rows.values())))


def table_rates(run):
    rows, published = run.part("rows"), run.part("published")
    columns = table_columns(rows)
    lines = []
    for name in dict.fromkeys([*rows, *published]):
        line = [name]
        for column, there in zip(columns, published.get(name, [None] * len(columns))):
            line += [whole_number(rows[name][column]["rate"] if name in rows else None),
                     whole_number(there)]
        lines.append(line)
    head = ["", *(text for column in columns for text in (column, "published"))]
    return with_notes(table(head, lines), list(table_notes(rows)))


def table_ratios(run):
    rows, published = run.part("rows"), run.part("published")
    columns = table_columns(rows)
    first = published[PUBLISHED_FIRST]
    lines = []
    for name, row in rows.items():
        if name in OURS:
            continue
        line = [name]
        for column, there, best in zip(columns, published.get(name, [None] * len(columns)), first):
            rate = row[column]["rate"]
            ours = [rows[one][column]["rate"] for one in OURS]
            line += [" / ".join(ratio(one / rate) for one in ours) if rate and all(ours) else "-",
                     ratio(there / best) if there and best else "-"]
        lines.append(line)
    head = ["", *(text for column in columns
                  for text in (column, f"published, by {PUBLISHED_FIRST}"))]
    return with_notes(table(head, lines), list(table_notes(rows)))


def table_microseconds(run):
    rows = run.part("rows")
    columns = table_columns(rows)
    lines = [[name, *(microseconds(row[column]["cpu_us"]) for column in columns)]
             for name, row in rows.items()]
    return with_notes(table(["", *columns], lines), list(table_notes(rows)))


# ---- micro: single operations ----


def spread(times):
    digits = 1 if times and statistics.median(times) < 100 else 0
    if not times:
        return ""
    return (f"{statistics.median(times):,.{digits}f} "
            f"({min(times):,.{digits}f} - {max(times):,.{digits}f})")


def times_of(results, case):
    return [result[case] for result in results if case in result]


def micro(run, unit):
    runs = run.part("units", unit, "runs")
    if not runs.get("ouro"):
        raise Missing(f"it has no runs of ours in units/{unit}")
    peers = [name for name in runs if name not in ("ouro", "again")]
    rows = []
    for case in runs["ouro"][0]:
        medians = {name: statistics.median(times_of(runs[name], case))
                   for name in ("ouro", *peers) if times_of(runs[name], case)}
        row = [case, *(spread(times_of(results, case)) for results in runs.values())]
        if peers:
            others = [medians[name] for name in peers if name in medians]
            row.append(ratio(medians["ouro"] / min(others)) if others else "")
        rows.append(row)
    names = ["the same again" if name == "again" else name for name in runs]
    return table(["", *names, *(["ouro/fastest peer"] if peers else [])], rows)


# ---- memory: what an idle connection holds ----


def memory(run):
    rows = []
    servers = run.part("servers")
    for name, one in servers.items():
        user, last = one["user_per_connection"], one["points"][-1]
        rows.append([
            name, *(f"{user[kind]:,.0f}" for kind in ("private", "anonymous", "rss")),
            f"{one['kernel_per_connection']:,.0f}",
            f"{last['private'] / last['connections']:,.0f}",
            f"{last['connections']:,}"])
    head = ["", "private", "anonymous", "resident", "kernel", "private, whole", "connections"]
    failures = run.data.get("failures", {})
    return with_notes(table(head, rows), [("Not measured", f"{name} ({why})")
                                          for name, why in failures.items()])


# ---- All of them ----


@dataclasses.dataclass(frozen=True)
class Table:
    """@make gets the run and, where the marker has @words behind the table's name, those."""
    make: typing.Callable
    says: str
    words: str = ""

    def lines(self, run, rest):
        if not self.words:
            if rest:
                raise Missing(f"there is nothing that {rest!r} could say of this table")
            return self.make(run)
        if not rest and not self.words.startswith("["):
            raise Missing(f"the marker does not say which {self.words}")
        return self.make(run, rest)


SOURCE = Table(source, "the machine, the state of the sources, the command, the file")
CHARTS = Table(charts_of, "charts: a picture where there is one, links where there are more",
               "PART")
VERDICTS = Table(verdicts, "what was to hold, and whether it does", "[PART]")
MICROSECONDS = "microseconds of CPU of each server for each request"

TABLES = {
    "peers source": SOURCE,
    "peers cpu ratios": Table(peers_cpu_ratios,
                              "CPU of ours by that of each server, io_uring / epoll"),
    "peers cpu microseconds": Table(peers_cpu_microseconds, MICROSECONDS),
    "peers pipelined": Table(peers_pipelined, "requests a second: ours, the fastest, nginx, h2o"),
    "peers rates": Table(peers_rates, "requests a second, and the size of an answer", "SETTING"),
    "peers latency": Table(peers_latency, "an open loop: p50 / p99 / p99.9 in us, ratios of tails"),
    "peers charts": CHARTS,
    "peers verdicts": VERDICTS,
    "backends source": SOURCE,
    "backends cpu ratios": Table(backends_cpu_ratios, "CPU by the floors', and by each other's",
                                 "[veth]"),
    "backends cpu microseconds": Table(backends_cpu_microseconds, MICROSECONDS, "[veth]"),
    "backends latency": Table(backends_latency,
                              "an open loop: p50 / p99 / p99.9 in us, ratios of p99", "[veth]"),
    "backends tools": Table(backends_tools, "the same as others' load generators see it"),
    "backends syscalls": Table(backends_syscalls, "system calls for each request, and which"),
    "backends copies": Table(backends_copies,
                             "bytes for each request: copied / rendered / sent without a copy"),
    "backends charts": CHARTS,
    "backends verdicts": VERDICTS,
    "floor source": SOURCE,
    "floor ratios": Table(floor_ratios, "CPU by the floors', and by each other's"),
    "floor chain": Table(floor_chain, "the same with two middlewares, by the floors' and without"),
    "floor microseconds": Table(floor_microseconds, MICROSECONDS),
    "floor verdicts": VERDICTS,
    "table source": SOURCE,
    "table rates": Table(table_rates, "requests a second here, and as they were published"),
    "table ratios": Table(table_ratios,
                          "rates of ours by each peer's; as published, the peer's by Hyperlane's"),
    "table microseconds": Table(table_microseconds, MICROSECONDS),
    "table charts": CHARTS,
    "micro source": SOURCE,
    "micro": Table(micro, "nanoseconds of each case, median (least - most), ours and peers'",
                   "UNIT"),
    "micro charts": CHARTS,
    "micro verdicts": VERDICTS,
    "memory source": SOURCE,
    "memory charts": CHARTS,
    "memory": Table(memory, "bytes for each idle connection, by slope"),
}


def render(words, run):
    """The lines of the table that the marker's @words name, from @run."""
    name = next((name for name in sorted(TABLES, key=len, reverse=True)
                 if f"{words} ".startswith(f"{name} ")), None)
    if not name:
        raise Missing(f"there is no table {words!r}; there are: {', '.join(TABLES)}")
    try:
        return TABLES[name].lines(run, words[len(name):].strip())
    except KeyError as error:
        raise Missing(f"what it has for this table is without {error}") from error
