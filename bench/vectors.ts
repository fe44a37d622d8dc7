// `npm run bench -- vectors`: bytes of a document against nDCG@10, for every way of keeping vectors.
import { parseArgs } from 'node:util';
import { isStatic, loadModel, loadStatic } from '../hub/index.js';
import { documentText, loadBeir, type RetrievalSet } from '../data/index.js';
import { openBackend } from '../kernels/index.js';
import { setBackend } from '../core/index.js';
import type { Similarity } from '../nn/index.js';
import {
  BertEncoder,
  compareRuns,
  evaluateRun,
  FlatIndex,
  keepVectors,
  metricInterval,
  ModelEncoder,
  vectorFormats,
  type Encoder,
  type Interval,
  type VectorFormat,
} from '../retrieval/index.js';
import { median } from './peak.js';
import { digits, table } from './table.js';

/** One line of the table. */
export interface VectorRow {
  readonly set: string;
  readonly format: VectorFormat;
  readonly dim: number;
  /** Of a document. */
  readonly bytes: number;
  readonly ndcg: Interval;
  /** nDCG@10 minus that of whole vectors, paired; of these nothing. */
  readonly against?: Interval;
  /** Of the search of one query, the median of all. */
  readonly msPerQuery: number;
}

/** Hits that are asked for: those that a person looks at. */
const K = 10;

const help = `npm run bench -- vectors --model DIR --data BEIRDIR [options]
  --model DIR   model folder
  --data DIR    BEIR folder
  --dims N,N    how many numbers of each vector (default: all, a half, a quarter, an eighth)
  --json        print an array of rows and nothing else`;

export async function vectors(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      data: { type: 'string' },
      dims: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void console.log(help);
  if (values.model === undefined || values.data === undefined)
    throw new Error('bench vectors: --model DIR and --data BEIRDIR are needed; see --help');
  setBackend(await openBackend('wasm'));
  const { encoder, similarity } = await encoderOf(values.model);
  const whole = encoder.dim;
  const dims = values.dims?.split(',').map(Number) ?? [whole, whole / 2, whole / 4, whole / 8].map(Math.floor);
  const rows = await measureVectors(encoder, similarity, await loadBeir(values.data), dims);
  if (values.json) return void console.log(JSON.stringify(rows));
  console.log(table(vectorsHead, vectorCells(rows)));
}

async function encoderOf(dir: string): Promise<{ encoder: Encoder; similarity: Similarity }> {
  if (await isStatic(dir)) {
    const { model, tokenizer, ...options } = await loadStatic(dir);
    return { encoder: new ModelEncoder(model, tokenizer, options), similarity: options.similarity };
  }
  const { model, tokenizer, ...options } = await loadModel(dir);
  return { encoder: new BertEncoder(model, tokenizer, options), similarity: options.similarity };
}

/** Encodes once, and searches vectors kept in each way. */
export async function measureVectors(
  encoder: Encoder,
  similarity: Similarity,
  { name, corpus, queries, qrels }: RetrievalSet,
  dims: readonly number[],
): Promise<VectorRow[]> {
  const ids = corpus.map(({ id }) => id);
  const documents = await encoder.encode(corpus.map(documentText), { role: 'document' });
  const asked = await encoder.encode(
    queries.map(({ text }) => text),
    { role: 'query' },
  );
  const found = [];
  for (const dim of dims)
    for (const format of vectorFormats) {
      const store = keepVectors(documents, encoder.dim, { format, dim, similarity });
      const index = new FlatIndex(ids, store, encoder.dim, { similarity });
      const times: number[] = [];
      const run = new Map(
        queries.map(({ id }, q) => {
          const query = asked.subarray(q * encoder.dim, (q + 1) * encoder.dim);
          const start = performance.now();
          const [hits] = index.search(query, K);
          times.push(performance.now() - start);
          return [id, hits] as const;
        }),
      );
      found.push({ format, dim, bytes: index.bytes, msPerQuery: median(times), evaluation: evaluateRun(run, qrels) });
    }
  const rows: VectorRow[] = [];
  for (const { evaluation, ...about } of found) {
    const isWhole = about.format === 'f32' && about.dim === encoder.dim;
    rows.push({
      ...{ set: name, ...about, ndcg: await metricInterval(evaluation, 'ndcg@10') },
      ...(!isWhole && { against: await compareRuns(evaluation, found[0].evaluation, 'ndcg@10') }),
    });
  }
  return rows;
}

export const vectorsHead: readonly string[] = [
  'numbers',
  'kept as',
  'bytes',
  'nDCG@10',
  'minus whole vectors',
  'ms a query',
];
const interval = ({ mean, low, high }: Interval, sign = ''): string =>
  `${mean < 0 ? '' : sign}${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
export const vectorCells = (rows: readonly VectorRow[]): string[][] =>
  rows.map(({ format, dim, bytes, ndcg, against, msPerQuery }) => [
    String(dim),
    format,
    String(bytes),
    interval(ndcg),
    against ? interval(against, '+') : '',
    digits(msPerQuery),
  ]);
