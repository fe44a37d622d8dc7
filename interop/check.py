# python check.py MODEL HALF STATIC: what sentence-transformers, transformers and model2vec make of exported folders (README.md).
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForMaskedLM, AutoTokenizer

model, half, static = sys.argv[1:4]
texts = ["the state of the union", "war", "we shall pay the debts of the nation, and keep the peace with all who want it"]
vectors = SentenceTransformer(model).encode(texts)


def say(name, others):
    print(f"{name:45} largest difference {np.abs(np.asarray(others) - vectors).max():.1e}")


say("sentence-transformers, weights in half precision", SentenceTransformer(half).encode(texts))
onnx.checker.check_model(f"{model}/onnx/model.onnx", full_check=True)
tokenizer = AutoTokenizer.from_pretrained(model)
inputs = tokenizer(texts, padding=True, return_tensors="np")
session = onnxruntime.InferenceSession(f"{model}/onnx/model.onnx")
states = session.run(None, {k: inputs[k].astype(np.int64) for k in ("input_ids", "attention_mask", "token_type_ids")})[0]
first = states[:, 0]
say("onnxruntime, checked by onnx.checker", first / np.linalg.norm(first, axis=1, keepdims=True))
mlm = AutoModelForMaskedLM.from_pretrained(model)
with torch.no_grad():
    hidden = mlm.bert(**{k: torch.tensor(v) for k, v in inputs.items()}).last_hidden_state[:, 0].numpy()
say("transformers", hidden / np.linalg.norm(hidden, axis=1, keepdims=True))

onnx.checker.check_model(f"{static}/onnx/model.onnx", full_check=True)
vectors = SentenceTransformer(static).encode(texts)
try:
    from model2vec import StaticModel

    say("model2vec, static", StaticModel.from_pretrained(static).encode(texts))
except ImportError:
    print("model2vec is not installed")
tokenizer = AutoTokenizer.from_pretrained(static)
ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
offsets = np.cumsum([0] + [len(each) for each in ids[:-1]], dtype=np.int64)
session = onnxruntime.InferenceSession(f"{static}/onnx/model.onnx")
say("onnxruntime, static", session.run(None, {"input_ids": np.concatenate(ids).astype(np.int64), "offsets": offsets})[0])
