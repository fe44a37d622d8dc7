"""Makes the folders beside it: tiny ones as sentence-transformers 6 saves them, and what it computes of them.
Usage: python generate.py, with torch, transformers 5 and sentence-transformers 6."""

import json
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules as m
from torch import nn
from transformers import BertConfig, BertModel, BertTokenizerFast

OUT = os.path.dirname(os.path.abspath(__file__))
WIDTH = 8
TEXTS = ["the wing of a layer", "flow", "Heat in the slip stream, and heat and HEAT.", "a a a a"]
QUERY = "layer of a wing"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "wing", "of", "a", "layer", "flow", "heat", "in", "slip", "stream", "and", ".", ",", ":"]


def encoder(path, **settings):
    vocab = {token: i for i, token in enumerate(SPECIAL + WORDS)}
    BertTokenizerFast(vocab=vocab, do_lower_case=settings.pop("uncased", True)).save_pretrained(path)
    config = BertConfig(vocab_size=len(vocab) + 5, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=12, max_position_embeddings=16, initializer_range=0.3)
    BertModel(config).eval().save_pretrained(path)
    return m.Transformer(path, **{"max_seq_length": 9, **settings})


def edit(path, **changes):
    with open(path, encoding="utf-8") as file:
        content = {**json.load(file), **changes}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({key: value for key, value in content.items() if value is not None}, file)


def pool(*modes, **options):
    return lambda _: m.Pooling(WIDTH, pooling_mode=modes, **options)


def dense(inputs, outputs, activation, **options):
    return lambda _: m.Dense(inputs, outputs, activation_function=activation, **options)


def move_encoder(folder):
    """As sentence-transformers 1 and 2.0 laid it out, and spelt it."""
    os.mkdir(f"{folder}/0_Transformer")
    for name in os.listdir(folder):
        if os.path.isfile(f"{folder}/{name}") and name not in ("modules.json", "config_sentence_transformers.json"):
            shutil.move(f"{folder}/{name}", f"{folder}/0_Transformer/{name}")
    with open(f"{folder}/modules.json", encoding="utf-8") as file:
        modules = json.load(file)
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rsplit(".", 1)[1]
    modules[0]["path"] = "0_Transformer"
    with open(f"{folder}/modules.json", "w", encoding="utf-8") as file:
        json.dump(modules, file)


def legacy_pooling(**switches):
    def write(folder):
        with open(f"{folder}/1_Pooling/config.json", "w", encoding="utf-8") as file:
            json.dump({"word_embedding_dimension": WIDTH, **switches}, file)
    return write


PROMPTS = {"query": "flow: ", "document": "heat in: "}
# name: modules after the encoder, settings of SentenceTransformer, of the encoder, what is done to the saved folder.
FOLDERS = {
    "all-poolings": ([pool("weightedmean", "cls", "lasttoken", "max", "mean_sqrt_len_tokens", "mean")], {}, {}, None),
    "prompt-not-pooled": ([pool("mean", "cls", "weightedmean", include_prompt=False)], {"prompts": PROMPTS}, {}, None),
    "prompt-last": ([pool("lasttoken")], {"prompts": PROMPTS, "similarity_fn_name": "euclidean"}, {}, None),
    "dense": ([pool("mean"), dense(8, 6, nn.GELU()), dense(6, 6, nn.SiLU(), bias=False, use_residual=True),
               dense(6, 4, nn.Sigmoid(), use_residual=True), lambda _: m.LayerNorm(4), lambda _: m.Dropout(0.5)],
              {"similarity_fn_name": "manhattan"}, {}, None),
    "cut": ([pool("max"), dense(8, 8, nn.ReLU()), lambda _: m.Normalize()],
            {"truncate_dim": 5, "similarity_fn_name": "dot"}, {}, None),
    "old-layout": ([pool("cls")], {}, {}, lambda f: (legacy_pooling(pooling_mode_mean_tokens=True)(f), move_encoder(f))),
    "old-switches": ([pool("cls"), lambda _: m.Normalize()], {}, {},
                     legacy_pooling(pooling_mode_max_tokens=True, pooling_mode_cls_token=True)),
    "lower-case": ([pool("mean")], {}, {"uncased": False},
                   lambda f: edit(f"{f}/sentence_bert_config.json", do_lower_case=True, max_seq_length=12)),
    "only-passage": ([pool("mean")], {"prompts": {"query": "flow", "passage": "heat: "}}, {},
                     lambda f: edit(f"{f}/config_sentence_transformers.json", prompts={"query": "flow", "passage": "heat: "})),
}

for seed, (name, (after, settings, of_encoder, change)) in enumerate(FOLDERS.items()):
    torch.manual_seed(seed)
    folder, scratch = f"{OUT}/{name}", f"{OUT}/.scratch"
    for path in (folder, scratch):
        shutil.rmtree(path, ignore_errors=True)
    made = [encoder(scratch, **of_encoder)] + [make(None) for make in after]
    SentenceTransformer(modules=made, device="cpu", **settings).save(folder, create_model_card=False)
    shutil.rmtree(scratch)
    if change:
        change(folder)
    model = SentenceTransformer(folder, device="cpu")
    documents, query = model.encode_document(TEXTS), model.encode_query([QUERY])
    expected = {"texts": TEXTS, "query": QUERY, "documents": documents.tolist(), "query_vector": query[0].tolist(),
                "similarity": model.similarity(query, documents)[0].tolist()}
    with open(f"{folder}.expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file)
    print(name, documents.shape, model.similarity_fn_name, model.prompts)
