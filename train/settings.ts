// Everything that a pre-training run can be told, with its defaults, in one typed object. The command line is made of it.
import { backendNames } from '../kernels/index.js';
import { retroMaeOptions, type Objective, type RetroMaeOptions } from '../retromae/model.js';
import type { DecoderTargets } from '../retromae/collator.js';

export interface PretrainSettings {
  /** `sotu` (built in), a .jsonl or .txt file, a BEIR folder, or a directory of these. */
  corpus: string;
  /** Field of .jsonl lines that holds the text. */
  field: string;
  /** Folder of the run: model, checkpoints, log, report. */
  out: string;
  /** Model folder (or Hugging Face checkpoint) to start from; its dimensions and vocabulary are taken over. */
  init: string | undefined;
  /** vocab.txt, tokenizer.json or a folder with one of them; without it a vocabulary is learnt from the corpus. */
  vocab: string | undefined;
  vocabSize: number;
  layers: number;
  hidden: number;
  heads: number;
  /** Width of the feed-forward part; 0 is four times the hidden size. */
  ffn: number;
  /** Longest sequence in tokens, [CLS] and [SEP] included. */
  seq: number;
  /** Sequences in a micro-batch. */
  batch: number;
  /** Micro-batches in a step. */
  accumulate: number;
  /** How long to train: the first of steps, minutes and epochs that is given. */
  steps: number | undefined;
  minutes: number | undefined;
  epochs: number;
  /** Peak learning rate, or an expression in `step` and `steps` that replaces the schedule. */
  lr: string;
  schedule: 'linear' | 'cosine' | 'constant';
  /** Warm-up: a share of all steps below 1, else a number of steps. */
  warmup: number;
  weightDecay: number;
  /** Largest global norm of the gradient; 0 for no clipping. */
  clip: number;
  dropout: number;
  /** Standard deviation of initial weights: 0.02 is BERT's; narrow models from scratch learn sooner with more. */
  initRange: number;
  encoderMask: number;
  decoderMask: number;
  objective: Objective;
  decoder: 'enhanced' | 'basic';
  decoderLayers: number;
  /** Keep less for the backward pass and compute it again: for models and batches that need too much memory. */
  recompute: boolean;
  backend: string;
  /** Threads of the wasm backend; undefined for all cores. */
  threads: number | undefined;
  /** Worker threads that make batches ahead; 0 makes them between steps. */
  workers: number;
  seed: number;
  /** BEIR folder of the retrieval probe; without it, sentences cut from passages of the corpus. */
  eval: string | undefined;
  /** Steps between probes; 0 for none. */
  evalEvery: number;
  /** Steps between checkpoints; 0 for none but the last. */
  saveEvery: number;
  /** Checkpoints that are kept. */
  keep: number;
}

/** The corpus that is no path. */
export const BUILT_IN = 'sotu';

export const pretrainDefaults: PretrainSettings = {
  corpus: BUILT_IN,
  field: 'text',
  out: 'runs/retromae',
  init: undefined,
  vocab: undefined,
  vocabSize: 8192,
  layers: 4,
  hidden: 256,
  heads: 4,
  ffn: 0,
  seq: 128,
  batch: 16,
  accumulate: 1,
  steps: undefined,
  minutes: undefined,
  epochs: 3,
  lr: '5e-4',
  schedule: 'linear',
  warmup: 0.1,
  weightDecay: 0.01,
  clip: 1,
  dropout: 0.1,
  initRange: 0.02,
  encoderMask: 0.3,
  decoderMask: 0.5,
  objective: 'retromae',
  decoder: 'enhanced',
  decoderLayers: 1,
  recompute: false,
  backend: 'auto',
  threads: undefined,
  workers: 1,
  seed: 42,
  eval: undefined,
  evalEvery: 200,
  saveEvery: 500,
  keep: 2,
};

/** What settings with few possible values can be. */
export const choices = {
  schedule: ['linear', 'cosine', 'constant'],
  objective: ['retromae', 'dupmae', 'mlm'],
  decoder: ['enhanced', 'basic'],
  backend: ['auto', ...backendNames],
} as const;

/** Most tokens of a step. The largest batches of BERT that are known hold so many: 32,768 x 512 (You et al. 2020, LAMB). */
const MOST_TOKENS = 2 ** 24;

/** A setting as its flag: `encoderMask` is --encoder-mask. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** What a setting must be, in words, and whether a value is that. */
interface Rule {
  wanted: string;
  holds(value: unknown): boolean;
}

const number = (wanted: string, holds: (value: number) => boolean): Rule => ({
  wanted,
  holds: (value) => typeof value === 'number' && holds(value),
});
const integer = (least: number, most = Number.MAX_SAFE_INTEGER): Rule =>
  number(
    most < Number.MAX_SAFE_INTEGER ? `an integer of ${least} to ${most}` : `an integer of at least ${least}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
  );
const oneOf = (values: readonly string[]): Rule => ({
  wanted: `one of ${values.join(', ')}`,
  holds: (value) => typeof value === 'string' && values.includes(value),
});
const optional = ({ wanted, holds }: Rule): Rule => ({ wanted, holds: (value) => value === undefined || holds(value) });

const text: Rule = { wanted: 'a text that is not empty', holds: (x) => typeof x === 'string' && x.trim() !== '' };
const positive = number('a number above 0', (value) => value > 0 && value < Infinity);
const notNegative = number('a number of at least 0', (value) => value >= 0 && value < Infinity);
const share = number('between 0 and 1, both excluded', (value) => value > 0 && value < 1);

const rules: Record<keyof PretrainSettings, Rule> = {
  corpus: text,
  field: text,
  out: text,
  init: optional(text),
  vocab: optional(text),
  vocabSize: integer(6),
  layers: integer(1),
  hidden: integer(1),
  heads: integer(1),
  ffn: integer(0),
  seq: integer(3, 65535),
  batch: integer(1),
  accumulate: integer(1),
  steps: optional(integer(1)),
  minutes: optional(positive),
  epochs: positive,
  lr: {
    wanted: 'a number of at least 0, or an expression such as "1e-3 * min(step / 100, 1)"',
    holds: (lr) => text.holds(lr) && !(Number(lr) < 0 || Math.abs(Number(lr)) === Infinity),
  },
  schedule: oneOf(choices.schedule),
  warmup: notNegative,
  weightDecay: notNegative,
  clip: notNegative,
  dropout: number('a number from 0 to below 1', (value) => value >= 0 && value < 1),
  initRange: number('a number above 0', (value) => value > 0),
  encoderMask: share,
  decoderMask: share,
  objective: oneOf(choices.objective),
  decoder: oneOf(choices.decoder),
  decoderLayers: integer(1, 3),
  recompute: { wanted: 'true or false', holds: (value) => typeof value === 'boolean' },
  backend: oneOf(choices.backend),
  threads: optional(integer(1)),
  workers: integer(0, 64),
  seed: integer(0),
  eval: optional(text),
  evalEvery: integer(0),
  saveEvery: integer(0),
  keep: integer(1),
};

/** Completes settings with defaults and checks them. @throws naming the flag, what it must be, and what it was */
export function pretrainSettings(given: Partial<PretrainSettings> = {}): PretrainSettings {
  const settings = { ...pretrainDefaults, ...given };
  const wrong = (name: keyof PretrainSettings, wanted: string) =>
    new Error(`${flagOf(name)} is ${JSON.stringify(settings[name])}; it must be ${wanted}.`);
  for (const [name, { wanted, holds }] of Object.entries(rules) as [keyof PretrainSettings, Rule][])
    if (!holds(settings[name])) throw wrong(name, wanted);
  if (settings.hidden % settings.heads !== 0) throw wrong('hidden', `divisible by --heads ${settings.heads}`);
  const { batch, accumulate, seq } = settings;
  const bound = (others: number) =>
    `at most ${Math.max(1, Math.floor(MOST_TOKENS / others))}, as a step has at most ${MOST_TOKENS} tokens`;
  if (batch * seq > MOST_TOKENS) throw wrong('batch', `${bound(seq)} and --seq is ${seq}`);
  if (accumulate * batch * seq > MOST_TOKENS)
    throw wrong('accumulate', `${bound(batch * seq)} and a micro-batch ${batch} x ${seq}`);
  if (settings.decoderLayers > 1 && settings.decoder === 'enhanced')
    throw wrong('decoderLayers', '1, as enhanced decoding has one layer; choose --decoder basic for more');
  if (settings.objective === 'dupmae' && settings.decoder !== 'enhanced')
    throw wrong('decoder', 'enhanced with --objective dupmae');
  return settings;
}

/** What of the settings concerns the model's objective and how it is computed. */
export const objectiveOf = ({ objective, decoder, decoderLayers, recompute }: PretrainSettings): RetroMaeOptions =>
  retroMaeOptions({ objective, decoder, decoderLayers, recompute });

/** Which decoder targets the collator must make. */
export const targetsOf = ({ objective, decoder }: Pick<PretrainSettings, 'objective' | 'decoder'>): DecoderTargets =>
  objective === 'mlm' ? 'none' : decoder;
