"""A step of RetroMAE, MLM or encoding in plain PyTorch, as a peer program of `npm run bench -- step` (see README.md).

Variants of a training step:
  authors  as staoxiao/RetroMAE computes it: Hugging Face's BERT on a padded batch, attention with an explicit softmax,
           the head over the whole vocabulary at all positions, cross-entropy with ignore_index, AdamW as the Trainer has it
  masked   the same, but the encoder's head on masked positions only
  best     both heads on labelled positions only, scaled_dot_product_attention, fused AdamW
  bf16     best under autocast to bfloat16
Variants of encoding: eager (explicit softmax), sdpa, bf16 (sdpa under autocast).
"""
import contextlib
import json
import math
import os
import resource
import struct
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

IGNORE = -100
LR, WEIGHT_DECAY, CLIP = 1e-4, 0.01, 1.0


class Attention(nn.Module):
    """Multi-head attention of a BERT layer, with the residual connection from the query stream."""

    def __init__(self, c, fused):
        super().__init__()
        d = c["hidden_size"]
        self.heads, self.fused, self.rate = c["num_attention_heads"], fused, c["attention_probs_dropout_prob"]
        self.add_module("self", nn.ModuleDict({name: nn.Linear(d, d) for name in ("query", "key", "value")}))
        self.output = nn.ModuleDict({"dense": nn.Linear(d, d), "LayerNorm": nn.LayerNorm(d, c["layer_norm_eps"])})
        self.dropout = nn.Dropout(c["hidden_dropout_prob"])

    def forward(self, x, context, mask):
        b, n, d = x.shape
        own = self._modules["self"]
        q, k, v = (
            own[name](y).view(b, n, self.heads, d // self.heads).transpose(1, 2)
            for name, y in (("query", x), ("key", context), ("value", context))
        )
        rate = self.rate if self.training else 0.0
        if self.fused:
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads)
            seen = F.dropout((scores + mask).softmax(-1), rate, self.training) @ v
        seen = seen.transpose(1, 2).reshape(b, n, d)
        return self.output["LayerNorm"](self.dropout(self.output["dense"](seen)) + x)


class Layer(nn.Module):
    """A post-norm BERT layer. With x as its own context it is the encoder's, with another one the enhanced decoder's."""

    def __init__(self, c, fused):
        super().__init__()
        d, wide = c["hidden_size"], c["intermediate_size"]
        self.attention = Attention(c, fused)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(d, wide)})
        self.output = nn.ModuleDict({"dense": nn.Linear(wide, d), "LayerNorm": nn.LayerNorm(d, c["layer_norm_eps"])})
        self.dropout = nn.Dropout(c["hidden_dropout_prob"])

    def forward(self, x, context, mask):
        x = self.attention(x, context, mask)
        y = self.output["dense"](F.gelu(self.intermediate["dense"](x)))
        return self.output["LayerNorm"](self.dropout(y) + x)


class Embeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["hidden_size"]
        self.word_embeddings = nn.Embedding(c["vocab_size"], d, padding_idx=c["pad_token_id"])
        self.position_embeddings = nn.Embedding(c["max_position_embeddings"], d)
        self.token_type_embeddings = nn.Embedding(c["type_vocab_size"], d)
        self.LayerNorm = nn.LayerNorm(d, c["layer_norm_eps"])
        self.dropout = nn.Dropout(c["hidden_dropout_prob"])

    def forward(self, ids):
        positions = torch.arange(ids.shape[1])[None]
        types = self.token_type_embeddings(torch.zeros_like(ids))
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + types + self.position_embeddings(positions)))


class Bert(nn.Module):
    def __init__(self, c, fused):
        super().__init__()
        self.embeddings = Embeddings(c)
        layers = nn.ModuleList(Layer(c, fused) for _ in range(c["num_hidden_layers"]))
        self.encoder = nn.ModuleDict({"layer": layers})

    def forward(self, ids, mask):
        x = self.embeddings(ids)
        for layer in self.encoder["layer"]:
            x = layer(x, x, mask)
        return x


class Head(nn.Module):
    """The MLM head; its table is the word embeddings."""

    def __init__(self, c):
        super().__init__()
        d = c["hidden_size"]
        self.transform = nn.ModuleDict({"dense": nn.Linear(d, d), "LayerNorm": nn.LayerNorm(d, c["layer_norm_eps"])})
        self.bias = nn.Parameter(torch.zeros(c["vocab_size"]))

    def forward(self, x, table):
        return F.linear(self.transform["LayerNorm"](F.gelu(self.transform["dense"](x))), table, self.bias)


class Model(nn.Module):
    """Parameters have Hugging Face's names, the decoder's layer the authors'."""

    def __init__(self, c, objective, variant):
        super().__init__()
        self.fused = variant not in ("authors", "masked", "eager")
        self.encoder_rows = variant != "authors"
        self.decoder_rows = variant in ("best", "bf16")
        self.bert = Bert(c, self.fused)
        self.cls = nn.ModuleDict({"predictions": Head(c)})
        self.c_head = Layer(c, self.fused) if objective == "retromae" else None
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=c["initializer_range"])
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def additive(self, visible):
        """[B, 1 or T, T] of 0 and 1 as what is added to the scores; none where everything may be seen."""
        if self.fused and bool(visible.all()):
            return None
        return (1.0 - visible[:, None].float()) * torch.finfo(torch.float32).min

    def mlm_loss(self, hidden, labels, labelled_only):
        if labelled_only:
            rows = labels != IGNORE
            hidden, labels = hidden[rows], labels[rows]
        logits = self.cls["predictions"](hidden, self.bert.embeddings.word_embeddings.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), labels.view(-1), ignore_index=IGNORE)

    def forward(self, batch):
        hidden = self.bert(batch["encoder_ids"], self.additive(batch["attention"][:, None]))
        loss = self.mlm_loss(hidden, batch["encoder_labels"], self.encoder_rows)
        if self.c_head is None:
            return loss
        cls = hidden[:, :1]
        context = torch.cat([cls, self.bert.embeddings(batch["ids"])[:, 1:]], 1)
        queries = cls + self.bert.embeddings.position_embeddings(torch.arange(context.shape[1])[None])
        decoded = self.c_head(queries, context, self.additive(batch["visible"]))
        return loss + self.mlm_loss(decoded, batch["decoder_labels"], self.decoder_rows)

    def encode(self, batch):
        return self.bert(batch["ids"], self.additive(batch["attention"][:, None]))[:, 0]


def padded(packed):
    """A batch of the file as the authors' collator hands it over: padded to the longest sequence."""
    offsets = packed["offsets"]
    lengths = [end - begin for begin, end in zip(offsets, offsets[1:])]
    shape = (len(lengths), max(lengths))
    attention = torch.zeros(shape, dtype=torch.long)
    for b, n in enumerate(lengths):
        attention[b, :n] = 1
    real = attention.bool()

    def pad(values, fill):
        matrix = torch.full(shape, fill, dtype=torch.long)
        matrix[real] = torch.tensor(values)
        return matrix

    batch = {
        "attention": attention,
        "ids": pad(packed["ids"], 0),
        "encoder_ids": pad(packed["encoderIds"], 0),
        "encoder_labels": pad(packed["encoderLabels"], IGNORE),
    }
    if "decoderLabels" in packed:
        words = torch.tensor(packed["visible"]).view(-1, packed["words"], 1)
        bits = ((words >> torch.arange(16)) & 1).flatten(1)
        visible = torch.zeros((*shape, bits.shape[1]), dtype=torch.long)
        visible[real] = bits
        batch["visible"] = visible[:, :, : shape[1]].contiguous()
        batch["decoder_labels"] = pad(packed["decoderLabels"], IGNORE)
    return batch


def load(model, path):
    """Weights from a safetensors file; the model must have them all and no others, but for the decoder's layer."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        tensors[name] = torch.frombuffer(data[begin:end], dtype=torch.float32).view(info["shape"])
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    if missing or any(not name.startswith("c_head") for name in unexpected):
        raise ValueError(f"{path}: missing {missing}, unexpected {unexpected}")


def optimizer_of(model, variant):
    parameters = dict(model.named_parameters())
    plain = [name for name in parameters if name.endswith("bias") or "LayerNorm" in name]
    groups = [
        {"params": [p for name, p in parameters.items() if name not in plain], "weight_decay": WEIGHT_DECAY},
        {"params": [parameters[name] for name in plain], "weight_decay": 0.0},
    ]
    fused = {"fused": True} if variant in ("best", "bf16") else {}
    return torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.999), eps=1e-8, **fused)


def work_of(job):
    """A function that does the step on a batch and returns one number."""
    variant = job["variant"]
    torch.manual_seed(1)
    model = Model(job["config"], job["objective"], variant)
    if job.get("weights"):
        load(model, job["weights"])
    cast = lambda: torch.autocast("cpu", torch.bfloat16) if variant == "bf16" else contextlib.nullcontext()

    if job["objective"] == "encode":
        model.eval()

        def encode(batch):
            with torch.inference_mode(), cast():
                return model.encode(batch).float().abs().mean().item()

        return encode
    optimizer = optimizer_of(model, variant)

    def train(batch):
        with cast():
            loss = model(batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return loss.item()

    return train


def peak_bytes():
    """Most memory that was ever resident. getrusage alone would count the parent's, from before exec."""
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    scale = 1 if sys.platform == "darwin" else 1024
    return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main():
    say = lambda message: print(json.dumps(message), flush=True)
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    with open(job["batches"]) as file:
        batches = [padded(packed) for packed in json.load(file)]
    step = work_of(job)
    say({"ready": True, "name": "PyTorch", "version": torch.__version__, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        batch = batches[json.loads(line)["step"] % len(batches)]
        start = time.perf_counter()
        loss = step(batch)
        ms = 1000 * (time.perf_counter() - start)
        say({"ms": ms, "loss": loss, "rss": peak_bytes()})


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        sys.exit(1)
