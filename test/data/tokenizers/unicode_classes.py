# Fills the tables of data/unicode-classes.ts: the character classes of Hugging Face's `tokenizers` (Rust), asked code point by code point.
#
#   python test/data/tokenizers/unicode_classes.py
#
# Python is needed for making the table only. Made with tokenizers 0.23.2 and Node 20.20.2 (Unicode 17).
import re
import subprocess

from tokenizers import normalizers, pre_tokenizers

POINTS = [p for p in range(0x110000) if not 0xD800 <= p < 0xE000]
NODE = r"""
const changed = (text) => text.normalize('NFD') !== text;
const known = [];
for (let p = 0; p < 0x110000; p++) {
  if (p >= 0xd800 && p < 0xe000) continue;
  const c = String.fromCodePoint(p);
  known.push(Number(changed(c) || changed('\u0345' + c) || changed(c + '\u0334')));
}
process.stdout.write(known.join(''));
"""


def bert(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **on}).normalize_str


def ranges(points):
    found = []
    for p in points:
        if found and found[-1][1] == p:
            found[-1][1] = p + 1
        else:
            found.append([p, p + 1])
    return found


def base36(n):
    digits = ""
    while n or not digits:
        n, digit = divmod(n, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def table(points):
    """Gap, length, gap, length, ... in base 36, in lines of at most 118 characters."""
    numbers, at = [], 0
    for start, end in ranges(points):
        numbers += [base36(start - at), base36(end - start)]
        at = end
    lines = [""]
    for word in numbers:
        if len(lines[-1]) + len(word) > 117:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "\n".join(lines)


clean, accents, chinese = bert(clean_text=True), bert(strip_accents=True), bert(handle_chinese_chars=True)
split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
nfd = normalizers.NFD().normalize_str
decomposes = lambda text: nfd(text) != text
in_node = subprocess.run(["node", "-e", NODE], capture_output=True, text=True, check=True).stdout
words = {p: len(split("a" + chr(p) + "a")) for p in POINTS}
classes = {
    "removed": [p for p in POINTS if clean(chr(p)) == ""],
    "space": [p for p in POINTS if words[p] == 2],
    "punctuation": [p for p in POINTS if words[p] == 3],
    "mark": [p for p in POINTS if accents(chr(p)) == ""],
    "ideograph": [p for p in POINTS if chinese(chr(p)) != chr(p)],
    "later": [
        p
        for p, node in zip(POINTS, in_node)
        if node == "1" and not any(map(decomposes, (chr(p), "\u0345" + chr(p), chr(p) + "\u0334")))
    ],
}
# Cleaning makes a blank of what the pre-tokenizer drops, unless it removes it.
removed, space = set(classes["removed"]), set(classes["space"])
assert all(clean(chr(p)) == ("" if p in removed else " " if p in space else chr(p)) for p in POINTS)

PATH = "data/unicode-classes.ts"
source = open(PATH, encoding="utf-8").read()
for name, points in classes.items():
    source = re.sub(rf"(\n  {name}: `)[^`]*(`)", lambda m: f"{m[1]}\n{table(points)}\n{m[2]}", source)
open(PATH, "w", encoding="utf-8").write(source)
