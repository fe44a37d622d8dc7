// `node compare.js`: what onnxruntime and transformers.js make of our exports, beside what we compute. After `npm ci --ignore-scripts`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as r from '../dist/node/index.js';
import { makeModels, someTexts } from './models.js';
import { byOnnxruntime, byTransformers, ours } from './run.js';

const { values } = parseArgs({
  options: {
    texts: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`node compare.js [--texts N] [--json]
Makes a model of each kind, exports it, and compares what each program computes of the same texts (default 200).`);
  process.exit();
}

/** The largest difference of two numbers, beside the largest number; and the largest cosine distance of two rows. */
function differenceOf(rows, others) {
  let [apart, largest, angle] = [0, 0, 0];
  rows.forEach((row, i) => {
    let [dot, one, other] = [0, 0, 0];
    row.forEach((value, j) => {
      apart = Math.max(apart, Math.abs(value - others[i][j]));
      largest = Math.max(largest, Math.abs(value));
      dot += value * others[i][j];
      one += value * value;
      other += others[i][j] ** 2;
    });
    angle = Math.max(angle, 1 - dot / Math.sqrt(one * other));
  });
  return { difference: apart / largest, cosineDistance: rows[0].length > 1 ? Math.max(0, angle) : undefined };
}

const timed = async (work) => {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
};

const kinds = { tiny: 'encoder', mini: 'encoder', static: 'static', cross: 'cross', dupmae: 'dupmae' };
const dir = await mkdtemp(join(tmpdir(), 'interop-'));
const rows = [];
try {
  r.setBackend(await r.openBackend('wasm', { threads: 2 }));
  await makeModels(dir);
  const texts = await someTexts(Number(values.texts));
  for (const [name, kind] of Object.entries(kinds)) {
    const folder = join(dir, name);
    const own = await timed(() => ours(folder, kind, texts));
    for (const precision of r.precisions) {
      await r.exportOnnx(folder, { precision, ...(kind === 'dupmae' && { head: 'dupmae' }) });
      const runs = {
        onnxruntime: () => byOnnxruntime(folder, kind, precision, texts),
        'transformers.js': () => byTransformers(dir, name, kind, precision, texts),
      };
      for (const [program, run] of Object.entries(runs)) {
        const { result, seconds } = await timed(run);
        rows.push({
          ...{ model: name, precision, program, ...differenceOf(own.result, result) },
          ...{ textsPerSecond: texts.length / seconds, oursPerSecond: texts.length / own.seconds },
        });
      }
    }
  }
  // transformers.js cuts a long text after [SEP] was put behind it, and so loses it.
  const long = await someTexts(20, { long: true });
  const folder = join(dir, 'mini');
  await r.exportOnnx(folder);
  const own = await timed(() => ours(folder, 'encoder', long));
  const { result, seconds } = await timed(() => byTransformers(dir, 'mini', 'encoder', 'f32', long));
  rows.push({
    ...{ model: 'mini, too long', precision: 'f32', program: 'transformers.js', ...differenceOf(own.result, result) },
    ...{ textsPerSecond: long.length / seconds, oursPerSecond: long.length / own.seconds },
  });
} finally {
  await rm(dir, { recursive: true });
}
if (values.json) console.log(JSON.stringify(rows));
else {
  console.log('model           precision  program           difference  cosine distance  texts/s  ours');
  for (const { model, precision, program, difference, cosineDistance, textsPerSecond, oursPerSecond } of rows)
    console.log(
      [
        ...[model.padEnd(15), precision.padEnd(10), program.padEnd(16), difference.toExponential(1).padStart(11)],
        ...[(cosineDistance?.toExponential(1) ?? '').padStart(16), textsPerSecond.toFixed(0).padStart(8)],
        oursPerSecond.toFixed(0).padStart(6),
      ].join(' '),
    );
  console.log(
    '\ndifference: the largest of two numbers, beside the largest; texts/s with opening the model and its tokenizer.',
  );
}
process.exit();
