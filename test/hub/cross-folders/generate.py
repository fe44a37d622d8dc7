"""Makes the folder tiny beside it: a cross-encoder as transformers saves it, and the scores that it and sentence-transformers give.
Usage: python generate.py, with torch, transformers 5 and sentence-transformers 6."""

import json
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from sentence_transformers import CrossEncoder
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertTokenizerFast

OUT = os.path.dirname(os.path.abspath(__file__))
FOLDER = f"{OUT}/tiny"
WORDS = ["the", "wing", "of", "a", "layer", "flow", "heat", "in", "slip", "stream", "and", ".", ","]
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
LENGTH = 13
PAIRS = [
    ["heat", "the wing of a layer"],
    ["flow of heat in the stream", "the wing"],
    # Too long: the second text alone, the first alone, both, both by one.
    ["heat", "the wing of a layer, and the wing of a layer, and flow"],
    ["the wing of a layer, and the wing of a layer, and flow", "heat"],
    ["the wing of a layer, and heat", "flow of heat in the slip stream."],
    ["the wing of a layer", "flow of heat in the stream"],
    ["zeppelin", "heat"],
]

torch.manual_seed(5)
shutil.rmtree(FOLDER, ignore_errors=True)
BertTokenizerFast(vocab={word: i for i, word in enumerate(VOCAB)}, do_lower_case=True, model_max_length=LENGTH).save_pretrained(FOLDER)
config = BertConfig(vocab_size=len(VOCAB), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
                    max_position_embeddings=16, initializer_range=0.4, num_labels=1)
BertForSequenceClassification(config).eval().save_pretrained(FOLDER)

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
model = BertForSequenceClassification.from_pretrained(FOLDER).eval()
with torch.no_grad():
    scores = [model(**tokenizer(q, p, truncation="longest_first", max_length=LENGTH, return_tensors="pt")).logits.item()
              for q, p in PAIRS]
predicted = CrossEncoder(FOLDER, max_length=LENGTH, activation_fn=torch.nn.Identity(), device="cpu").predict(PAIRS)
assert max(abs(a - b) for a, b in zip(scores, predicted.tolist())) < 1e-5
with open(f"{OUT}/tiny.expected.json", "w", encoding="utf-8") as file:
    json.dump({"pairs": PAIRS, "length": LENGTH, "scores": scores}, file)


def kept(length, a, b):
    """How many tokens stay of texts of a and b."""
    ids = tokenizer([" ".join(["heat"] * a)], [" ".join(["wing"] * b)], truncation="longest_first", max_length=length)["input_ids"][0]
    return [ids.count(tokenizer.convert_tokens_to_ids(word)) for word in ("heat", "wing")]


with open(f"{OUT}/longest-first.json", "w", encoding="utf-8") as file:
    rows = [[length, a, b, *kept(length, a, b)] for length in (5, 6, 9, 10) for a in range(15) for b in range(15)]
    json.dump(rows, file, separators=(",", ":"))
