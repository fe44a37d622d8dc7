// Everything that a pre-training run can be told, with its defaults, in one typed object. The command line is made of it.
import { retroMaeOptions, type Objective, type RetroMaeOptions } from './model.js';
import type { DecoderTargets } from './collator.js';

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
  encoderMask: number;
  decoderMask: number;
  objective: Objective;
  decoder: 'enhanced' | 'basic';
  decoderLayers: number;
  backend: string;
  /** Threads of the wasm backend; undefined for all cores. */
  threads: number | undefined;
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

export const pretrainDefaults: PretrainSettings = {
  corpus: 'sotu',
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
  encoderMask: 0.3,
  decoderMask: 0.5,
  objective: 'retromae',
  decoder: 'enhanced',
  decoderLayers: 1,
  backend: 'auto',
  threads: undefined,
  seed: 42,
  eval: undefined,
  evalEvery: 200,
  saveEvery: 500,
  keep: 2,
};

const atLeastOne = ['vocabSize', 'layers', 'hidden', 'heads', 'batch', 'accumulate', 'decoderLayers', 'keep'] as const;

/** A setting as its flag: `encoderMask` is --encoder-mask. */
export const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Completes settings with defaults and checks them. @throws naming the flag, what it must be, and what it was */
export function pretrainSettings(given: Partial<PretrainSettings> = {}): PretrainSettings {
  const settings = { ...pretrainDefaults, ...given };
  const wrong = (name: keyof PretrainSettings, wanted: string) =>
    new Error(`${flagOf(name)} is ${String(settings[name])}; it must be ${wanted}.`);
  for (const name of atLeastOne)
    if (!Number.isInteger(settings[name]) || settings[name] < 1) throw wrong(name, 'an integer of at least 1');
  if (!Number.isInteger(settings.seq) || settings.seq < 3) throw wrong('seq', 'an integer of at least 3');
  for (const name of ['encoderMask', 'decoderMask'] as const)
    if (!(settings[name] > 0 && settings[name] < 1)) throw wrong(name, 'between 0 and 1, both excluded');
  if (!(settings.dropout >= 0 && settings.dropout < 1)) throw wrong('dropout', 'in [0, 1)');
  for (const name of ['warmup', 'weightDecay', 'clip', 'evalEvery', 'saveEvery', 'ffn'] as const)
    if (!(settings[name] >= 0)) throw wrong(name, 'at least 0');
  for (const name of ['steps', 'minutes', 'epochs', 'threads'] as const)
    if (settings[name] !== undefined && !(settings[name] > 0)) throw wrong(name, 'more than 0');
  if (!Number.isSafeInteger(settings.seed) || settings.seed < 0) throw wrong('seed', 'an integer from 0 to 2^53 - 1');
  if (settings.hidden % settings.heads !== 0) throw wrong('hidden', `divisible by --heads ${settings.heads}`);
  return settings;
}

/** What of the settings concerns the model's objective. */
export const objectiveOf = ({ objective, decoder, decoderLayers }: PretrainSettings): RetroMaeOptions =>
  retroMaeOptions({ objective, decoder, decoderLayers });

/** Which decoder targets the collator must make. */
export const targetsOf = ({ objective, decoder }: Pick<PretrainSettings, 'objective' | 'decoder'>): DecoderTargets =>
  objective === 'mlm' ? 'none' : decoder;
