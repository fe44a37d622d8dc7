// `retromae rerank`: the hits of a first stage in the order of a cross-encoder; or its scores of training examples, as a teacher.
import { documentText, loadBeir, trainingExamples, writeFileAtomic, type RetrievalSet } from '../data/index.js';
import { loadCross } from '../hub/index.js';
import {
  BM25_WEIGHT,
  compareRuns,
  CrossScorer,
  evaluateBm25,
  evaluateFusion,
  evaluateRun,
  metricInterval,
  reranked,
  type Evaluation,
  type Hit,
} from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { Ticker } from '../train/index.js';
import { backendFlags, checkWritable, required, say, withBackend } from './common.js';
import { loadEncoder } from './encoder.js';
import { helpText, parseFlags, UsageError } from './flags.js';

const flags = {
  model: { type: 'string', value: 'DIR', help: 'folder of a cross-encoder' },
  data: { type: 'string', value: 'BEIRDIR', help: 'what to measure on' },
  split: { type: 'string', value: 'NAME', preset: 'test', help: 'which judgements of --data' },
  first: {
    type: 'string',
    value: 'DIR',
    help: 'a bi-encoder: the first stage is BM25 and its vectors, fused (default: BM25)',
  },
  'fuse-weight': {
    type: 'number',
    rule: rules.number('a number from 0 to 1', (w) => w >= 0 && w <= 1),
    preset: BM25_WEIGHT,
    help: 'share of BM25 beside --first',
  },
  depth: { type: 'number', rule: rules.integer(1), preset: 100, help: 'hits of the first stage that are reranked' },
  teacher: { type: 'string', value: 'FILE', help: 'instead of --data: training examples, to be scored as a teacher' },
  out: {
    type: 'string',
    value: 'FILE',
    help: 'with --teacher: the examples with scores, for finetune --method distill',
  },
  'max-length': { type: 'number', rule: rules.integer(5), help: 'cut pairs to so many tokens (default: the model’s)' },
  ...backendFlags,
  json: { type: 'boolean', help: 'print one JSON object' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Reranks what a first stage found by a cross-encoder, which reads query and passage together, and measures it.

Usage: retromae rerank --model DIR --data BEIRDIR [--first DIR] [--depth N]
       retromae rerank --model DIR --teacher FILE --out FILE

With --first there are three stages: BM25 and vectors, fused, then the cross-encoder.`;

const metrics = { 'ndcg@10': 'nDCG@10', 'mrr@10': 'MRR@10', 'recall@100': 'Recall@100' } as const;

export async function rerankCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a folder of a cross-encoder');
  const { data, teacher, out, first, split = 'test', depth = 100, 'fuse-weight': weight = BM25_WEIGHT } = given;
  if (data !== undefined && teacher !== undefined)
    throw new UsageError('--data and --teacher both say what to score. Give one of them.');
  if (teacher === undefined) required(data, 'data', 'a BEIR folder, or --teacher and --out');
  else await checkWritable(required(out, 'out', 'where the scored examples go'));
  await withBackend(given, async () => {
    const { model, tokenizer, maxLength } = await loadCross(dir);
    const scorer = new CrossScorer(model, tokenizer, { maxLength: given['max-length'] ?? maxLength });
    if (teacher !== undefined) return teach(scorer, teacher, out!, given.json);
    const set = await loadBeir(data!, { split });
    set.warnings.forEach(say);
    const before = first === undefined ? evaluateBm25(set) : await fusedFirst(first, set, weight);
    const after = await rerankAll(scorer, set, before, depth);
    const systems = { [first === undefined ? 'BM25' : 'fused']: before, reranked: after };
    if (given.json)
      process.stdout.write(
        `${JSON.stringify(Object.fromEntries(Object.entries(systems).map(([name, { mean }]) => [name, mean])))}\n`,
      );
    else process.stdout.write(await tableOf(systems));
  });
}

async function fusedFirst(dir: string, set: RetrievalSet, weight: number): Promise<Evaluation> {
  const { encoder, similarity } = await loadEncoder(dir);
  return (await evaluateFusion(encoder, set, { similarity, fusion: { method: 'weighted', weight } })).fused;
}

/** The best hits of every query in the order of the cross-encoder. */
async function rerankAll(
  scorer: CrossScorer,
  set: RetrievalSet,
  { run }: Evaluation,
  depth: number,
): Promise<Evaluation> {
  const texts = new Map(set.corpus.map((document) => [document.id, documentText(document)]));
  const ticker = new Ticker(process.stderr, { what: 'queries', total: set.queries.length });
  const found = new Map<string, Hit[]>();
  for (const { id, text } of set.queries) {
    const hits = run.get(id) ?? [];
    const scores = await scorer.scores(
      text,
      hits.slice(0, depth).map((hit) => texts.get(hit.id)!),
    );
    found.set(id, reranked(hits, scores));
    ticker.update(found.size);
  }
  ticker.done();
  return evaluateRun(found, set.qrels);
}

/** Training examples with the cross-encoder's scores, in FlagEmbedding's names. */
async function teach(scorer: CrossScorer, path: string, out: string, json = false): Promise<void> {
  let count = 0;
  const bytes = new TextEncoder();
  async function* lines(): AsyncGenerator<Uint8Array> {
    for await (const { id, query, positives, negatives } of trainingExamples(path)) {
      const scores = Array.from(await scorer.scores(query, [...positives, ...negatives]));
      const [pos_scores, neg_scores] = [scores.slice(0, positives.length), scores.slice(positives.length)];
      const line = { query_id: id, query, pos: positives, neg: negatives, pos_scores, neg_scores };
      yield bytes.encode(`${JSON.stringify(line)}\n`);
      count++;
    }
  }
  await writeFileAtomic(out, lines());
  if (json) process.stdout.write(`${JSON.stringify({ examples: count, out })}\n`);
  say(`${count} examples with scores in ${out}.`);
}

async function tableOf(systems: Readonly<Record<string, Evaluation>>): Promise<string> {
  const names = Object.keys(metrics) as (keyof typeof metrics)[];
  const lines = [`${' '.repeat(10)}${names.map((name) => metrics[name].padEnd(24)).join('')}`];
  for (const [system, evaluation] of Object.entries(systems)) {
    const cells = await Promise.all(
      names.map(async (name) => {
        const { mean, low, high } = await metricInterval(evaluation, name);
        return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`.padEnd(24);
      }),
    );
    lines.push(system.padEnd(10) + cells.join(''));
  }
  const [before, after] = Object.values(systems);
  const { mean, low, high } = await compareRuns(after, before, 'ndcg@10');
  const signed = (x: number): string => `${x >= 0 ? '+' : ''}${x.toFixed(3)}`;
  lines.push(
    `${after.mean.queries} queries; nDCG@10 of reranking, paired: ${signed(mean)} [${signed(low)}, ${signed(high)}].`,
  );
  return `${lines.join('\n')}\n`;
}
