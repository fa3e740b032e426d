#!/usr/bin/env python3
"""Makes the tokenizer goldens with Hugging Face's tokenizers (PyPI tokenizers 0.23.3).

    pip install tokenizers==0.23.3 && python make_goldens.py

Writes neox.json, digits.json and qwen.json (small tokenizers with the components of GPT-NeoX-20B,
SmolLM2 and Qwen2), and lines.jsonl: texts with the ids each tokenizer gives them. Checks
trained.json, which our TrainTokenizer wrote from the same texts: it must load in `tokenizers` and
equal, token by token and merge by merge, what their own trainer learns.
"""
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

HERE = pathlib.Path(__file__).parent
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SENTENCES = [
    "The patient was given 250 mg twice daily; the symptoms didn't return within 14 days.",
    "We've signed the agreement (see Schedule 2, §4.1), and they'll countersign it on 3 May 2024.",
    "def split(text: str, sep: str = ',') -> list[str]:\n    return [t.strip() for t in text.split(sep)]",
    "\tfor i in range(10):\n\t\tprint(f'{i:>4}')\n\n\nif __name__ == '__main__':\n        main()\n",
    "Mae'r plant yn chwarae yn yr ardd, ac mae'r gath yn cysgu wrth y tân.",
    "Ọmọ náà ń ka ìwé ní ilé ẹ̀kọ́ ní òwúrọ̀.",
    "குழந்தைகள் தோட்டத்தில் விளையாடுகிறார்கள்.",
    "Die Straße führt über den Fluß; naïve façade, coöperation, Ångström, Å, Å, ﬁn.",
    "他们在图书馆里读书。今天天气很好！",
    "एक समय की बात है। ٣٤٥ أرقام عربية",
    "Line one\r\nline two\r\n\r\n  indented   with   runs of spaces          and more                        end",
    "x = 3.14159e-10 ** 2  # comment\\n <|endoftext|> next document <|padding|>",
    "Write to |||EMAIL_ADDRESS||| or call |||PHONE_NUMBER||| now.",
]
PIECES = [" ", "  ", "    ", "\t", "\n", "\r\n", "a", "Z", "'s", "'LL", "'\u017f", "\u00e9",
          "e\u0301", "\u0301", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd", "\u1eb9\u0300", "s\u0323\u0307", "0",
          "12", "\u0663", "\u2167", "\u00bd", "\u65e5\u672c", "\u3000", "\u180e", "\u200b", "\u0085",
          "\x1c", "\x00", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "<|endoftext|>",
          "|||EMAIL_ADDRESS|||", "\u212b", "\ufb01", ".", "!!", "_", "-", "\u2028", "\ufeff", "\u0344",
          "\uac00", "\u1100\u1161\u11a8", "ab" * 75, "          "]


def texts() -> list[str]:
    rng = random.Random(20260323)
    mixed = ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 10))) for _ in range(200)]
    joined = [" ".join(rng.sample(SENTENCES, 2)) for _ in range(20)]
    return ["", " "] + SENTENCES + joined + mixed


def train(tokenizer: Tokenizer, size: int, corpus: list[str]) -> Tokenizer:
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<|endoftext|>"], show_progress=False, min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def byte_level(regex: bool = True):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)


def neox(corpus: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = byte_level()
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 500, corpus)
    tokenizer.add_special_tokens(["<|padding|>"])
    spaces = [" " * n for n in range(24, 1, -1)]
    names = ["|||EMAIL_ADDRESS|||", "|||PHONE_NUMBER|||"]
    tokenizer.add_tokens([AddedToken(t, normalized=True) for t in spaces + names])
    return tokenizer


def digits(corpus: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level()])
    tokenizer.decoder = decoders.ByteLevel()
    return train(tokenizer, 450, corpus)


def qwen(corpus: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN), "isolated"), byte_level(regex=False)])
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    return train(tokenizer, 450, corpus)


def pairs(merges: list) -> list[str]:
    return [m if isinstance(m, str) else " ".join(m) for m in merges]


def check_trained(corpus: list[str]) -> Tokenizer:
    ours = Tokenizer.from_file(str(HERE / "trained.json"))
    theirs = Tokenizer(models.BPE())
    theirs.normalizer = normalizers.NFC()
    theirs.pre_tokenizer = byte_level()
    train(theirs, 500, corpus)
    model, wanted = json.loads(ours.to_str())["model"], json.loads(theirs.to_str())["model"]
    assert model["vocab"] == wanted["vocab"], "vocabularies differ"
    assert pairs(model["merges"]) == pairs(wanted["merges"]), "merges differ"
    return ours


def main() -> None:
    corpus = texts()
    rows = [{"text": text} for text in corpus]
    makers = {"neox": neox, "digits": digits, "qwen": qwen}
    if (HERE / "trained.json").exists():
        makers["trained"] = check_trained
    for name, make in makers.items():
        # Added tokens are no text to learn from.
        tokenizer = make([t for t in corpus if "<|" not in t])
        if name != "trained":
            tokenizer.save(str(HERE / f"{name}.json"), pretty=False)
        for row in rows:
            ids = tokenizer.encode(row["text"], add_special_tokens=False).ids
            row[name] = ids
            row[name + "_text"] = tokenizer.decode(ids, skip_special_tokens=False)
    with open(HERE / "lines.jsonl", "w", encoding="utf-8") as f:
        for row in rows:
            for name in makers:  # keep the decoded text only where it differs (NFC)
                if row[name + "_text"] == row["text"]:
                    del row[name + "_text"]
            f.write(json.dumps(row, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
