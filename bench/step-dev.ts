import { WasmBackend } from '../kernels/wasm/backend.js';
import { setBackend, Random } from '../core/index.js';
import { AdamW, bertConfig } from '../nn/index.js';
import { RetroMae } from '../retromae/model.js';
import { Collator } from '../retromae/collator.js';
import * as lib from '../kernels/library/index.js';
const [name = 'mini', V = '8192', threads = '2', profile] = process.argv.slice(2);
const b = await WasmBackend.open({ threads: +threads });
setBackend(b);
const dims: any = { tiny: [2, 128, 2], mini: [4, 256, 4], small: [4, 512, 8] }[name as 'tiny'];
const config = bertConfig({
  vocab_size: +V,
  hidden_size: dims[1],
  num_hidden_layers: dims[0],
  num_attention_heads: dims[2],
  intermediate_size: 4 * dims[1],
  max_position_embeddings: 128,
});
const model = new RetroMae(config, new Random(1));
const opt = new AdamW(model, { lr: 1e-4, clip: 1 });
const tok = { size: +V, cls: 2, sep: 3, mask: 4, isContinuation: () => false, isSpecial: (i: number) => i < 5 };
const col = new Collator({ tokenizer: tok, maxLength: 128 });
const rnd = new Random(5);
const ex = Array.from({ length: 16 }, () => Int32Array.from({ length: 126 }, () => 5 + rnd.below(+V - 5)));
const batch = col.collate(ex, (i) => new Random(3, i));
const times: Record<string, [number, number]> = {};
if (profile) {
  const l = b.launch.bind(b);
  (b as any).launch = (k: any, i: any, o: any) => {
    const t = performance.now();
    l(k, i, o);
    const e = performance.now() - t;
    const r = (times[k.name] ??= [0, 0]);
    r[0]++;
    r[1] += e;
  };
}
const ts = [];
for (let s = 0; s < 10; s++) {
  const t = performance.now();
  if (s == 2) for (const k in times) delete times[k];
  const r = await opt.step(() => model.losses(batch, new Random(9, s)));
  ts.push(performance.now() - t);
  if (s % 5 == 0) console.log(s, r.loss.toFixed(4), r.gradientNorm.toFixed(3));
}
console.log(name, V, threads, 'ms', ts.map((x) => x.toFixed(0)).join(' '), 'mem MB', b.memory().peakBytes / 1e6);
if (profile)
  console.table(
    Object.entries(times)
      .sort((a, b) => b[1][1] - a[1][1])
      .slice(0, 18)
      .map(([k, [n, t]]) => ({ k, n: n / 8, ms: (t / 8).toFixed(1) })),
  );
void lib;
