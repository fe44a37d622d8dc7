# Makes test/data/tokenizers/random-strings.json.gz: 20,000 random strings and the ids that Hugging Face's tokenizers give them.
#
#   python test/data/tokenizers/random_strings.py
#
# Left out are added tokens that Rust cannot do: two that are the same once normalised (it takes one or the other by
# chance), one that is empty once normalised, and one that begins with a blank beside one with rstrip (both panic).
# Made once with seed 9, tokenizers 0.23.2 and Python 3.11 (unicodedata 14.0.0); Python is needed for making it only.
import gzip
import itertools
import json
import random
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

SEED, STRINGS, RUNS = 9, 20_000, 3
PATH = "test/data/tokenizers/random-strings.json.gz"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
rng = random.Random(SEED)


def span(first, last):
    return [chr(p) for p in range(first, last + 1)]


def named(*prefixes):
    return [c for c in assigned if unicodedata.name(c, "").startswith(prefixes)]


assigned = [chr(p) for p in range(0x110000) if unicodedata.category(chr(p)) not in ("Cn", "Cs", "Co")]
known = set(assigned)
by_class = {k: [c for c in assigned if unicodedata.category(c)[0] == k] for k in "LMNPSZC"}
cased = [c for c in assigned if c.lower() != c or c.upper() != c]
decomposing = [c for c in assigned if unicodedata.normalize("NFD", c) != c and not 0xAC00 <= ord(c) < 0xD7A4]
# Letters newer than Python's Unicode 14 whose lower case Rust knows; a host's may not, nor do Rust's own parts agree.
lower = normalizers.Lowercase().normalize_str
recent = [chr(p) for p in range(0x110000) if unicodedata.category(chr(p)) == "Cn" and lower(chr(p)) != chr(p)]

POOLS = [
    (10, span(0x21, 0x7E)),
    (6, list("abcdeABCDE")),
    (4, list(" \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u180e\u2003\u2028\u2029\u200b\u202f\u205f\u3000\ufeff")),
    (2, span(0x00, 0x1F) + span(0x7F, 0x9F) + ["\xad", "\u200d", "\u200e", "\u2066", "\ufffd", "\ufffe", "\uffff"]),
    (5, span(0xC0, 0x24F)),
    (3, span(0x300, 0x36F) + ["\u0323", "\u0307", "\u20dd", "\u0488", "\ufe20"]),
    (5, named("GREEK") + list("ΣΣΣς")),
    (2, list("İıŞşĞğÇçi̇ßẞŉǰΐﬁﬀſK")),
    (4, named("CYRILLIC")),
    (3, named("ARABIC", "HEBREW")),
    (4, named("DEVANAGARI", "BENGALI", "TAMIL", "THAI", "TIBETAN", "MYANMAR", "KHMER", "MALAYALAM")),
    (4, span(0x4E00, 0x4E80) + span(0x3400, 0x3420) + span(0xF900, 0xF940)),
    (3, [chr(p) for first in (0x20000, 0x2A6D0, 0x2A700, 0x2B740, 0x2B820, 0x2B920, 0x2CEA0, 0x2CEB0, 0x2F800, 0x30000) for p in range(first, first + 24) if chr(p) in known]),
    (3, span(0x3041, 0x30FF) + list("。、「」・ー゛゜")),
    (3, span(0xAC00, 0xAC40) + span(0x1100, 0x1112) + span(0x1161, 0x1175) + span(0x11A8, 0x11C2)),
    (3, list("😀🏽👩🚀❤️\u200d🇩🇪©™①²½") + ["👩\u200d👩\u200d👧", "🏴\U000e0067\U000e007f"]),
    (2, named("MATHEMATICAL BOLD", "DESERET", "OLD ITALIC", "CUNEIFORM SIGN A")),
    (1, span(0xE000, 0xE010) + ["\uf8ff", "\U000f0000", "\U000ffffd", "\U00100000", "\U0010fffd"]),
    (1, ["\u0378", "\u0379", "\uffff", "\U0001ffff", "\U00050000", "\U000dffff", "\U0010ffff", "\ufdd0"]),
    (0.25, recent),
    (1, assigned),
    (2, by_class["P"] + by_class["S"]),
    (2, by_class["M"]),
    (2, cased),
    (2, decomposing),
]


def token(content, **flags):
    return dict(dict(content=content, special=False, normalized=True, single_word=False, lstrip=False, rstrip=False), **flags)


SETS = [
    [],
    [
        token("covid-19"),
        token("Éa", single_word=True),
        token("<Ent>", special=True, lstrip=True),
        token("tail ", rstrip=True),
        token("ΛΟΓΟΣ"),
        token("<x", normalized=False),
        token("<x>", normalized=False),
        token("ab", single_word=True, lstrip=True, rstrip=True),
    ],
    [
        token("[mask]", normalized=False, lstrip=True, special=True),
        token("e\u0301", normalized=False),
        token("new york", normalized=False, single_word=True, rstrip=True),
        token("😀", normalized=False, lstrip=True, rstrip=True),
        token("É"),
        token("a.b*c", normalized=False, special=True),
        token("##a", normalized=False),
        token("中文"),
        token("_", single_word=True),
    ],
]
WRITTEN = SPECIAL + [t["content"] for tokens in SETS for t in tokens] + ["[Mask]", "COVID-19", "λογος", "NEW YORK", "ab", "[", "##"]


def string():
    parts, pools = [], rng.choices([p for _, p in POOLS], [w for w, _ in POOLS], k=rng.choice([1, 2, 3]))
    for _ in range(rng.choice([1, 2, 3, 4, 6, 10])):
        kind = rng.random()
        if kind < 0.15:
            parts.append(rng.choice(WRITTEN))
        elif kind < 0.17:
            parts.append(rng.choice(rng.choice(pools)) * rng.choice([7, 8, 9, 99, 100, 101]))
        else:
            parts.append("".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 6))))
        if rng.random() < 0.4:
            parts.append(" ")
    return "".join(parts)


CONFIGS = [
    dict(lowercase=low, strip_accents=strip, handle_chinese_chars=chinese, clean_text=clean, added=added, max_chars=[100, 8][added == 2])
    for low, strip, chinese, clean, added in itertools.product([True, False], [None, True, False], [True, False], [True, False], range(3))
]


def normalizer(config):
    return normalizers.BertNormalizer(**{k: config[k] for k in ("lowercase", "strip_accents", "handle_chinese_chars", "clean_text")})


strings = [string() for _ in range(STRINGS)]
# Every character that a word can hold is a piece, alone and inside, but for each 19th; so are some pairs.
words = {}
for normalize in {json.dumps(c, sort_keys=True): normalizer(c) for c in CONFIGS if c["added"] == 0}.values():
    for text in strings:
        for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalize.normalize_str(text)):
            words[word] = True
first = sorted({word[0] for word in words} | set("abcdefghijklmnopqrstuvwxyz"))
inner = sorted({c for word in words for c in word[1:]})
pairs = sorted({word[:2] for word in words if len(word) > 1})
inner_pairs = sorted({word[i : i + 2] for word in words for i in range(1, len(word) - 1)})
vocab = SPECIAL + [c for i, c in enumerate(first) if i % 19] + pairs[::60]
vocab += ["##" + c for i, c in enumerate(inner) if i % 19] + ["##" + c for c in inner_pairs[::300]]
vocab = list(dict.fromkeys(vocab))


def tokenizer(config):
    made = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]", max_input_chars_per_word=config["max_chars"]))
    made.normalizer, made.pre_tokenizer = normalizer(config), pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    made.add_tokens([AddedToken(**t) for t in SETS[config["added"]]])
    return made


# One tokenizer at a time: each holds some twenty megabytes.
runs = [[(7 * i + 29 * run) % len(CONFIGS) for run in range(RUNS)] for i in range(STRINGS)]
ids = [[None] * RUNS for _ in strings]
added = {}
for k, config in enumerate(CONFIGS):
    made = tokenizer(config)
    if config["added"] not in added:
        added[config["added"]] = json.loads(made.to_str())["added_tokens"]
    for text, chosen, found in zip(strings, runs, ids):
        for run in range(RUNS):
            if chosen[run] == k:
                found[run] = made.encode(text, add_special_tokens=False).ids
content = dict(
    made_with=f"seed {SEED}, tokenizers {tokenizers.__version__}, Unicode {unicodedata.unidata_version}",
    vocab=vocab,
    added=[added[i] for i in range(len(SETS))],
    configs=CONFIGS,
    strings=strings,
    runs=runs,
    ids=ids,
    recent=recent,
)
# Surrogate pairs as they are, and no time in the header: the same file each time.
with open(PATH, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=9, mtime=0, filename="") as zipped:
    zipped.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
print(f"{len(vocab)} tokens, {sum(len(x) for r in ids for x in r)} ids")
