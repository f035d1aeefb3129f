#!/usr/bin/env python3
"""Draws the tables of bench files as SVG, and prints them as Markdown. Needs nothing but Python.

usage: benches/plot.py FILE.json...      writes benches/plots/BENCH-TABLE.svg beside this script
"""

import html
import json
import math
import pathlib
import re
import sys

PLOTS = pathlib.Path(__file__).parent / "plots"
WIDTH, BAR, LEFT, RIGHT, TOP = 860, 26, 300, 150, 58
OURS, OTHERS, SECOND = "#1f6f8b", "#b9c4c9", "#dfe6e9"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PLOTS.mkdir(exist_ok=True)
    for name in sys.argv[1:]:
        data = json.loads(pathlib.Path(name).read_text())
        if data.get("schema") != "perry-sandbox/bench/v1":
            sys.exit(f"{name} is no file of a bench")
        machine = data["machine"]
        print(f"{data['bench']}: {machine['processors']} x {machine['processor']}, Linux {machine['kernel']}\n")
        for table in data["tables"]:
            print(markdown(table))
            slug = re.sub(r"[^a-z0-9]+", "-", f"{data['bench']} {table['name']}".lower()).strip("-")
            (PLOTS / f"{slug}.svg").write_text(drawn(table))


def columns(table):
    seen = []
    for row in table["rows"]:
        seen += [key for key, value in row.items() if is_figure(key, value) and key not in seen]
    return seen


def is_figure(key, value):
    return key != "rounds" and isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(table):
    names = columns(table)
    lines = [f"**{table['name']}** ({table['unit']})", "", f"| | {' | '.join(names)} | |", "| --- " * (len(names) + 2) + "|"]
    for row in table["rows"]:
        cells = " | ".join(shown(row.get(name)) for name in names)
        lines.append(f"| {row['name']} | {cells} | {row.get('walls', '')} |")
    return "\n".join(lines) + "\n"


def drawn(table):
    """Bars of the first figure, with the second one behind it (p50 before p90, after before before)."""
    names = columns(table)
    main_name, other = names[0], names[1] if len(names) > 1 and names[1] in ("p90", "after") else None
    rows = table["rows"]
    values = [row.get(name) or 0 for row in rows for name in (main_name, other) if name]
    highest, lowest = max(values), min((value for value in values if value > 0), default=1)
    # Rows that differ by more than a factor of fifty are only readable on a logarithmic scale.
    logarithmic = highest / lowest > 50
    room = WIDTH - LEFT - RIGHT

    def length(value):
        if value <= 0:
            return 0
        if logarithmic:
            low = lowest / 2
            return room * math.log(value / low) / math.log(highest / low)
        return room * value / highest

    height = TOP + BAR * len(rows) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="24" font-size="16" font-weight="bold">{html.escape(table["name"])}</text>',
        f'<text x="16" y="44" fill="#566">{html.escape(legend(table, main_name, other, logarithmic))}</text>',
    ]
    for number, row in enumerate(rows):
        y = TOP + BAR * number
        value, second = row.get(main_name) or 0, (row.get(other) or 0) if other else 0
        colour = OURS if is_ours(row["name"]) else OTHERS
        label = shown(row.get(main_name)) + (f"  ({row['ratio']:.1f}x)" if "ratio" in row else "")
        out.append(f'<text x="{LEFT - 8}" y="{y + 17}" text-anchor="end">{html.escape(row["name"][:42])}</text>')
        out.append(f'<rect x="{LEFT}" y="{y + 4}" width="{length(second):.1f}" height="{BAR - 8}" fill="{SECOND}"/>')
        out.append(f'<rect x="{LEFT}" y="{y + 4}" width="{length(value):.1f}" height="{BAR - 8}" fill="{colour}"/>')
        end = LEFT + max(length(value), length(second)) + 6
        out.append(f'<text x="{end:.1f}" y="{y + 17}">{label}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def legend(table, main_name, other, logarithmic):
    text = f"{main_name}, {table['unit']}" if main_name != table["unit"] else table["unit"]
    text += f"; behind it {other}" if other else ""
    return text + ("; logarithmic" if logarithmic else "")


def is_ours(name):
    return name.startswith(("perry-sandbox", "launcher process", "in process"))


if __name__ == "__main__":
    main()
