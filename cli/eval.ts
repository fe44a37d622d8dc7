// `retromae eval`: a model on a BEIR folder, with confidence intervals, BM25 beside it or fused with it.
import { documentText, hasSplit, loadBeir, loadRetrievalSet, type RetrievalSet } from '../data/index.js';
import { similarities } from '../nn/index.js';
import {
  evaluateBm25,
  evaluateEncoder,
  evaluateFusion,
  vectorBytes,
  type EvaluateOptions,
} from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { Ticker } from '../train/index.js';
import { backendFlags, required, say, withBackend } from './common.js';
import { sayData, unknownFlag } from './data-summary.js';
import { dropSelfFlag, sayCoinciding } from './drop-self.js';
import { keepingOf, loadEncoder, refuseSimilarity, representFlag, vectorFlags } from './encoder.js';
import { jsonOf, tableOf, type Report } from './eval-report.js';
import { helpText, parseFlags, UsageError, type Values } from './flags.js';
import { fuseFlags, fusionOf, learningSplit } from './fusion.js';
import { overlapFlag, overlapOf } from './overlap.js';

/** What BEIR reports, and what models are trained on. */
const SPLIT = 'test';
const TRAIN = 'train';

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder' },
  data: { type: 'string', value: 'BEIRDIR', help: 'corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv' },
  split: { type: 'string', value: 'NAME', preset: SPLIT, help: 'which judgements of --data' },
  corpus: { type: 'string', value: 'PATH', help: 'instead of --data: documents, a file or a folder' },
  queries: { type: 'string', value: 'PATH', help: 'with --corpus: queries, a file' },
  qrels: { type: 'string', value: 'FILE', help: 'with --corpus: judgements, of BEIR, MS MARCO or TREC' },
  ...dropSelfFlag,
  baseline: { type: 'string', choices: ['bm25'], help: 'show it beside the model' },
  ...fuseFlags,
  'learn-fuse-on': {
    type: 'string',
    value: 'SPLIT',
    help: 'with --fuse weighted: learn the weight on these judgements of --data, train or dev',
  },
  ...overlapFlag,
  'max-length': { type: 'number', rule: rules.integer(3), help: 'cut texts to so many tokens (default: the model’s)' },
  ...representFlag,
  ...vectorFlags,
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

export async function evalCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  refuseSimilarity(given);
  const { data: folder, split = SPLIT, 'learn-fuse-on': learn } = given;
  const fusion = fusionOf(given);
  checkSplits(given, split);
  const set = await setOf(given);
  set.warnings.forEach(say);
  const learnOn = learn === undefined ? undefined : await learningSplit(folder!, learn, set);
  const overlap = given.overlap === undefined ? undefined : await overlapOf(folder!, given.overlap, set);
  if (folder !== undefined && split !== TRAIN && given.overlap !== TRAIN) await sayTrainedOn(folder, set);
  const dropSelf = given['drop-self'] ?? false;
  if (!dropSelf) sayCoinciding(set);
  await withBackend(given, async () => {
    const own = await loadEncoder(dir, { maxLength: given['max-length'], represent: given.represent });
    const { encoder, similarity: said, measure } = own;
    const keeping = keepingOf(given, own);
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
    const options: EvaluateOptions = { similarity, dropSelf, ...keeping, onProgress: (done) => ticker.update(done) };
    const found = fusion
      ? await evaluateFusion(encoder, set, { ...options, fusion, learnOn })
      : { own: await evaluateEncoder(encoder, set, options) };
    ticker.done();
    const report: Report = {
      name: dir,
      ...(given.baseline && !fusion && { bm25: evaluateBm25(set, { dropSelf }) }),
      ...found,
      overlap,
      learntOn: learnOn && { split: learn!, queries: learnOn.qrels.size },
    };
    const bytes = vectorBytes(keeping.format, keeping.dim);
    const isKept = own.represent !== 'dupmae';
    if (isKept && bytes < vectorBytes('f32', encoder.dim))
      say(
        `vectors are kept in ${bytes} bytes a document (${keeping.format}, ${keeping.dim} of ${encoder.dim} numbers).`,
      );
    const vectors = isKept ? { vectors: { ...keeping, bytes } } : {};
    if (given.json) process.stdout.write(`${JSON.stringify({ ...(await jsonOf(report)), ...vectors, data })}\n`);
    else process.stdout.write(await tableOf(report));
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

/** @throws UsageError for another split of no folder, of the one that is reported, or for a weight that nothing needs */
function checkSplits({ data, fuse, overlap, ...given }: Values<typeof flags>, reported: string): void {
  const learn = given['learn-fuse-on'];
  for (const [name, split] of Object.entries({ 'learn-fuse-on': learn, overlap })) {
    if (split === undefined) continue;
    if (data === undefined) throw new UsageError(`--${name} names a split of a folder. Give --data, or leave it out.`);
    if (split === reported)
      throw new UsageError(`--${name} is ${split}, the split that is reported. Name another one, or another --split.`);
  }
  if (learn === undefined) return;
  if (fuse !== 'weighted')
    throw new UsageError('--learn-fuse-on learns a weight. Give --fuse weighted, or leave it out.');
  if (given['fuse-weight'] !== undefined)
    throw new UsageError('--learn-fuse-on learns what --fuse-weight says. Leave one of them out.');
}

/** A model that was trained on a set has met the answers to some of its test queries. */
async function sayTrainedOn(folder: string, set: RetrievalSet): Promise<void> {
  if (!(await hasSplit(folder, TRAIN))) return;
  try {
    const { size } = (await overlapOf(folder, TRAIN, set)).sharing;
    if (size > 0)
      say(
        `${size} of ${set.queries.length} queries share a relevant document with the split ${TRAIN}; a model trained on that has met them. --overlap ${TRAIN} reports them apart.`,
      );
  } catch (error) {
    // Nobody asked for this file: that it is damaged must not keep another split from being measured.
    say(`Whether queries share documents with the split ${TRAIN} is not known: ${(error as Error).message}`);
  }
}
