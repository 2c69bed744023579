"""Rounds into figures, figures into a table."""

import statistics

BASES = ("nginx-map", "relay")


def medians(row):
    out = {key: statistics.median(r[key] for r in row["rounds"]) for key in ("cpu_us", "rate", "p50_us", "p99_us")}
    out["cpu_us_best"] = min(r["cpu_us"] for r in row["rounds"])
    return out


def ratio(row, base):
    """The median of the ratios of rounds that ran one after the other: the host's moods are in both."""
    if base is None:
        return None
    return statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in zip(row["rounds"], base["rounds"]))


def figures(rows, case):
    of_case = [row for row in rows if row["case"] == case]
    bases = {name: next((r for r in of_case if r["contender"] == name), None) for name in BASES}
    for row in of_case:
        row["ratios"] = {name: ratio(row, base) for name, base in bases.items()}
    return of_case


def complaints(rows):
    return [(row["case"], row["contender"], r["complaint"]) for row in rows for r in row["rounds"] if r["complaint"]]


def cell(value, form, width):
    return ("n/a" if value is None else format(value, form)).rjust(width)


def print_case(case, about, rows):
    print(f"\n{case}: {about}")
    print(f"  {'':10} {'CPU us':>8} {'best':>8} {'x map':>6} {'x relay':>7} {'syscalls':>8} {'kinsn':>7} {'user':>6}"
          f" {'req/s':>8} {'p50 us':>7} {'p99 us':>7} {'RSS':>6} {'PSS':>6} MiB")
    for row in rows:
        m = medians(row)
        calls = (row.get("syscalls") or {}).get("all")
        counted = row.get("instructions") or {}
        kinsn, user = (None if counted.get(k) is None else counted[k] / 1000 for k in ("all", "user"))
        print(f"  {row['contender']:10} {m['cpu_us']:8.1f} {m['cpu_us_best']:8.1f}"
              f" {cell(row['ratios']['nginx-map'], '.2f', 6)} {cell(row['ratios']['relay'], '.2f', 7)}"
              f" {cell(calls, '.2f', 8)} {cell(kinsn, '.1f', 7)} {cell(user, '.1f', 6)} {m['rate']:8.0f}"
              f" {m['p50_us']:7.0f} {m['p99_us']:7.0f} {row['rss_mib']:6.1f} {cell(row['pss_mib'], '.1f', 6)}")
    for _, contender, complaint in complaints(rows):
        print(f"  {contender}: NOT VALID: {complaint}")


def print_valgrind(rows):
    print("\nuser-space instructions a request, counted by valgrind (thousands; x map)")
    cases = list(dict.fromkeys(row["case"] for row in rows))
    names = list(dict.fromkeys(row["contender"] for row in rows))
    print("  " + " " * 10 + "".join(f"{case:>16}" for case in cases))
    found = {(r["case"], r["contender"]): r.get("user_instructions") for r in rows}
    for name in names:
        cells = []
        for case in cases:
            value, base = found.get((case, name)), found.get((case, "nginx-map"))
            text = "n/a" if value is None else f"{value / 1000:.1f}"
            if value is not None and base:
                text += f" ({value / base:.2f})"
            cells.append(f"{text:>16}")
        print(f"  {name:10}" + "".join(cells))
