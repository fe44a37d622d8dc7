"""Makes the folders static, model2vec and word-weights beside it, and what sentence-transformers computes of them.
Usage: python generate_words.py, with torch, transformers 5 and sentence-transformers 6."""

import json
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules as m
from transformers import BertConfig, BertModel, BertTokenizerFast

OUT = os.path.dirname(os.path.abspath(__file__))
TEXTS = ["The wing of a boundary layer is heated.", "flow", "Heat transfer in the slip stream of a zeppelin", "", "a a a"]
QUERY = "boundary layer of a wing"
# One word is not in the vocabulary.
WORDS = sorted({w.strip(".").lower() for text in [*TEXTS, QUERY] for w in text.split()} - {"zeppelin"})
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *WORDS]
SCRATCH = f"{OUT}/.scratch"


def finish(name, model=None):
    folder = f"{OUT}/{name}"
    if model is not None:
        shutil.rmtree(folder, ignore_errors=True)
        model.save(folder, create_model_card=False)
    model = SentenceTransformer(folder, device="cpu")
    documents, query = model.encode_document(TEXTS), model.encode_query([QUERY])
    expected = {"texts": TEXTS, "query": QUERY, "documents": documents.tolist(), "query_vector": query[0].tolist(),
                "similarity": model.similarity(query, documents)[0].tolist()}
    with open(f"{folder}.expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file)


torch.manual_seed(3)
tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(VOCAB)}, do_lower_case=True)

words = m.StaticEmbedding(tokenizer, embedding_weights=torch.randn(len(VOCAB), 8))
finish("static", SentenceTransformer(modules=[words], device="cpu", similarity_fn_name="dot",
                                     prompts={"query": "flow ", "document": ""}))

# As model2vec writes it: what is not in the vocabulary is left out of the mean, for which its row is zeros.
folder = f"{OUT}/model2vec"
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
tokenizer.backend_tokenizer.save(f"{folder}/tokenizer.json")
table = np.random.default_rng(0).normal(size=(len(VOCAB), 8)).astype(np.float32)
table[1] = 0
save_file({"embeddings": table}, f"{folder}/model.safetensors")
config = {"model_type": "model2vec", "architectures": ["StaticModel"], "tokenizer_name": "bert", "apply_pca": 8,
          "hidden_dim": 8, "seq_length": 1000000, "normalize": True}
modules = [{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
           {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"}]
for name, content in (("config", config), ("modules", modules)):
    with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
        json.dump(content, file)
finish("model2vec")

tokenizer.save_pretrained(SCRATCH)
BertModel(BertConfig(vocab_size=len(VOCAB), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                     intermediate_size=16, max_position_embeddings=16, initializer_range=0.3)).eval().save_pretrained(SCRATCH)
# One word has no weight of its own.
weights = {word: float(np.float32(0.1 + 0.37 * i)) for i, word in enumerate(VOCAB) if word != "flow"}
finish("word-weights", SentenceTransformer(device="cpu", modules=[
    m.Transformer(SCRATCH, max_seq_length=12), m.WordWeights(VOCAB, weights, unknown_word_weight=0.5),
    m.Pooling(8, pooling_mode="mean"), m.Normalize()]))
shutil.rmtree(SCRATCH)
