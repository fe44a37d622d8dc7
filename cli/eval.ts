// `retromae eval`: a model on a BEIR folder, with confidence intervals, BM25 beside it.
import { documentText, loadBeir, loadRetrievalSet, type RetrievalSet } from '../data/index.js';
import { similarities } from '../nn/index.js';
import { compareRuns, evaluateBm25, evaluateEncoder, metricInterval, type Evaluation } from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { Ticker } from '../train/index.js';
import { backendFlags, required, say, withBackend } from './common.js';
import { sayData, unknownFlag } from './data-summary.js';
import { loadEncoder, refuseSimilarity, representFlag } from './encoder.js';
import { helpText, parseFlags, UsageError, type Values } from './flags.js';

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder' },
  data: { type: 'string', value: 'BEIRDIR', help: 'corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv' },
  split: { type: 'string', value: 'NAME', preset: 'test', help: 'which judgements of --data' },
  corpus: { type: 'string', value: 'PATH', help: 'instead of --data: documents, a file or a folder' },
  queries: { type: 'string', value: 'PATH', help: 'with --corpus: queries, a file' },
  qrels: { type: 'string', value: 'FILE', help: 'with --corpus: judgements, of BEIR, MS MARCO or TREC' },
  'drop-self': { type: 'boolean', help: 'leave out of its hits a document with the id of the query (ArguAna, Quora)' },
  baseline: { type: 'string', choices: ['bm25'], help: 'show it beside the model' },
  'max-length': { type: 'number', rule: rules.integer(3), help: 'cut texts to so many tokens (default: the model’s)' },
  ...representFlag,
  similarity: { type: 'string', choices: similarities, help: 'of vectors (default: what the model folder says)' },
  ...unknownFlag,
  ...backendFlags,
  json: { type: 'boolean', help: 'print one JSON object' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Measures how well a model retrieves: nDCG@10, MRR@10, Recall@100, MAP, with 95 % confidence intervals.

Usage: retromae eval --model DIR --data BEIRDIR [flags]
       retromae eval --model DIR --corpus PATH --queries PATH --qrels FILE [flags]

Files are .jsonl, .ndjson, .json, .csv or .tsv (with a header, or MS MARCO's columns) or .parquet, gzipped or not.`;

const metrics = { 'ndcg@10': 'nDCG@10', 'mrr@10': 'MRR@10', 'recall@100': 'Recall@100', map: 'MAP' } as const;
type Metric = keyof typeof metrics;
const names = Object.keys(metrics) as Metric[];

export async function evalCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  refuseSimilarity(given);
  const set = await setOf(given);
  set.warnings.forEach(say);
  const dropSelf = given['drop-self'] ?? false;
  if (!dropSelf) sayCoinciding(set);
  await withBackend(given, async () => {
    const {
      encoder,
      similarity: said,
      measure,
    } = await loadEncoder(dir, {
      maxLength: given['max-length'],
      represent: given.represent,
    });
    const data = {
      documents: measure(set.corpus.map(documentText)),
      queries: measure(
        set.queries.map(({ text }) => text),
        'query',
      ),
    };
    sayData(set.name, data.documents, given['max-unknown']);
    sayData(`${set.name}, queries`, data.queries, given['max-unknown'], 'queries');
    const similarity = similarities.find((name) => name === given.similarity) ?? said;
    const ticker = new Ticker(process.stderr, { what: 'texts', total: set.corpus.length });
    const own = await evaluateEncoder(encoder, set, {
      similarity,
      dropSelf,
      onProgress: (done) => ticker.update(done),
    });
    ticker.done();
    const bm25 = given.baseline ? evaluateBm25(set, { dropSelf }) : undefined;
    if (given.json)
      process.stdout.write(`${JSON.stringify({ ...own.mean, ...(bm25 && { bm25: bm25.mean }), data })}\n`);
    else process.stdout.write(await table({ [dir]: own, ...(bm25 && { BM25: bm25 }) }));
  });
}

/** A folder, or three files. @throws UsageError for half of either, or some of both */
function setOf({ data, split, corpus, queries, qrels }: Values<typeof flags>): Promise<RetrievalSet> {
  const parts = { corpus, queries, qrels };
  const [first] = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (first === undefined)
    return loadBeir(required(data, 'data', 'a BEIR folder, or --corpus, --queries and --qrels'), { split });
  for (const [name, other] of Object.entries({ data, split }))
    if (other !== undefined)
      throw new UsageError(
        `--${name} is for a folder, --${first} for files. Give --data, or --corpus, --queries and --qrels.`,
      );
  return loadRetrievalSet({
    corpus: required(corpus, 'corpus', `documents, beside --${first}`),
    queries: required(queries, 'queries', `beside --${first}`),
    qrels: required(qrels, 'qrels', `judgements, beside --${first}`),
  });
}

/** A query that is a document finds itself first, which says nothing; where both are merely numbered all is well. */
function sayCoinciding({ corpus, queries }: RetrievalSet): void {
  const texts = new Map(corpus.map(({ id, text }) => [id, text]));
  const ids = queries.filter(({ id }) => texts.has(id));
  const same = ids.filter(({ id, text }) => texts.get(id) === text);
  if (ids.length === 0) return;
  const kind = same.length > 0 ? `${same.length} with the same text` : 'none with the same text';
  say(
    `${ids.length} of ${queries.length} query ids are ids of documents too (${kind}). If queries are documents, as in ArguAna and Quora, give --drop-self.`,
  );
}

/** Systems as rows, metrics as columns, and the paired difference of the first two. */
async function table(systems: Record<string, Evaluation>): Promise<string> {
  const width = Math.max(...Object.keys(systems).map((name) => name.length)) + 2;
  const lines = [`${' '.repeat(width)}${names.map((name) => metrics[name].padEnd(24)).join('')}`];
  for (const [name, evaluation] of Object.entries(systems)) {
    const cells = await Promise.all(names.map((metric) => cell(evaluation, metric)));
    lines.push(name.padEnd(width) + cells.join(''));
  }
  const [first, second] = Object.values(systems);
  lines.push(`${first.mean.queries} queries; in brackets 95 % bootstrap intervals.`);
  if (second) {
    const { mean, low, high } = await compareRuns(first, second, 'ndcg@10');
    lines.push(`nDCG@10 against BM25, paired: ${signed(mean)} [${signed(low)}, ${signed(high)}].`);
  }
  return `${lines.join('\n')}\n`;
}

async function cell(evaluation: Evaluation, metric: Metric): Promise<string> {
  const { mean, low, high } = await metricInterval(evaluation, metric);
  return `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`.padEnd(24);
}

const signed = (x: number): string => `${x >= 0 ? '+' : ''}${x.toFixed(3)}`;
