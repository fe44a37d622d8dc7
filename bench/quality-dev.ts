import { WasmBackend } from '../kernels/wasm/backend.js';
import { setBackend, Random } from '../core/index.js';
import { AdamW, bertConfig, linearDecay } from '../nn/index.js';
import { RetroMae } from '../retromae/model.js';
import { Collator } from '../retromae/collator.js';
import { Batches } from '../retromae/batches.js';
import { sotu, trainWordPiece, packText } from '../data/index.js';
import { heldOut, evaluateModel, evaluateBm25 } from '../retrieval/index.js';
const o: any = Object.fromEntries(process.argv.slice(2).map((a) => a.split('=')));
const {
  obj = 'enhanced',
  steps = '300',
  lr = '1e-3',
  hidden = '192',
  layers = '3',
  heads = '3',
  seq = '128',
  batch = '16',
  threads = '2',
  dropout = '0.1',
  dm = '0.5',
  em = '0.3',
  every = '100',
  seed = '42',
  q = '1000',
  warm = '0.1',
  voc = '8192',
  init = '0.02',
} = o;
const b = await WasmBackend.open({ threads: +threads });
setBackend(b);
const passages = await sotu({ characters: +(o.chars ?? 360) });
const task = heldOut(
  passages.filter((_, i) => i % 8 === 0),
  { queries: +q, seed: 42, minSentences: 2 },
);
const texts = [...task.corpus, ...passages.filter((_, i) => i % 8 !== 0)].map(({ text }) => text);
const tok = await trainWordPiece(texts, { vocabSize: +voc });
const blocks = texts.flatMap((t) => [...packText(t, tok, { maxTokens: +seq - 2 })]);
const config = bertConfig({
  vocab_size: tok.size,
  hidden_size: +hidden,
  num_hidden_layers: +layers,
  num_attention_heads: +heads,
  intermediate_size: 4 * +hidden,
  max_position_embeddings: +seq,
  initializer_range: +init,
  hidden_dropout_prob: +dropout,
  attention_probs_dropout_prob: +dropout,
});
const model = new RetroMae(
  config,
  new Random(+seed),
  obj === 'mlm' ? { objective: 'mlm' } : obj === 'dupmae' ? { objective: 'dupmae' } : { decoder: obj },
);
const col = new Collator({
  tokenizer: tok,
  maxLength: +seq,
  encoderMask: +em,
  decoderMask: +dm,
  decoder: obj === 'mlm' ? 'none' : obj === 'basic' ? 'basic' : 'enhanced',
});
const batches = new Batches({ length: blocks.length, at: (i) => blocks[i] }, col, +batch, +seed);
const S = +steps;
const opt = new AdamW(model, { lr: linearDecay(+lr, S, Math.round(S * +warm)), weightDecay: 0.01, clip: 1 });
const ev = async (n: number) => {
  const t = performance.now();
  const e = (await evaluateModel(model, tok, task, { maxLength: +seq })).mean;
  console.log(
    '  eval',
    n,
    'ndcg',
    e['ndcg@10'].toFixed(4),
    'mrr',
    e['mrr@10'].toFixed(4),
    'r100',
    e['recall@100'].toFixed(3),
    ((performance.now() - t) / 1000).toFixed(1) + 's',
  );
};
if (o.bm25) console.log('bm25', evaluateBm25(task).mean);
console.log(JSON.stringify(o), blocks.length, task.corpus.length);
await ev(0);
const t0 = performance.now();
let ms = 0,
  acc: any = {},
  n = 0;
for (let s = 0; s < S; s++) {
  const t = performance.now();
  const r = await opt.step(() => model.losses(batches.at(s), batches.dropout(s)));
  ms += performance.now() - t;
  n++;
  for (const k in r) acc[k] = (acc[k] ?? 0) + r[k];
  if ((s + 1) % +every === 0) {
    console.log(
      s + 1,
      Object.entries(acc)
        .map(([k, v]) => k + ' ' + ((v as number) / n).toFixed(3))
        .join(' '),
      (ms / n).toFixed(0) + 'ms/step',
      ((performance.now() - t0) / 1000).toFixed(0) + 's',
    );
    acc = {};
    n = 0;
    ms = 0;
    if ((s + 1) % (+every * 2) === 0 || s + 1 === S) await ev(s + 1);
  }
}
await b.close();
