#!/usr/bin/env python3
"""Does knowing how much members forget or help make the coverage estimate better?

    forecast_transfer.py [tests/golden/forecast/published_conditions.json]

Each published loss matrix, one domain at a time: that domain plays public text (its member, if it has
one, is taken out), the cooperative of the others is forecast from two losses a member and the
relative change phi on the public text, and compared with the oracle gain of their matrix. Printed:
mean absolute errors in percentage points, of the plain estimate, of the one with transfer, and of
transfer shrunk by a factor that was fitted on all *other* conditions. The destroyed runs (LoRA) are
left out. Below the table: the deviations of both, of which common/forecast/interval.h takes the
coverage estimate's, and the alternatives. The estimate with transfer itself is no longer in the
product: rows that members measure (common/forecast/rows.h) took its place. Python 3.9, standard library.
"""
import json
import math
import statistics
import sys
from pathlib import Path

FACTORS = [k / 20 for k in range(21)]


def oracle(base, specialists):
    best = min(sum(row.values()) for row in specialists.values())
    covered = sum(min([base[d]] + [row[d] for row in specialists.values()]) for d in base)
    return 100 * (best - covered) / best


def plain(base, specialists):
    won = {d: max(0.0, base[d] - specialists[d][d]) if d in specialists else 0.0 for d in base}
    most = max(won.values())
    return 100 * (sum(won.values()) - most) / (sum(base.values()) - most)


def transfer(base, specialists, phi):
    total = sum(base.values())
    best = max(base[s] - specialists[s][s] - phi[s] * (total - base[s]) for s in specialists)
    covered = 0.0
    for d in base:
        won = [0.0] + [-phi[s] * base[d] for s in specialists if s != d]
        if d in specialists:
            won.append(base[d] - specialists[d][d])
        covered += max(won)
    return 100 * (covered - best) / (total - best)


def cooperatives(losses):
    for public in losses["base"]:
        base = {d: loss for d, loss in losses["base"].items() if d != public}
        specialists = {s: {d: row[d] for d in base} for s, row in losses["specialists"].items() if s != public}
        if len(specialists) < 2:
            continue
        phi = {s: losses["specialists"][s][public] / losses["base"][public] - 1 for s in specialists}
        yield base, specialists, phi


def errors(losses, factor):
    return statistics.mean(
        abs(transfer(b, s, {k: factor * v for k, v in phi.items()}) - oracle(b, s))
        for b, s, phi in cooperatives(losses))


def main():
    default = Path(__file__).parent.parent / "golden/forecast/published_conditions.json"
    with open(sys.argv[1] if len(sys.argv) > 1 else default, encoding="utf-8") as file:
        conditions = json.load(file)["conditions"]
    table = {}
    for c in conditions:
        coops = list(cooperatives(c["losses"]))
        if c["id"].startswith("lora") or not coops:
            continue
        table[c["id"]] = {
            "cooperatives": len(coops),
            "plain": statistics.mean(abs(plain(b, s) - oracle(b, s)) for b, s, _ in coops),
            "by_factor": [errors(c["losses"], f) for f in FACTORS]}
    print("| condition | cooperatives | plain | with transfer | shrunk (factor) |\n|---|---|---|---|---|")
    shrunk = []
    for name, row in table.items():
        others = [sum(r["by_factor"][k] for n, r in table.items() if n != name) for k in range(len(FACTORS))]
        k = min(range(len(FACTORS)), key=others.__getitem__)
        shrunk.append(row["by_factor"][k])
        print(f"| {name} | {row['cooperatives']} | {row['plain']:.2f} | {row['by_factor'][-1]:.2f} | "
              f"{shrunk[-1]:.2f} ({FACTORS[k]:.2f}) |")
    mean = lambda values: f"{statistics.mean(values):.2f}"
    print(f"| **mean** | {sum(r['cooperatives'] for r in table.values())} | "
          f"**{mean(r['plain'] for r in table.values())}** | "
          f"**{mean(r['by_factor'][-1] for r in table.values())}** | {mean(shrunk)} |")

    groups = [list(cooperatives(c["losses"])) for c in conditions if c["id"] in table]
    print("\nThe formulas' own errors: deviation over scale, mean log-likelihood (w: improvement over the base, %)\n")
    for name, error in [("plain", lambda b, s, p: plain(b, s) - oracle(b, s)),
                        ("with transfer", lambda b, s, p: transfer(b, s, p) - oracle(b, s))]:
        for scale, of in [("constant", lambda w: 1.0), ("root of w", math.sqrt), ("w", lambda w: w)]:
            deviation, likelihood = normal(groups, error, of)
            print(f"{name}, {scale}: {deviation:.3f}, {likelihood:.2f}")


def normal(groups, error, scale):
    """Errors as normal with deviation proportional to scale(w); each condition has equal weight."""
    def mean(function):
        return statistics.mean(
            statistics.mean(function(error(*coop), scale(improvement(*coop))) for coop in group) for group in groups)

    deviation = math.sqrt(mean(lambda e, x: (e / x) ** 2))
    return deviation, mean(lambda e, x: -math.log(deviation * x) - (e / (deviation * x)) ** 2 / 2)


def improvement(base, specialists, _):
    return 100 * sum(max(0.0, base[s] - specialists[s][s]) for s in specialists) / sum(base.values())


if __name__ == "__main__":
    main()
