// `retromae mine`: hard negatives for training, from BM25 (DPR), from a model (ANCE), or both.
import { writeFileAtomic } from '../data/index.js';
import { bm25Ranker, encoderRanker, minedLines, type Ranker } from '../finetune/index.js';
import { similarities } from '../nn/index.js';
import { negativePicks, parseRanks } from '../retrieval/index.js';
import type { Margin, MinedNegatives } from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { Ticker } from '../train/index.js';
import { backendFlags, checkWritable, corpusFlags, required, say, untilStopped, withBackend } from './common.js';
import { sayData, unknownFlag } from './data-summary.js';
import { loadEncoder, refuseSimilarity, representFlag } from './encoder.js';
import { helpText, parseFlags, UsageError, type Values } from './flags.js';
import { readTask, type MiningTask } from './mine-task.js';

const { field, 'max-bad-lines': maxBadLines } = corpusFlags;

const flags = {
  data: { type: 'string', value: 'BEIRDIR', help: 'corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv' },
  split: { type: 'string', value: 'NAME', preset: 'train', help: 'which judgements of --data' },
  pairs: { type: 'string', value: 'FILE', help: 'instead of --data: lines {"query": TEXT, "pos": [TEXT, ...]}' },
  corpus: { type: 'string', value: 'PATH', help: 'with --pairs: documents, the positives among them' },
  field,
  'max-bad-lines': maxBadLines,
  out: { type: 'string', value: 'FILE', help: 'file to write, one JSON object a line' },
  from: { type: 'string', choices: ['bm25', 'model', 'both'], help: 'whose rankings negatives are taken from' },
  model: { type: 'string', value: 'DIR', help: 'model folder, for --from model and both' },
  negatives: { type: 'number', rule: rules.integer(1), preset: 15, help: 'negatives of a query' },
  range: { type: 'string', value: 'FROM-TO', preset: '1-200', help: 'ranks that they are taken from' },
  pick: { type: 'string', choices: negativePicks, preset: 'random', help: 'which of these: any, or the best' },
  margin: {
    type: 'string',
    value: 'M|P%',
    help: 'leave out what scores above the worst positive’s score less M, or above P % of it (default: nothing)',
  },
  random: { type: 'number', rule: rules.integer(0), preset: 0, help: 'random documents beside the negatives' },
  seed: { type: 'number', rule: rules.integer(0), preset: 0, help: 'of what is drawn at random' },
  'max-length': { type: 'number', rule: rules.integer(3), help: 'cut texts to so many tokens (default: the model’s)' },
  ...representFlag,
  similarity: { type: 'string', choices: similarities, help: 'of vectors (default: what the model folder says)' },
  ...unknownFlag,
  ...backendFlags,
  json: { type: 'boolean', help: 'print one JSON object: what was written, filled up and left out' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Finds hard negatives for queries whose positives are known, and writes them as lines to train on (FlagEmbedding's).

Usage: retromae mine --data BEIRDIR --from bm25|model|both --out FILE [flags]
       retromae mine --pairs FILE --corpus PATH --from bm25|model|both --out FILE [flags]

Where a query has too few, random documents fill it up. Scores are the model's where there is one; those of BM25 are
shares of the query's best.`;

type Given = Values<typeof flags>;

export async function mineCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const from = required(given.from, 'from', 'bm25, model or both');
  const out = required(given.out, 'out', 'the file to write');
  refuseOthers(from, given);
  const { negatives, random, seed } = given;
  const pick = negativePicks.find((name) => name === given.pick);
  const options = { negatives, random, seed, pick, ...rangeOf(given.range), margin: marginOf(given.margin) };
  await checkWritable(out);
  const task = await readTask(given, options);
  const mine = async (rankers: readonly Ranker[]): Promise<void> => {
    const counts = noCounts(task.withoutPositive);
    const ticker = new Ticker(process.stderr, { what: 'queries', total: task.asked.length });
    const hooks = {
      onProgress: (done: number): void => ticker.update(done),
      onMined: (mined: MinedNegatives): void => add(counts, mined),
    };
    const isWhole = await untilStopped((signal) =>
      writeFileAtomic(out, minedLines(task, rankers, { ...hooks, signal })),
    ).finally(() => ticker.done());
    if (isWhole) report(counts, { from, out }, given.json);
  };
  if (from !== 'model') say(`Indexing ${task.texts.length} documents for BM25.`);
  const bm25 = from === 'model' ? [] : [bm25Ranker(task)];
  if (from === 'bm25') return mine(bm25);
  // The model's ranking is the first: its scores are those that count.
  await withBackend(given, async () => mine([await modelRanker(given, task), ...bm25]));
}

const MODEL_FLAGS = ['model', 'represent', 'similarity', 'max-length', 'max-unknown', 'backend', 'threads'] as const;

/** @throws UsageError for a model that is not asked for, or one that is missing, and for flags of a model without one */
function refuseOthers(from: string, given: Given): void {
  if (from !== 'bm25') {
    required(given.model, 'model', `a model folder, for --from ${from}`);
    return refuseSimilarity(given);
  }
  for (const name of MODEL_FLAGS)
    if (given[name] !== undefined)
      throw new UsageError(
        `--${name} is for a model, but --from bm25 takes none. Give --from model or both, or leave it out.`,
      );
}

function rangeOf(text = '1-200'): { from: number; to: number } {
  try {
    return parseRanks(text);
  } catch {
    throw new UsageError(
      `--range is ${JSON.stringify(text)}; it must be two ranks, the first at least 1 and the second not below it, such as 10-100.`,
    );
  }
}

function marginOf(text: string | undefined): Margin | undefined {
  if (text === undefined) return undefined;
  const [, digits, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (percent === '' && Number.isFinite(value)) return { below: value };
  if (percent === '%' && value > 0 && value <= 100) return { share: value / 100 };
  throw new UsageError(
    `--margin is ${JSON.stringify(text)}; it must be a number of at least 0, such as 0.05, or a percentage above 0 % and up to 100 %, such as 95%.`,
  );
}

/** Encodes the corpus, and says what the model can read of it. */
async function modelRanker(given: Given, task: MiningTask): Promise<Ranker> {
  const { name, texts, asked } = task;
  const { encoder, measure, ...folder } = await loadEncoder(given.model!, {
    maxLength: given['max-length'],
    represent: given.represent,
  });
  const own = similarities.find((similarity) => similarity === given.similarity) ?? folder.similarity;
  const documents = texts.map(({ text }) => text);
  const queries = asked.map(({ text }) => text);
  sayData(name, measure(documents), given['max-unknown']);
  sayData(`${name}, queries`, measure(queries, 'query'), given['max-unknown'], 'queries');
  const ticker = new Ticker(process.stderr, { what: 'texts', total: texts.length });
  const onProgress = (done: number): void => ticker.update(done);
  return encoderRanker(encoder, task, { similarity: own, onProgress }).finally(() => ticker.done());
}

const noCounts = (withoutPositive: number) => ({
  ...{ queries: 0, negatives: 0, withoutPositive, withoutNegative: 0 },
  /** Lines that random documents filled up, these documents, and lines that are too short all the same. */
  ...{ filledLines: 0, filled: 0, shortLines: 0 },
  ...{ aboveMargin: 0, equal: 0 },
});
type MineCounts = ReturnType<typeof noCounts>;

function add(counts: MineCounts, { negatives, filled, missing, aboveMargin, equal }: MinedNegatives): void {
  const isWritten = negatives.length > 0;
  counts.queries += Number(isWritten);
  counts.withoutNegative += Number(!isWritten);
  counts.negatives += negatives.length;
  counts.filledLines += Number(filled > 0);
  counts.filled += filled;
  counts.shortLines += Number(isWritten && missing > 0);
  counts.aboveMargin += aboveMargin;
  counts.equal += equal;
}

function report(counts: MineCounts, where: { from: string; out: string }, json = false): void {
  if (json) process.stdout.write(`${JSON.stringify({ ...counts, ...where })}\n`);
  say(`${counts.queries} queries with ${counts.negatives} negatives in ${where.out}.`);
  const left = [
    [counts.aboveMargin, 'candidates score too high by --margin and are left out'],
    [counts.equal, 'candidates have the text of a positive or of the query and are left out'],
    [counts.filledLines, `lines had too few candidates and were filled with ${counts.filled} random documents`],
    [counts.shortLines, 'lines have fewer negatives than asked for: the corpus has no more that are allowed'],
    [counts.withoutNegative, 'queries have no negative in the corpus and are left out'],
  ] as const;
  for (const [count, what] of left) if (count > 0) say(`${count} ${what}.`);
}
