#!/usr/bin/env python3
"""Writes common/tokenizer/unicode_ranges.cc: character classes as Hugging Face's engine has them.

    pip install tokenizers==0.23.3 && python unicode_ranges.py > common/tokenizer/unicode_ranges.cc

Asks `tokenizers` about every code point, because two Unicode versions are at work in it: regular
expressions (Oniguruma) follow Unicode 16, the component Digits (Rust's char::is_numeric) Unicode
17. PCRE2 10.42 follows Unicode 14 and disagrees with them about 9,392 letters and numbers.
"""
from tokenizers import Regex, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def matching(pattern: str) -> list[int]:
    cut = pre_tokenizers.Split(Regex(pattern), "removed")
    return [c for c in POINTS if not cut.pre_tokenize_str(chr(c))]


def numeric() -> list[int]:
    cut = pre_tokenizers.Digits(individual_digits=True)
    return [c for c in POINTS if len(cut.pre_tokenize_str("a" + chr(c))) == 2]


def ranges(points: list[int]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for point in points:
        if result and result[-1][1] == point - 1:
            result[-1] = (result[-1][0], point)
        else:
            result.append((point, point))
    return result


def table(name: str, points: list[int]) -> str:
    cells = [f"{{0x{a:X}, 0x{b:X}}}," for a, b in ranges(points)]
    lines, line = [], "   "
    for cell in cells:
        if len(line) + 1 + len(cell) > 100:
            lines.append(line)
            line = "   "
        line += " " + cell
    lines.append(line)
    body = "\n".join(lines)
    return (f"constexpr CodePointRange k{name}[] = {{\n{body}\n}};\n\n"
            f"std::span<const CodePointRange> {name}Ranges() {{ return k{name}; }}\n")


def main() -> None:
    numbers = matching(r"\p{N}")
    late = sorted(set(numeric()) - set(numbers))
    assert not set(numbers) - set(numeric())
    print("// Written by tests/experiments/unicode_ranges.py from tokenizers 0.23.3.\n"
          '#include "common/tokenizer/unicode_ranges.h"\n\n'
          "namespace kalavai {\n\n// clang-format off")
    print(table("Letter", matching(r"\p{L}")))
    print(table("Number", numbers))
    print(table("LateNumber", late))
    print(table("Mark", matching(r"\p{M}")))
    print(table("Space", matching(r"\s")), end="")
    print("// clang-format on\n\n}  // namespace kalavai")


if __name__ == "__main__":
    main()
