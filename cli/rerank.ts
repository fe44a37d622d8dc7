// `retromae rerank`: the hits of a first stage in the order of a cross-encoder; or its scores of training examples, as a teacher.
import { documents, documentText, loadBeir, writeFileAtomic } from '../data/index.js';
import type { RetrievalSet } from '../data/index.js';
import { taughtLines } from '../finetune/index.js';
import { loadCross, type LoadedCross } from '../hub/index.js';
import {
  Bm25,
  BM25_WEIGHT,
  CrossScorer,
  evaluateBm25,
  evaluateFusion,
  evaluateRun,
  readTrecRun,
  reranked,
  rerankRun,
  writeTrecRun,
  type Evaluation,
  type RankingOptions,
} from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { Ticker } from '../train/index.js';
import { backendFlags, checkWritable, required, say, untilStopped, withBackend } from './common.js';
import { dropSelfFlag, sayCoinciding } from './drop-self.js';
import { loadEncoder } from './encoder.js';
import { helpText, parseFlags, UsageError, type Values } from './flags.js';
import { overlapFlag, overlapOf } from './overlap.js';
import { rerankJson, rerankTable } from './rerank-table.js';

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
  from: { type: 'string', value: 'FILE', help: 'instead of a first stage: a run, in TREC’s six columns' },
  query: { type: 'string', value: 'TEXT', help: 'instead of --data: one question, to the documents of --corpus' },
  corpus: { type: 'string', value: 'PATH', help: 'with --query: documents, of which BM25 finds the first' },
  top: { type: 'number', rule: rules.integer(1), preset: 10, help: 'with --query: how many to show' },
  depth: { type: 'number', rule: rules.integer(1), preset: 100, help: 'hits of the first stage that are reranked' },
  'first-weight': {
    type: 'number',
    rule: rules.number('a number from 0 to 1', (w) => w >= 0 && w <= 1),
    preset: 0,
    help: 'share of the first stage’s scores in the new order; the cross-encoder has the rest',
  },
  ...dropSelfFlag,
  ...overlapFlag,
  teacher: { type: 'string', value: 'FILE', help: 'instead of --data: training examples, to be scored as a teacher' },
  out: {
    type: 'string',
    value: 'FILE',
    help: 'with --data: the new run, in TREC’s columns; with --teacher: the examples with scores, for finetune --method distill',
  },
  'max-length': { type: 'number', rule: rules.integer(5), help: 'cut pairs to so many tokens (default: the model’s)' },
  ...backendFlags,
  json: { type: 'boolean', help: 'print one JSON object; with --query, an array' },
  help: { type: 'boolean', help: 'this text' },
} as const;
type Given = Values<typeof flags>;

const usage = `Reranks what a first stage found by a cross-encoder, which reads query and passage together, and measures it.

Usage: retromae rerank --model DIR --data BEIRDIR [--first DIR | --from FILE] [--depth N] [--out FILE]
       retromae rerank --model DIR --query TEXT --corpus PATH [--top N]
       retromae rerank --model DIR --teacher FILE --out FILE

With --first there are three stages: BM25 and vectors, fused, then the cross-encoder.`;

/** What is scored, with the flags that go with it and not with all others. */
const TASKS = {
  data: ['split', 'first', 'fuse-weight', 'from', 'depth', 'first-weight', 'drop-self', 'overlap', 'out'],
  query: ['corpus', 'top', 'depth', 'first-weight'],
  teacher: ['out'],
} as const;
const tasks = ['data', 'query', 'teacher'] as const;

/** Characters of a text that are shown. */
const SHOWN = 160;

export async function rerankCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a folder of a cross-encoder');
  const task = taskOf(given);
  const { out } = given;
  if (task === 'teacher') required(out, 'out', 'where the scored examples go');
  if (task === 'query') required(given.corpus, 'corpus', 'the documents to search');
  if (out !== undefined) await checkWritable(out);
  await withBackend(given, async () => {
    const { model, tokenizer, maxLength, activation } = await loadCross(dir);
    const scorer = new CrossScorer(model, tokenizer, { maxLength: given['max-length'] ?? maxLength });
    if (task === 'teacher') await teach(scorer, given.teacher!, out!, given.json);
    else if (task === 'query') await answer(scorer, activation, given);
    else await measure(scorer, given.data!, given);
  });
}

/** @throws UsageError unless one thing is to be scored, with flags of its own */
function taskOf(given: Given): (typeof tasks)[number] {
  const [task, other] = tasks.filter((name) => given[name] !== undefined);
  required(task, 'data', 'a BEIR folder; or --query and --corpus, or --teacher and --out');
  if (other) throw new UsageError(`--${task} and --${other} both say what to score. Give one of them.`);
  const own: readonly string[] = TASKS[task];
  for (const name of new Set(Object.values(TASKS).flat()))
    if (given[name] !== undefined && !own.includes(name))
      throw new UsageError(`--${name} has no meaning with --${task}. Leave it out.`);
  if (given.from !== undefined && given.first !== undefined)
    throw new UsageError('--from and --first both say what the first stage is. Give one of them.');
  if (given.overlap !== undefined && given.overlap === (given.split ?? 'test'))
    throw new UsageError(
      `--overlap is ${given.overlap}, the split that is reported. Name another one, or another --split.`,
    );
  if (given['fuse-weight'] !== undefined && given.first === undefined)
    throw new UsageError('--fuse-weight is for BM25 beside vectors. Give --first, or leave it out.');
  return task;
}

/** Both stages on judged queries, side by side. */
async function measure(scorer: CrossScorer, data: string, { split = 'test', depth = 100, ...given }: Given) {
  const set = await loadBeir(data, { split });
  set.warnings.forEach(say);
  const overlap = given.overlap === undefined ? undefined : await overlapOf(data, given.overlap, set);
  const dropSelf = given['drop-self'] ?? false;
  if (!dropSelf) sayCoinciding(set);
  const { name, before } = await firstStage(set, given, { dropSelf });
  const ticker = new Ticker(process.stderr, { what: 'queries', total: set.queries.length });
  const onProgress = (done: number): void => ticker.update(done);
  const firstWeight = given['first-weight'];
  const after = await rerankRun(scorer, set, before.run, { depth, firstWeight, dropSelf, onProgress });
  ticker.done();
  if (given.out !== undefined) await writeTrecRun(given.out, after.run, 'retromae-rerank');
  const stages = [
    { name, evaluation: before },
    { name: 'reranked', evaluation: after },
  ] as const;
  if (given.json) process.stdout.write(`${JSON.stringify(await rerankJson(stages, overlap))}\n`);
  else process.stdout.write(await rerankTable(stages, overlap));
}

async function firstStage(
  set: RetrievalSet,
  given: Given,
  options: RankingOptions,
): Promise<{ name: string; before: Evaluation }> {
  if (given.from !== undefined) return { name: 'run', before: await fromRun(given.from, set, options) };
  if (given.first === undefined) return { name: 'BM25', before: evaluateBm25(set, options) };
  const { encoder, similarity } = await loadEncoder(given.first);
  const fusion = { method: 'weighted', weight: given['fuse-weight'] ?? BM25_WEIGHT } as const;
  return { name: 'fused', before: (await evaluateFusion(encoder, set, { similarity, fusion, ...options })).fused };
}

/** @throws if the run has a document that the corpus lacks, or none of the queries */
async function fromRun(
  path: string,
  { corpus, queries, qrels }: RetrievalSet,
  options: RankingOptions,
): Promise<Evaluation> {
  const run = await readTrecRun(path);
  const ids = new Set(corpus.map(({ id }) => id));
  for (const [query, hits] of run) {
    const unknown = hits.find(({ id }) => !ids.has(id));
    if (unknown)
      throw new Error(
        `${path}: query ${JSON.stringify(query)} has the document ${JSON.stringify(unknown.id)}, which the corpus lacks; give the run of this very corpus.`,
      );
  }
  const missing = queries.filter(({ id }) => !run.has(id)).length;
  if (missing === queries.length)
    throw new Error(`${path}: has hits for none of the ${missing} queries; give the run of these, or another --split.`);
  if (missing > 0) say(`${path}: has no hits for ${missing} of the ${queries.length} queries; they count 0.`);
  return evaluateRun(run, qrels, options);
}

/** The documents that answer one question, with scores as the model's folder wants them shown. */
async function answer(
  scorer: CrossScorer,
  activation: LoadedCross['activation'],
  { query = '', corpus = '', depth = 100, top = 10, 'first-weight': firstWeight = 0, json }: Given,
): Promise<void> {
  const texts = new Map<string, string>();
  for await (const document of documents(corpus, { distinctIds: true, onWarning: say }))
    texts.set(document.id, documentText(document));
  const bm25 = new Bm25(Array.from(texts, ([id, text]) => ({ id, text })));
  const hits = bm25.search(query, depth);
  const passages = hits.map(({ id }) => texts.get(id)!);
  const found = reranked(hits, await scorer.scores(query, passages), firstWeight);
  if (found.length === 0) say('No document has a word of the query.');
  const display = firstWeight === 0 ? activation : (score: number): number => score;
  const shown = found.slice(0, top).map(({ id, score }) => ({ id, score: display(score), text: texts.get(id)! }));
  if (json) return void process.stdout.write(`${JSON.stringify(shown)}\n`);
  for (const { id, score, text } of shown)
    process.stdout.write(`${score.toFixed(4)}  ${id}  ${text.replace(/\s+/g, ' ').slice(0, SHOWN)}\n`);
}

/** Training examples with the cross-encoder's scores, in FlagEmbedding's names; other fields stay as they are. */
async function teach(scorer: CrossScorer, path: string, out: string, json = false): Promise<void> {
  let count = 0;
  const ticker = new Ticker(process.stderr, { what: 'examples' });
  const onProgress = (done: number): void => ticker.update((count = done));
  const isWhole = await untilStopped((signal) =>
    writeFileAtomic(out, taughtLines(path, scorer, { signal, onProgress })),
  ).finally(() => ticker.done());
  if (!isWhole) return;
  if (json) process.stdout.write(`${JSON.stringify({ examples: count, out })}\n`);
  say(`${count} examples with scores in ${out}.`);
}
