// Everything that a fine-tuning run can be told, one row a setting: flags, --help, checks and run.json are made of these.
import { flagOf } from '../data/index.js';
import { completeOptions, option, rules, wrongOption, similarityOptions, symmetric } from '../retromae/index.js';
import type { OptionsOf } from '../retromae/index.js';
import { parseRanks } from '../retrieval/index.js';
import { learningRate, runRows, type RunKind, type Setting } from '../train/index.js';
import { distillations } from './bi-encoder.js';
import { parseMix } from './pair-kinds.js';

const { integer, notNegative, number, oneOf, optional, text } = rules;

const share = number('a number from 0 to below 1', (value) => value >= 0 && value < 1);
const part = number('a number above 0 and at most 1', (value) => value > 0 && value <= 1);
const path = { value: 'PATH', path: true };
const folder = { value: 'DIR', path: true };

/** What `corpus` is where there are examples instead. */
export const NO_CORPUS = '';

/** What a model is that is made here: words alone, or a BERT. */
export const ARCHITECTURES = ['static', 'bert'] as const;
export const poolings = ['cls', 'mean', 'weighted'] as const;
export const methods = ['dpr', 'ance', 'distill', 'cross'] as const;

/** Where negatives of `ance` are drawn from. */
export const MINE_RANKS = '1-200';

/** A text that a function can read. */
const readBy = (wanted: string, read: (value: string) => unknown) => ({
  ...text,
  wanted,
  holds: (value: unknown): value is string => {
    try {
      return text.holds(value) && (read(value), true);
    } catch {
      return false;
    }
  },
});

/** Widths as they are typed, `256:1,64:0.5`: largest first. @throws if one is no width, or no weight */
export function parseDims(given: string): { dim: number; weight: number }[] {
  const dims = given.split(',').map((each) => {
    const [dim, weight = '1', ...more] = each.split(':').map((part) => part.trim());
    return { dim: Number(dim), weight: more.length > 0 || weight === '' ? NaN : Number(weight) };
  });
  if (dims.every(({ dim, weight }) => Number.isInteger(dim) && dim > 0 && weight > 0 && weight < Infinity))
    return dims.sort((a, b) => b.dim - a.dim);
  throw new Error(`${given}: no list of widths`);
}

export const finetuneRows = {
  model: option('static', text, 'what to train: a model folder, or a new one: static (words alone) or bert', {
    value: 'DIR|static|bert',
    path: true,
    isNoPath: (value: string) => (ARCHITECTURES as readonly string[]).includes(value),
  }),
  initWords: option(undefined, optional(text), 'a new BERT begins with the words of this static encoder', folder),
  /** Raw text, of which pairs are made. */
  corpus: option(undefined, optional(text), 'raw text without labels: a file, a BEIR folder, or a directory of these', {
    ...path,
    isNoPath: (value: string) => value === NO_CORPUS,
  }),
  examples: option(
    undefined,
    optional(text),
    'labelled: a BEIR folder, or lines of queries with texts (.jsonl of FlagEmbedding, .csv, triples.tsv) or ids',
    path,
  ),
  exampleQueries: option(undefined, optional(text), 'where --examples are ids: the texts of queries, by id', path),
  exampleCorpus: option(
    undefined,
    optional(text),
    'where --examples are ids: the passages, by id (.tsv of id, text or id, title, text; .jsonl …)',
    path,
  ),
  exampleQrels: option(
    undefined,
    optional(text),
    'where --examples are ids of queries with negatives alone: which passages answer, qid<tab>pid or judgements',
    path,
  ),
  judged: option('train', text, 'which judgements of a BEIR folder in --examples', { value: 'SPLIT' }),
  out: { ...runRows.out, preset: 'runs/finetuned' },
  method: option(
    'dpr',
    oneOf(methods),
    'dpr: find the passage among those of the batch; ance: and hard ones; distill: a teacher’s scores; cross: a cross-encoder',
  ),
  mineEvery: option(
    undefined,
    optional(integer(1)),
    'of --method ance: steps after which negatives are mined anew (default: an epoch)',
  ),
  mineRanks: option(
    undefined,
    optional(readBy('two ranks, the first at least 1 and the second not below it, such as 10-100', parseRanks)),
    `ranks that they are drawn from (default: ${MINE_RANKS})`,
    { value: 'FROM-TO' },
  ),
  mineCorpus: option(
    undefined,
    optional(text),
    'more passages to mine from, where --examples is a file (default: all texts in it)',
    path,
  ),
  pairs: option(
    'title:0.2,cloze:0.4,crop:0.4',
    readBy('kinds of pairs with weights, such as title:1,cloze:2,crop:2,neighbour:1,question:1', parseMix),
    'of --corpus: title and text, a sentence and the rest (cloze), crops, neighbours, questions, with weights',
    { value: 'KINDS' },
  ),
  tokenDrop: option(0.3, share, 'share of the tokens that are left out of each text of a pair (--corpus)'),
  cropLeast: option(0.1, part, 'shortest crop, as a share of its passage'),
  cropMost: option(0.5, part, 'longest crop'),
  keepSentence: option(0.1, share, 'share of the sentences of cloze that stay in their passages too'),
  negatives: option(1, integer(0), 'given negatives of a query (--examples, where there are some)'),
  ...similarityOptions,
  symmetric: { ...symmetric, preset: true, help: 'also from passages to queries, and the mean' },
  margin: option(
    undefined,
    optional(notNegative),
    'passages more similar than the positive, by more than this, are no negatives (default: all are)',
  ),
  dims: option(
    undefined,
    optional(readBy('widths with weights, such as 256:1,64:0.5', parseDims)),
    'Matryoshka: also the first so many numbers of a vector, each with its weight',
    { value: 'WIDTHS' },
  ),
  teacher: option(
    undefined,
    optional(text),
    'of --method distill: a cross-encoder or an encoder, which scores --examples first (default: scores that they have)',
    folder,
  ),
  distillLoss: option('kl', oneOf(distillations), 'of --method distill'),
  distillTemperature: option(1, rules.positive, 'what scores of teacher and student are divided by (kl)'),
  contrastWeight: option(0, notNegative, 'weight of the ranking beside the teacher’s scores'),
  queryLength: option(64, integer(3, 65535), 'longest query of --examples in tokens, [CLS] and [SEP] included'),
  seq: { ...runRows.seq, preset: 256, help: 'longest passage in tokens, [CLS] and [SEP] included' },
  queryPrompt: option('', { ...text, wanted: 'a text', holds: isString }, 'put before queries', { value: 'TEXT' }),
  documentPrompt: option('', { ...text, wanted: 'a text', holds: isString }, 'put before passages', { value: 'TEXT' }),
  width: option(768, integer(1, 2 ** 18), 'numbers of a vector of a new model'),
  pooling: option(undefined, optional(oneOf(poolings)), 'of a BERT: [CLS], the mean, or the mean weighted by word', {
    value: poolings.join('|'),
  }),
  layers: { ...runRows.layers, preset: 2, help: 'of a new BERT' },
  heads: { ...runRows.heads, help: 'attention heads of a new BERT; they divide the width' },
  ffn: { ...runRows.ffn, help: 'width of its feed-forward part; 0: 4 x width' },
  initRange: runRows.initRange,
  dropout: { ...runRows.dropout, preset: 0 },
  field: runRows.field,
  split: runRows.split,
  maxBadLines: runRows.maxBadLines,
  maxUnknown: runRows.maxUnknown,
  vocab: runRows.vocab,
  vocabSize: runRows.vocabSize,
  lowercase: runRows.lowercase,
  accents: runRows.accents,
  alphabetCoverage: runRows.alphabetCoverage,
  batch: option(
    undefined,
    optional(integer(1)),
    'queries in a micro-batch (default: 512 of words alone, 64 of a BERT, 16 of a cross-encoder)',
  ),
  accumulate: runRows.accumulate,
  steps: runRows.steps,
  minutes: runRows.minutes,
  epochs: { ...runRows.epochs, preset: 10 },
  mostEpochs: option(0, notNegative, 'passes over the text at most, however many fit into --minutes; 0: any number'),
  /** Not given, what suits the model: see `ratesOf`. */
  lr: option(
    undefined,
    optional(learningRate),
    'peak learning rate, or an expression (default: 6e-3 of words alone, else 5e-4)',
    {
      value: 'RATE',
    },
  ),
  lrWords: option(1, notNegative, 'factor on the learning rate of a BERT’s word table'),
  schedule: runRows.schedule,
  warmup: { ...runRows.warmup, preset: 0.05 },
  weightDecay: { ...runRows.weightDecay, preset: 0 },
  clip: runRows.clip,
  cacheChunk: {
    ...runRows.cacheChunk,
    help: 'texts that are computed at once (gradient caching), same gradients; 0: all',
  },
  recompute: runRows.recompute,
  backend: runRows.backend,
  threads: runRows.threads,
  workers: runRows.workers,
  seed: runRows.seed,
  eval: { ...runRows.eval, help: 'BEIR folder of the probe, for early stopping and the curve' },
  evalSplit: option('dev', text, 'its judgements', { value: 'SPLIT' }),
  evalEvery: { ...runRows.evalEvery, preset: 0 },
  patience: option(0, integer(0), 'probes without a better one, after which the run ends with the best; 0: never'),
  saveEvery: { ...runRows.saveEvery, preset: 0 },
  saveMinutes: { ...runRows.saveMinutes, preset: 5 },
  keep: { ...runRows.keep, preset: 1 },
};

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

type Rows = OptionsOf<typeof finetuneRows>;
export type FinetuneSettings = Omit<Rows, 'lr' | 'corpus' | 'batch'> & { lr: string; corpus: string; batch: number };

/**
 * Completes settings with defaults and checks them.
 * @throws naming the flag, what it must be, and what it was
 */
export function finetuneSettings(given: Partial<FinetuneSettings>): FinetuneSettings {
  const asked = { ...given, corpus: given.corpus === NO_CORPUS ? undefined : given.corpus };
  const settings = completeOptions<Rows>(finetuneRows, asked, flagOf);
  const wrong = (name: keyof Rows, wanted: string) => wrongOption(flagOf, name, settings[name], wanted);
  const {
    model,
    corpus,
    examples,
    initWords,
    method,
    width,
    heads,
    cropLeast,
    cropMost,
    eval: dev,
    patience,
    dims,
  } = settings;
  if (corpus === undefined && examples === undefined)
    throw new Error(
      '--corpus is missing: what to learn from. Give raw text there, or labelled examples with --examples.',
    );
  if (corpus !== undefined && examples !== undefined)
    throw new Error(
      '--corpus and --examples both say what to learn from. Give one of them, and the other in a second run.',
    );
  checkIds(settings, wrong);
  if (model === 'bert' && width % heads !== 0) throw wrong('heads', `a divisor of --width ${width}`);
  if (initWords !== undefined && model !== 'bert')
    throw wrong('initWords', 'left out, as --model is not bert: only a new BERT begins with words');
  if (method === 'ance' && examples === undefined)
    throw wrong('method', 'dpr, as negatives are mined for the queries of --examples');
  if (method === 'ance' && settings.negatives === 0) throw wrong('negatives', 'at least 1, as --method is ance');
  for (const name of ['mineEvery', 'mineRanks', 'mineCorpus'] as const)
    if (method !== 'ance' && settings[name] !== undefined) throw wrong(name, 'left out, as --method is not ance');
  if (method === 'distill' && examples === undefined)
    throw wrong('method', 'dpr, as a teacher’s scores are of --examples');
  if (settings.teacher !== undefined && method !== 'distill')
    throw wrong('teacher', `left out, as --method is ${method}: only distill has one`);
  if (method === 'cross') {
    if (model === 'static')
      throw wrong('model', 'bert or a folder, as --method cross reads query and passage together');
    for (const name of ['cacheChunk', 'eval'] as const)
      if (settings[name]) throw wrong(name, 'left out, as --method cross has no vectors');
    if (initWords !== undefined)
      throw wrong('initWords', 'left out: give as --model the folder of a BERT that --method dpr began with words');
    if (examples === undefined) throw wrong('method', 'dpr, as a cross-encoder learns from --examples with negatives');
  }
  if (cropLeast > cropMost) throw wrong('cropLeast', `at most that of the longest crop, ${cropMost}`);
  if (patience > 0 && dev === undefined) throw wrong('patience', '0, or --eval is to say what is probed');
  if (model === 'static' && settings.pooling !== undefined)
    throw wrong('pooling', 'left out, as --model is static: its vectors are the mean of words');
  const widest = dims === undefined ? 0 : parseDims(dims)[0].dim;
  if (widest > width && (ARCHITECTURES as readonly string[]).includes(model))
    throw wrong('dims', `at most --width ${width}`);
  const usual = {
    cross: { lr: '5e-4', batch: 16 },
    static: { lr: '6e-3', batch: 512 },
    bert: { lr: '5e-4', batch: 64 },
  };
  const { lr, batch } = usual[method === 'cross' ? 'cross' : model === 'static' ? 'static' : 'bert'];
  return { ...settings, corpus: corpus ?? NO_CORPUS, lr: settings.lr ?? lr, batch: settings.batch ?? batch };
}

/** @throws unless the texts of ids are given whole, and for examples */
function checkIds(settings: Rows, wrong: (name: keyof Rows, wanted: string) => Error): void {
  const { examples, exampleQueries, exampleCorpus } = settings;
  const texts = ['exampleQueries', 'exampleCorpus', 'exampleQrels'] as const;
  const [first] = texts.filter((name) => settings[name] !== undefined);
  if (first === undefined) return;
  if (examples === undefined) throw wrong(first, 'left out, as there are no --examples');
  if (exampleQueries !== undefined && exampleCorpus !== undefined) return;
  const missing = exampleQueries === undefined ? 'exampleQueries' : 'exampleCorpus';
  throw new Error(
    `${flagOf(missing)} is missing: where the ids of --examples have their texts, beside ${flagOf(first)}.`,
  );
}

export const finetuning: RunKind<FinetuneSettings> = {
  format: 'retromae-finetune-1',
  rows: finetuneRows as unknown as Readonly<Record<string, Setting>>,
  complete: finetuneSettings,
};
