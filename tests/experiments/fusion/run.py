#!/usr/bin/env python3
"""Experiments with fusion, from corpora to tables; kalavai-experiment does the work.

  cmake --build --preset release --target kalavai-experiment kalavai-coordinator
  tests/experiments/fusion/run.py EXPERIMENT.json --corpora DIR --work DIR [STAGE …]

EXPERIMENT.json is in this folder: which base, which domains, which specialists, which cooperatives.
CORPORA/DOMAIN/*.txt is the text, or what "corpora" names for a domain. Stages, in order, all of them if none is named:

  split         CORPORA/DOMAIN -> WORK/text/DOMAIN/{train,probe}.jsonl, by document hash
  base          train the base, unless the experiment has one (--base DIR gives a real one)
  train         the specialists that are not there yet
  monolithic    the base trained on all members' text, with all members' steps
  probe         one pass a model, unless its cache is there
  table         each entry of "tables": every gate and baseline -> WORK/NAME.json, NAME.md
  cooperatives  each entry of "cooperatives": predicted against realised
                -> WORK/cooperatives.json, .md, .svg
  merge         WORK/cooperatives.json of several works, given with --with, in one table and plot

Everything is seeded; a stage that is done is not done again, so that a run can be interrupted.
"""
import argparse
import glob
import json
import math
import os
import subprocess
import sys

STAGES = ["split", "base", "train", "monolithic", "probe", "table", "cooperatives"]
# The six points of the published line: mean divergence %, gain %.
PUBLISHED = [(3.16, 1.06), (8.73, 6.53), (15.28, 7.49), (15.65, 7.72), (18.52, 10.17), (25.65, 21.76)]


class Experiment:
    def __init__(self, arguments):
        with open(arguments.experiment) as file:
            self.spec = json.load(file)
        self.arguments = arguments
        self.work = os.path.abspath(arguments.work)
        self.base = os.path.abspath(arguments.base) if arguments.base else self.path("base")
        os.makedirs(self.work, exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def run(self, program, *words):
        threads = str(self.arguments.threads)
        command = [os.path.join(self.arguments.bin, program), *map(str, words), "--threads", threads]
        environment = dict(os.environ, OMP_NUM_THREADS=threads)
        print(" ".join(command), file=sys.stderr, flush=True)
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    def experiment(self, *words):
        self.run("kalavai-experiment", *words)

    def domains(self):
        return self.spec["domains"] + self.spec.get("public", [])

    def text(self, domain, kind):
        return self.path("text", domain, kind + ".jsonl")

    def members(self):
        """Specialists, with what they do not say taken from "training"."""
        for member in self.spec["members"]:
            yield {"domain": member["name"], "text": member.get("domain", member["name"]),
                   **self.spec.get("training", {}), **member}

    def model(self, name):
        return self.path("models", name)

    def plan(self, references=None):
        """Writes plan.json; `references`: names of those to compare with, None for all."""
        plan = {
            "base": self.base,
            "cache": self.path("cache"),
            **self.spec.get("probe", {}),
            "members": [{"name": m["name"], "domain": m["domain"], "model": self.model(m["name"])}
                        for m in self.members()],
            "domains": [{"name": d, "files": [self.text(d, "probe")],
                         "public": d in self.spec.get("public", [])} for d in self.domains()],
            "references": [{"name": name, "model": self.model(name)}
                           for name in self.spec.get("monolithic", {})
                           if os.path.exists(self.model(name))
                           and (references is None or name in references)],
        }
        with open(self.path("plan.json"), "w") as file:
            json.dump(plan, file, indent=1)
        return self.path("plan.json")


def split(experiment):
    base_text = experiment.spec.get("base", {}).get("text", [])
    for domain in dict.fromkeys(experiment.domains() + base_text):
        if os.path.exists(experiment.text(domain, "probe")):
            continue
        pattern = experiment.spec.get("corpora", {}).get(domain, domain + "/*.txt")
        files = sorted(glob.glob(os.path.join(experiment.arguments.corpora, pattern)))
        if not files:
            sys.exit(f"split: no text of {domain}: {pattern} in {experiment.arguments.corpora}")
        experiment.experiment("split", "--out", experiment.path("text", domain), *files)


def base(experiment):
    if os.path.exists(os.path.join(experiment.base, "config.json")):
        return
    spec = dict(experiment.spec["base"])
    words = []
    for domain in spec.pop("text"):
        words += ["--text", experiment.text(domain, "train")]
    for option, value in spec.items():
        words += ["--" + option, value]
    experiment.run("kalavai-coordinator", "base", "pretrain", "--out", experiment.base, *words)


def train(experiment):
    for member in experiment.members():
        out = experiment.model(member["name"])
        if os.path.exists(os.path.join(out, "config.json")):
            continue
        os.makedirs(os.path.dirname(out), exist_ok=True)
        experiment.experiment(
            "train", "--base", experiment.base, "--text", experiment.text(member["text"], "train"),
            "--out", out, "--steps", member["steps"], "--batch", member["batch"],
            "--learning-rate", member["learning_rate"], "--seed", member.get("seed", 1))


def monolithic(experiment):
    members = {m["name"]: m for m in experiment.members()}
    for name, pooled in experiment.spec.get("monolithic", {}).items():
        out = experiment.model(name)
        if os.path.exists(os.path.join(out, "config.json")):
            continue
        words = []
        for member in pooled:
            words += ["--text", experiment.text(members[member]["text"], "train")]
        first = members[pooled[0]]
        # As many tokens as all of them together.
        steps = sum(members[m]["steps"] * members[m]["batch"] for m in pooled) // first["batch"]
        experiment.run("kalavai-coordinator", "base", "pretrain", "--from", experiment.base,
                       "--out", out, "--steps", steps, "--batch", first["batch"],
                       "--micro-batch", first["batch"], "--learning-rate", first["learning_rate"],
                       *words)


def probe(experiment):
    experiment.experiment("probe", experiment.plan())


def table(experiment):
    for name, spec in experiment.spec.get("tables", {}).items():
        words = ["--members", ",".join(spec["members"]), "--out", experiment.path(name + ".json"),
                 "--weight-average", "--report", experiment.path(name + "-report")]
        if "lookahead_chunks" in spec:
            words += ["--lookahead-chunks", spec["lookahead_chunks"],
                      "--whole-chunks", spec["whole_chunks"]]
        experiment.experiment("compare", experiment.plan(spec.get("references")), *words)
        with open(experiment.path(name + ".json")) as file:
            figures = json.load(file)
        with open(experiment.path(name + ".md"), "w") as file:
            file.write(table_page(name, figures))


def cooperatives(experiment):
    lists = experiment.spec.get("cooperatives", [])
    if not lists:
        return
    experiment.experiment("cooperatives", experiment.plan(), *[",".join(m) for m in lists],
                          "--out", experiment.path("cooperatives.json"))
    with open(experiment.path("cooperatives.json")) as file:
        rows = json.load(file)
    write_cooperatives(experiment.work, [{"base": experiment.spec.get("label", "base"), **row} for row in rows])


def merge(experiment):
    rows = []
    for directory in [experiment.work, *experiment.arguments.merge]:
        with open(os.path.join(directory, "cooperatives.json")) as file:
            label = os.path.basename(os.path.abspath(directory))
            rows += [{"base": label, **row} for row in json.load(file)]
    write_cooperatives(experiment.work, rows, "all_cooperatives")


# Pages.


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


def header(cells):
    return row(cells) + "|" + "---|" * len(cells) + "\n"


def table_page(name, figures):
    domains = [d + ("" if i < figures["counted"] else " (public)")
               for i, d in enumerate(figures["domains"])]
    page = f"# {name}\n\nMembers: " + ", ".join(m["name"] for m in figures["members"]) + ".\n\n"
    page += (f"Gain {figures['realised_gain_percent']:.2f} % over the best specialist, "
             f"{figures['best_specialist']} (the oracle: {figures['oracle_realised_percent']:.2f} %); "
             f"mean divergence {figures['divergence_realised_percent']:.2f} %. "
             f"Router: {figures['rung']}, alpha {figures['alpha']:.5f}, "
             f"SHA-256 `{figures['router_digest'][:16]}`.\n\n")
    page += "## Loss of every model\n\nnats/token\n\n" + header(["", *domains])
    for expert, losses in zip(figures["experts"], figures["losses"]):
        page += row([expert, *[f"{x:.4f}" for x in losses]])
    page += "\n## Pure texts\n\n" + gates_table(figures["pure"] + figures["references"], domains)
    if "spliced" in figures:
        page += ("\n## Texts spliced in the cache (half a chunk each of two domains)\n\n"
                 + spliced_table(figures["spliced"]))
    if "really_spliced" in figures:
        page += ("\n## Texts really spliced (the models read both halves)\n\n"
                 + spliced_table(figures["really_spliced"]))
    if "whole" in figures:
        whole = figures["whole"]
        page += (f"\n## With whole distributions, {whole['texts_per_domain']} texts a domain\n\n"
                 f"The published gate learned from {whole['training_texts_per_domain']} texts a "
                 "domain.\n\n" + gates_table(whole["pure"], domains[:figures["counted"]]))
        if "spliced" in whole:
            page += "\nReally spliced:\n\n" + spliced_table(whole["spliced"])
    return page


def gates_table(rows, domains):
    buckets = ["0–8", "8–32", "32–128", "128–"]
    best = next((r["loss"] for r in rows if r["name"] == "best single specialist"), None)
    text = header(["", "EW", "gap, nats", "gap, %", "gain, %", *domains,
                   *["gap at " + b for b in buckets]])
    for r in rows:
        error = f" ± {r['gap_error']:.4f}" if "gap_error" in r else ""
        gain = 100 * (1 - r["loss"] / best) if best else math.nan
        gaps = [f"{x:.4f}" for x in r.get("bucket_gaps", [])]
        text += row([r["name"], f"{r['loss']:.4f}", f"{r['gap']:.4f}{error}",
                     f"{r['gap_percent']:.2f}", f"{gain:.2f}",
                     *[f"{x:.3f}" for x in r["by_domain"][:len(domains)]], *gaps, *[""] * (4 - len(gaps))])
    return text


def spliced_table(rows):
    text = header(["", "loss", "gap, nats", "gap, %", "gap 0–8 after the switch", "8–32", "32–128",
                   "tokens to switch", "never, %"])
    for r in rows:
        gaps = [f"{x:.4f}" for x in r["after_switch_gaps"]]
        switch = ([f"{r['tokens_to_switch']:.1f}", f"{r['never_percent']:.1f}"]
                  if "tokens_to_switch" in r else ["", ""])
        text += row([r["name"], f"{r['loss']:.4f}", f"{r['gap']:.4f} ± {r['gap_error']:.4f}",
                     f"{r['gap_percent']:.2f}", *gaps, *[""] * (3 - len(gaps)), *switch])
    return text


# Predictions against what came out.


def fit(points):
    """Least squares: slope, intercept, n, residual deviation, mean x, Σ(x − mean)², R²."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    square = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / square
    intercept = mean_y - slope * mean_x
    error = sum((y - slope * x - intercept) ** 2 for x, y in points)
    total = sum((y - mean_y) ** 2 for _, y in points)
    return {"slope": slope, "intercept": intercept, "n": n,
            "deviation": math.sqrt(error / (n - 2)), "mean_x": mean_x, "square": square,
            "r_squared": 1 - error / total if total else math.nan}


def t_quantile(degrees):
    """97.5 % quantile of Student's t, by bisection on its distribution (Simpson's rule)."""
    def density(x):
        return math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
                        - (degrees + 1) / 2 * math.log1p(x * x / degrees)) / math.sqrt(degrees * math.pi)

    def half(x, steps=400):
        h = x / steps
        inner = sum((4 if i % 2 else 2) * density(i * h) for i in range(1, steps))
        return (density(0) + inner + density(x)) * h / 3

    low, high = 0.0, 700.0 if degrees < 3 else 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if half(middle) < 0.475 else (low, middle)
    return low


def band(line, x):
    """The line at x, and half of its 95 % prediction interval."""
    width = t_quantile(line["n"] - 2) * line["deviation"] * math.sqrt(
        1 + 1 / line["n"] + (x - line["mean_x"]) ** 2 / line["square"])
    return line["slope"] * x + line["intercept"], width


def predictors(rows):
    """Adds "own_line", fitted on the other cooperatives of the same base, to each row."""
    for this in rows:
        others = [(r["divergence_percent"], r["realised_gain_percent"]) for r in rows
                  if r is not this and r["base"] == this["base"]]
        if len(others) < 4 or len({x for x, _ in others}) < 2:
            continue
        value, width = band(fit(others), this["divergence_percent"])
        this["own_line"] = {"gain_percent": value, "low": value - width, "high": value + width}
    return ["line", "own_line", "coverage", "rows", "oracle"]


def write_cooperatives(work, rows, name="cooperatives"):
    names = predictors(rows)
    page = "# Predicted and realised\n\n"
    page += header(["base", "members", "N", "divergence, %", "line", "own line (others)", "coverage",
                    "rows", "oracle", "realised, %", "oracle realised, %", "rung"])
    for r in rows:
        def cell(key):
            if key not in r:
                return ""
            e = r[key]
            held = e["low"] <= r["realised_gain_percent"] <= e["high"]
            return f"{e['gain_percent']:.2f} [{e['low']:.2f}, {e['high']:.2f}]" + ("" if held else " ✗")
        page += row([r["base"], ", ".join(m["name"] for m in r["members"]), str(r["specialists"]),
                     f"{r['divergence_percent']:.2f}", *[cell(k) for k in names],
                     f"**{r['realised_gain_percent']:.2f}**", f"{r['oracle_realised_percent']:.2f}",
                     r["rung"]])
    page += "\n✗: the 95 % interval did not hold what was realised.\n\n"
    page += header(["predictor", "n", "mean absolute error, pp", "bias, pp", "root mean square, pp",
                    "largest error, pp", "intervals that held"])
    for key in names:
        errors = [r[key]["gain_percent"] - r["realised_gain_percent"] for r in rows if key in r]
        if not errors:
            continue
        held = sum(r[key]["low"] <= r["realised_gain_percent"] <= r[key]["high"]
                   for r in rows if key in r)
        page += row([key.replace("_", " "), str(len(errors)),
                     f"{sum(map(abs, errors)) / len(errors):.2f}", f"{sum(errors) / len(errors):+.2f}",
                     f"{math.sqrt(sum(e * e for e in errors) / len(errors)):.2f}",
                     f"{max(errors, key=abs):+.2f}", f"{held} of {len(errors)}"])
    lines = {}
    points = [(r["divergence_percent"], r["realised_gain_percent"]) for r in rows]
    if len(points) > 2 and len({x for x, _ in points}) > 1:
        lines["fitted here"] = fit(points)
    lines["published"] = fit(PUBLISHED)
    page += "\n"
    for label, line in lines.items():
        page += (f"Line {label}: gain = {line['slope']:.4f}·divergence {line['intercept']:+.4f}, "
                 f"n = {line['n']}, R² {line['r_squared']:.3f}.\n\n")
    page += f"![divergence against gain]({name}.svg)\n"
    with open(os.path.join(work, name + ".md"), "w") as file:
        file.write(page)
    with open(os.path.join(work, name + ".svg"), "w") as file:
        file.write(scatter(rows, lines))


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def scatter(rows, lines):
    """Divergence against gain, with both lines and the published points."""
    width, height, left, bottom, top, right = 760, 520, 64, 56, 48, 24
    largest_x = max([r["divergence_percent"] for r in rows] + [x for x, _ in PUBLISHED])
    gains = [r["realised_gain_percent"] for r in rows] + [y for _, y in PUBLISHED]
    max_x = 5 * math.ceil(largest_x * 1.05 / 5)
    max_y = 5 * math.ceil(max(gains) * 1.05 / 5)
    min_y = min(0, 5 * math.floor(min(gains) / 5))
    colours = ["#0b6e99", "#c4480c", "#5a7d1f", "#7a3e9d"]

    def at_x(x):
        return left + (width - left - right) * x / max_x

    def at_y(y):
        return height - bottom - (height - top - bottom) * (y - min_y) / (max_y - min_y)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="24" font-size="15">Divergence and gain of {len(rows)} cooperatives</text>']
    step_x, step_y = (5 if max_x <= 50 else 10), (5 if max_y - min_y <= 50 else 10)
    for x in range(0, max_x + 1, step_x):
        out.append(f'<line x1="{at_x(x):.1f}" y1="{top}" x2="{at_x(x):.1f}" y2="{height - bottom}" stroke="#e4e4e4"/>'
                   f'<text x="{at_x(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">{x}</text>')
    for y in range(min_y, max_y + 1, step_y):
        out.append(f'<line x1="{left}" y1="{at_y(y):.1f}" x2="{width - right}" y2="{at_y(y):.1f}" stroke="#e4e4e4"/>'
                   f'<text x="{left - 8}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y}</text>')
    out.append(f'<text x="{(left + width - right) / 2}" y="{height - 14}" text-anchor="middle">'
               'mean divergence, %</text>'
               f'<text transform="translate(18 {(top + height - bottom) / 2}) rotate(-90)" '
               'text-anchor="middle">gain over the best specialist, %</text>')
    legend = []
    out.append(f'<clipPath id="plot"><rect x="{left}" y="{top}" width="{width - left - right}" '
               f'height="{height - top - bottom}"/></clipPath>')
    for (label, line), (colour, dash) in zip(lines.items(), [("#222222", ""), ("#888888", "6 4")]):
        ends = [line["intercept"], line["slope"] * max_x + line["intercept"]]
        out.append(f'<line clip-path="url(#plot)" x1="{at_x(0):.1f}" y1="{at_y(ends[0]):.1f}" '
                   f'x2="{at_x(max_x):.1f}" y2="{at_y(ends[1]):.1f}" stroke="{colour}" '
                   f'stroke-width="1.5" stroke-dasharray="{dash}"/>')
        legend.append((f'<line x1="-16" y1="-4" x2="0" y2="-4" stroke="{colour}" stroke-width="1.5" '
                       f'stroke-dasharray="{dash}"/>', f"line {label}"))
    for x, y in PUBLISHED:
        out.append(f'<path d="M{at_x(x) - 4:.1f} {at_y(y):.1f}h8m-4 -4v8" stroke="#888888" stroke-width="1.5"/>')
    legend.append(('<path d="M-12 -4h8m-4 -4v8" stroke="#888888" stroke-width="1.5"/>', "published points"))
    bases = sorted({r["base"] for r in rows})
    for r in rows:
        colour = colours[bases.index(r["base"]) % len(colours)]
        x, y = at_x(r["divergence_percent"]), at_y(r["realised_gain_percent"])
        title = escape(", ".join(m["name"] for m in r["members"])
                       + f": {r['divergence_percent']:.2f} %, gain {r['realised_gain_percent']:.2f} %")
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 + 0.6 * r["specialists"]:.1f}" '
                   f'fill="{colour}" fill-opacity="0.65"><title>{title}</title></circle>')
    for i, label in enumerate(bases):
        legend.append((f'<circle cx="-8" cy="-4" r="5" fill="{colours[i % len(colours)]}" '
                       'fill-opacity="0.65"/>', f"{label} (size: members)"))
    for i, (mark, label) in enumerate(legend):
        out.append(f'<g transform="translate({left + 28} {top + 20 + 18 * i})">{mark}'
                   f'<text x="8">{escape(label)}</text></g>')
    out.append("</svg>\n")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="EXPERIMENT.json")
    parser.add_argument("--corpora", help="directory with a folder of .txt for each domain")
    parser.add_argument("--work", required=True, help="directory for everything that is made")
    parser.add_argument("--base", help="directory of a base that is there already")
    parser.add_argument("--bin", default="build/release/bin", help="where the programs are")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--with", dest="merge", action="append", default=[], help="another work, for merge")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join([*STAGES, "merge"]))
    arguments = parser.parse_intermixed_args()
    stages = arguments.stages or STAGES
    unknown = [s for s in stages if s not in [*STAGES, "merge"]]
    if unknown:
        parser.error(f"no stage {unknown[0]}; there are {', '.join([*STAGES, 'merge'])}")
    if "split" in stages and not arguments.corpora:
        parser.error("--corpora is needed for the stage split")
    experiment = Experiment(arguments)
    for stage in stages:
        try:
            globals()[stage](experiment)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{stage}: {error.cmd[0]} {error.cmd[1]} failed with code {error.returncode}")


if __name__ == "__main__":
    main()
