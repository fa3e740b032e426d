#!/usr/bin/env python3
"""Figures of published loss matrices, by the definitions and in exact fractions.

    make_golden.py CONDITIONS.json > published_conditions.json

CONDITIONS.json: the published results of arXiv 2603.22755 gathered in one file. A second
implementation that shares nothing with common/forecast: rational arithmetic, Shapley values from
level sets (and, up to 8 members, from all coalitions), the t quantile in closed form.
"""
import itertools
import json
import math
import sys
from fractions import Fraction

POINTS = [("3.16", "1.06"), ("8.73", "6.53"), ("15.28", "7.49"), ("15.65", "7.72"),
          ("18.52", "10.17"), ("25.65", "21.76")]
# Students t with 4 degrees of freedom, p = 0.975.
_ALPHA = math.sqrt(4 * 0.975 * 0.025)
T_975_4 = 2 * math.sqrt(math.cos(math.acos(_ALPHA) / 3) / _ALPHA - 1)


def line(divergence):
    x = [Fraction(a) for a, _ in POINTS]
    y = [Fraction(b) for _, b in POINTS]
    n = len(x)
    mean_x, mean_y = sum(x) / n, sum(y) / n
    sxx = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sxx
    intercept = mean_y - slope * mean_x
    error = sum((b - intercept - slope * a) ** 2 for a, b in zip(x, y))
    gain = intercept + slope * divergence
    half = T_975_4 * math.sqrt(error / (n - 2) * (1 + Fraction(1, n) + (divergence - mean_x) ** 2 / sxx))
    return float(gain), float(gain) - half, float(gain) + half


def shapley(won):
    """Level sets: whoever reaches a level shares it with all others who do."""
    value = [Fraction(0)] * len(won)
    levels = sorted({Fraction(0), *won})
    for low, high in zip(levels, levels[1:]):
        reach = [i for i, w in enumerate(won) if w >= high]
        for i in reach:
            value[i] += (high - low) / len(reach)
    return value


def brute(won):
    n = len(won)
    value = [Fraction(0)] * n
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            weight = Fraction(math.factorial(size) * math.factorial(n - size - 1), math.factorial(n))
            for s in itertools.combinations(others, size):
                before = max((won[j] for j in s), default=Fraction(0))
                value[i] += weight * (max(before, won[i]) - before)
    return value


def design(base, specialists, fused):
    """design section 2: base as a row of the oracle, r clipped at 0."""
    domains, names = list(base), list(specialists)
    mean = lambda values: sum(values) / len(domains)
    ew = {s: mean([specialists[s][d] for d in domains]) for s in names}
    best = min(names, key=lambda s: ew[s])
    oracle = mean([min([base[d]] + [specialists[s][d] for s in names]) for d in domains])
    r = {d: max(Fraction(0), base[d] - specialists[d][d]) if d in specialists else Fraction(0)
         for d in domains}
    largest = max(r.values())
    divergence = {s: 100 * (base[s] - specialists[s][s]) / base[s] for s in names}
    mean_divergence = sum(divergence.values()) / len(names)
    credit = [Fraction(0)] * len(names)
    for d in domains:
        won = [max(Fraction(0), base[d] - specialists[s][d]) for s in names]
        one = shapley(won)
        if len(names) <= 8:
            assert one == brute(won)
        credit = [c + v / len(domains) for c, v in zip(credit, one)]
    gain, low, high = line(mean_divergence)
    return {
        "divergence_percent": {s: float(v) for s, v in divergence.items()},
        "mean_divergence_percent": float(mean_divergence),
        "ew_base": float(mean([base[d] for d in domains])),
        "ew_specialists": {s: float(v) for s, v in ew.items()},
        "ew_fused": float(mean([fused[d] for d in domains])),
        "best_specialist": best,
        "line": {"gain_percent": gain, "low": low, "high": high},
        "coverage_gain_percent": float(100 * (sum(r.values()) - largest) / (sum(base.values()) - largest)),
        "oracle_gain_percent": float(100 * (ew[best] - oracle) / ew[best]),
        "realised_gain_percent": float(100 * (ew[best] - mean(fused.values())) / ew[best]),
        "router_gap_nats": float(mean(fused.values()) - oracle),
        "credit_nats": dict(zip(names, map(float, credit))),
    }


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        conditions = json.load(file, parse_float=Fraction)["conditions"]
    out = []
    for c in conditions:
        losses = {"base": c["losses"]["base"], "specialists": c["losses"]["specialists"],
                  "fused": c["losses"]["moe"]}
        printed = {k: c["re"][k] for k in ("divergence_pct", "mean_divergence_pct", "ew_base",
                                           "ew_specialists", "ew_moe", "gain_vs_best_pct")}
        out.append({"id": c["id"], "source": c["source"], "git_rev": c["git_rev"], "losses": losses,
                    "printed": printed, "design": design(**losses)})
    print("{\"conditions\": [")
    print(",\n".join(json.dumps(c, default=float, separators=(",", ":")) for c in out))
    print("]}")


if __name__ == "__main__":
    main()
