#!/usr/bin/env python3
"""Makes the tokenizer goldens with Hugging Face's tokenizers (PyPI tokenizers 0.23.3).

    pip install tokenizers==0.23.3 && python make_goldens.py

Writes neox.json, digits.json, qwen.json, llama3.json, llama2.json and metaspace.json (small
tokenizers with the components of GPT-NeoX-20B, SmolLM2, Qwen2, Llama 3, and Llama 2 in its older and
newer form), lines.jsonl and hard.jsonl: texts with the ids each tokenizer gives them. Checks
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


LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
# One line each where readers of tokenizer.json differ.
HARD = [
    "e\u0301e\u0301\u0323 s\u0323\u0307 s\u0307\u0323 q\u0301\u0323 \u0301", "\u212b \u0344 \u0958 \ufb2a",
    "q\u0301\u1df6\u0323 e\u1df6\u0301 \U00011935\U00011930 \U00011938",  # marks after Unicode 9
    "\u0bc6\u0bbe \u0bca \u0b95\u0bbe", "\u1100\u1161\u11a8 \uac01 \u1100\uac00\u11a8",
    "line\r\nline\rline\n\n\nend", "\r", "\n", "\r\n\r\n", "a\u2028b\u2029c\u0085d\x0be\x0cf", " \n \n  x",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1f3\U0001f1ec\U0001f44d\U0001f3fd\u2764\ufe0f",
    "abc\u4e2d\u6587\u0430\u0431\u0432\u05d0\u05d1\u0e01\u0e32\u0ba4\u0bae", "\u202e\u05e9\u05dc\u05d5\u05dd\u202c (\u0645\u0631\u062d\u0628\u0627)!",
    "a\u200bb\u200cc\u200dd\u2060e\ufefff", "\ufeffstart", "\x00\x00a\x00 \x01\x7f\x9f", "\ufffd \ufffe \U0010ffff \ue000",
    " " * 200, "x" + " " * 77 + "y", "\t" * 50 + "a", "1234567890" * 20, "\n" * 60, "a" * 300, "\u00a0\u3000\u2009 x",
    "\u0378\u0530\U0001fbff\U000e0080", "\U00031350\U000105c0\U00016d40 \u1c89",  # Unicode 15, 16
    "\U00011de0\U00011de1 \U00016ff4 \U00010d40\U0001ccf0 \u0663\u2167\u00bd\u3007",
    "I'LL don'T we'\u017fs '\u017f 'S 'ſt IT'S", "'s't're've'm'll'd'S'T'RE", "''s '' 'x'", "\"Hello,\" he_said-she.said",
    "<|endoftext|><|endoftext|>", "a<|endoftext|>b<|endoftext|", "<<|endoftext|>>", " <|endoftext|> ", "<|end<|endoftext|>oftext|>",
    "<|padding|><|endoftext|>|||EMAIL_ADDRESS||||||PHONE_NUMBER|||", "|||EMAIL_ADDRESS||", "<s>a</s> <s> </s><unk>",
    "<mask>  x  <mask>\u3000<mask>", "<0x41><0xE4>", "\u2581a \u2581 b\u2581", "  two  ", "\U0001d518\U0001d52b\U0001d526",
]


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


def llama3(corpus: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "removed", invert=True), byte_level(regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, 450, corpus)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, special=True)])
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False),
         processors.TemplateProcessing(single="<|endoftext|> $A",
                                       special_tokens=[("<|endoftext|>", 0)])])
    return tokenizer


def characters(corpus: list[str], older: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    spaces = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    if older:
        tokenizer.normalizer = normalizers.Sequence(spaces)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    words = [word for text in corpus for word in text.split()]  # else whole lines become tokens
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, show_progress=False, limit_alphabet=120))
    # As in Llama's file: the bytes are tokens of the model only.
    made = json.loads(tokenizer.to_str())
    made["added_tokens"] = made["added_tokens"][:3]
    tail = [decoders.Strip(" ", 1, 0)] if older else []
    tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()] + tail)
    return tokenizer


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


def write(file: str, rows: list[dict], names: list[str]) -> None:
    with open(HERE / file, "w", encoding="utf-8") as f:
        for row in rows:
            for name in names:  # keep the decoded text only where it differs (NFC)
                if row[name + "_text"] == row["text"]:
                    del row[name + "_text"]
            f.write(json.dumps(row, ensure_ascii=True) + "\n")


def main() -> None:
    corpus = texts()
    rows = [{"text": text} for text in corpus]
    hard = [{"text": text} for text in HARD]
    makers = {"neox": neox, "digits": digits, "qwen": qwen, "llama3": llama3,
              "llama2": lambda c: characters(c, older=True),
              "metaspace": lambda c: characters(c, older=False)}
    if (HERE / "trained.json").exists():
        makers["trained"] = check_trained
    for name, make in makers.items():
        # Added tokens are no text to learn from.
        tokenizer = make([t for t in corpus if "<|" not in t])
        if name != "trained":
            tokenizer.save(str(HERE / f"{name}.json"), pretty=False)
        for row in rows + hard:
            ids = tokenizer.encode(row["text"], add_special_tokens=False).ids
            row[name] = ids
            row[name + "_text"] = tokenizer.decode(ids, skip_special_tokens=False)
    for name, each in (("lines.jsonl", rows), ("hard.jsonl", hard)):
        write(name, each, list(makers))


if __name__ == "__main__":
    main()
