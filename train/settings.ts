// Everything that a pre-training run can be told, one row a setting: flags, --help, checks and run.json are made of these.
import { flagOf, shownValue, SPLITS, WORD_RULES } from '../data/index.js';
import { backendNames } from '../kernels/index.js';
import {
  completeOptions,
  contrastiveNames,
  objectiveNamed,
  objectiveNames,
  option,
  rules,
  wrongOption,
} from '../retromae/index.js';
import type { Objective, ObjectiveName, ObjectiveOptions, Option, OptionRule, OptionsOf } from '../retromae/index.js';

/** A row: an option, and what a run does with it beyond that. */
export interface Setting<T = unknown> extends Option<T> {
  /** It is a path, kept absolute in run.json, so that the run can be resumed from any folder. */
  readonly path?: boolean;
  /** Whether a value of it is no path nevertheless. */
  isNoPath?(value: string): boolean;
  /** It may be given anew with --resume, since it changes no bit, or (the backend) has bits of its own. */
  readonly anew?: boolean;
}

/** The corpus that is no path. */
export const BUILT_IN = 'sotu';

/** Most tokens of a step. The largest batches of BERT that are known hold so many: 32,768 x 512 (You et al. 2020, LAMB). */
const MOST_TOKENS = 2 ** 24;

/** Beyond any BERT that was ever trained: more is a slip of the finger, and would end in an allocation that fails. */
const MOST_WORDS = 2 ** 22;
const MOST_LAYERS = 1000;
const WIDEST = 2 ** 18;

const { integer, notNegative, number, oneOf, optional, percent, positive, text, yesOrNo } = rules;
const path = { value: 'PATH', path: true };
const folder = { value: 'DIR', path: true };
const anew = { anew: true };

export const learningRate: OptionRule<string> = {
  ...text,
  wanted: 'a number of at least 0, or an expression such as "1e-3 * min(step / 100, 1)"',
  holds: (lr): lr is string => text.holds(lr) && !(Number(lr) < 0 || Math.abs(Number(lr)) === Infinity),
};

const objectiveRule: OptionRule<ObjectiveName> = {
  type: 'string',
  wanted:
    `one of ${objectiveNames.join(', ')}; or two joined, one that is not contrastive + one that is ` +
    `(${contrastiveNames.join(', ')})`,
  holds: (value): value is ObjectiveName => {
    try {
      return typeof value === 'string' && objectiveNamed(value as ObjectiveName).name.length > 0;
    } catch {
      return false;
    }
  },
};

/** What a run is told, whatever the objective; other kinds of runs take rows from here. */
export const runRows = {
  corpus: option(
    BUILT_IN,
    text,
    'sotu (built in), a file (.jsonl, .csv, .tsv, .parquet, .txt …), a BEIR folder, or a directory of these',
    { ...path, isNoPath: (value: string) => value === BUILT_IN },
  ),
  field: option(undefined, optional(text), 'field of the lines that holds the text (default: the usual names)', {
    value: 'NAME',
  }),
  split: option('auto', oneOf(SPLITS), 'what a document of a .txt file is'),
  maxBadLines: option(100, integer(0), 'lines that may be malformed and are left out'),
  maxUnknown: option(50, percent, 'percent of the tokens that may be [UNK]', anew),
  out: option('runs/retromae', text, 'folder of the run: model, checkpoints, log, report', folder),
  /** The dimensions and the vocabulary of this model are taken over. */
  init: option(undefined, optional(text), 'start from this model folder or Hugging Face BERT', folder),
  /** Its width and vocabulary are taken over; the sentence vector is then the mean of all tokens, weighted by word. */
  initWords: option(undefined, optional(text), 'begin with the words of this static encoder', folder),
  vocab: option(undefined, optional(text), 'vocab.txt or tokenizer.json; without it a vocabulary is learnt', path),
  vocabSize: option(8192, integer(6, MOST_WORDS), 'size of a learnt vocabulary'),
  /** Not given, these are those of a given vocabulary. */
  lowercase: option(undefined, optional(yesOrNo), 'fold the case of letters in a learnt vocabulary (default: yes)'),
  accents: option(
    undefined,
    optional(oneOf(['auto', 'keep', 'strip'])),
    'of letters in a learnt vocabulary; auto: stripped if case is folded (default: auto)',
  ),
  alphabetCoverage: option(
    undefined,
    optional(number('a number above 0 and at most 1', (value) => value > 0 && value <= 1)),
    'share of all characters that a learnt vocabulary must know (default: 0.99999)',
    { value: 'X' },
  ),
  /** Beside `##`: for languages without blanks. */
  words: option(
    'pieces',
    oneOf(WORD_RULES),
    'what is masked as one word; segmented: of Chinese and Japanese, words instead of signs',
  ),
  layers: option(4, integer(1, MOST_LAYERS), 'layers of the encoder'),
  hidden: option(256, integer(1, WIDEST), 'hidden size'),
  heads: option(4, integer(1, WIDEST), 'attention heads; they divide the hidden size'),
  ffn: option(0, integer(0, WIDEST), 'width of the feed-forward part; 0: 4 x hidden'),
  seq: option(128, integer(3, 65535), 'longest sequence in tokens, [CLS] and [SEP] included'),
  /** Of a new encoder. */
  positions: option(
    undefined,
    optional(integer(3, 65535)),
    'longest sequence that a new encoder can read later, in fine-tuning (default: --seq)',
  ),
  batch: option(16, integer(1), 'sequences in a micro-batch'),
  accumulate: option(1, integer(1), 'micro-batches in a step'),
  /** How long to train: the first of steps, minutes and epochs that is given. */
  steps: option(undefined, optional(integer(1)), 'how long to train: steps,'),
  minutes: option(undefined, optional(positive), '  or minutes,'),
  epochs: option(3, positive, '  or passes over the corpus'),
  lr: option('5e-4', learningRate, 'peak learning rate, or an expression: "1e-3 * min(step / 100, 1)"', {
    value: 'RATE',
  }),
  schedule: option('linear', oneOf(['linear', 'cosine', 'constant']), 'what follows the warm-up'),
  warmup: option(0.1, notNegative, 'a share of all steps if below 1, else steps'),
  weightDecay: option(0.01, notNegative, 'decoupled, not on biases and LayerNorm'),
  clip: option(1, notNegative, 'largest global norm of the gradient; 0: none'),
  dropout: option(
    0.1,
    number('a number from 0 to below 1', (value) => value >= 0 && value < 1),
    'of hidden states and attention weights',
  ),
  /** 0.02 is BERT's. */
  initRange: option(
    0.02,
    number('a number above 0', (value) => value > 0),
    'deviation of initial weights; narrow models learn sooner with 0.05',
  ),
  objective: option(
    'retromae',
    objectiveRule,
    `what to learn from: ${objectiveNames.join(', ')}; or two: retromae+crop`,
    {
      value: 'NAME',
    },
  ),
  /** For contrastive batches that need too much memory (gradient caching). */
  cacheChunk: option(0, integer(0), 'texts of a contrastive batch that are computed at once, same gradients; 0: all'),
  /** For models and batches that need too much memory. */
  recompute: option(false, yesOrNo, 'keep fewer activations, compute them again: less memory, more time', anew),
  backend: option('auto', oneOf(['auto', ...backendNames]), 'where to compute', anew),
  threads: option(undefined, optional(integer(1)), 'threads of the wasm backend (default: all cores)', anew),
  workers: option(1, integer(0, 64), 'threads that make batches ahead; 0: none', anew),
  seed: option(42, integer(0), 'of everything that is random'),
  eval: option(
    undefined,
    optional(text),
    'BEIR folder of the retrieval probe (default: sentences cut from the corpus)',
    folder,
  ),
  evalEvery: option(200, integer(0), 'steps between probes; 0: none'),
  saveEvery: option(500, integer(0), 'steps between checkpoints; 0: only the last', anew),
  saveMinutes: option(0, notNegative, 'and minutes between checkpoints; 0: only by steps', anew),
  keep: option(2, integer(1), 'checkpoints that are kept', anew),
};

type RunSettings = OptionsOf<typeof runRows>;

/** The options of the objective stand among the settings. */
export type PretrainSettings = RunSettings & Omit<ObjectiveOptions, keyof RunSettings>;

type Rows = Readonly<Record<string, Setting>>;
const rowsOf = ({ options }: Objective): Rows => options as Rows;

/** The objectives that have an option. */
const ownersOf = (name: string): ObjectiveName[] =>
  objectiveNames.filter((objective) => Object.hasOwn(objectiveNamed(objective).options, name));

const presetOf = (objective: ObjectiveName, name: string): unknown => rowsOf(objectiveNamed(objective))[name].preset;

/** The options of all objectives; of those that several have, the row of the default objective. */
const objectiveRows: Rows = Object.fromEntries(
  [...objectiveNames, runRows.objective.preset].flatMap((objective) =>
    Object.entries(rowsOf(objectiveNamed(objective))).map(([name, row]) => {
      const owners = ownersOf(name);
      const other = owners.filter((owner) => presetOf(owner, name) !== row.preset);
      const theirs = other.map((owner) => `; ${owner}: ${String(presetOf(owner, name))}`).join('');
      return [name, { ...row, help: `${row.help} (of ${owners.join(', ')}${theirs})` }];
    }),
  ),
);

/** Every setting, the options of all objectives after the objective. */
export const settingRows: Rows = Object.fromEntries(
  Object.entries<Setting>(runRows).flatMap(([name, row]) => [
    [name, row],
    ...(name === 'objective' ? Object.entries(objectiveRows) : []),
  ]),
);

/** Names of the settings for which something holds. */
export const settingsThat = (holds: (row: Setting) => boolean | undefined): string[] =>
  Object.keys(settingRows).filter((name) => holds(settingRows[name]));

/**
 * Completes settings with defaults and checks them. What remains are the settings of a run and the objective's options.
 * @throws naming the flag, what it must be, and what it was
 */
export function pretrainSettings(given: Partial<PretrainSettings> = {}): PretrainSettings {
  const settings = completeOptions<RunSettings>(runRows, given, flagOf);
  const objective = objectiveNamed(settings.objective);
  refuseForeign(given, objective);
  const wrong = (name: keyof RunSettings, wanted: string) => wrongOption(flagOf, name, settings[name], wanted);
  if (settings.init !== undefined && settings.initWords !== undefined)
    throw wrong('initWords', 'left out, as --init has words of its own');
  if (settings.hidden % settings.heads !== 0) throw wrong('hidden', `divisible by --heads ${settings.heads}`);
  const { batch, accumulate, seq, positions, init } = settings;
  if (positions !== undefined && init !== undefined) throw wrong('positions', 'left out, as --init has its own');
  if (positions !== undefined && positions < seq) throw wrong('positions', `at least --seq ${seq}`);
  const bound = (others: number) =>
    `at most ${Math.max(1, Math.floor(MOST_TOKENS / others))}, as a step has at most ${MOST_TOKENS} tokens`;
  if (batch * seq > MOST_TOKENS) throw wrong('batch', `${bound(seq)} and --seq is ${seq}`);
  if (accumulate * batch * seq > MOST_TOKENS)
    throw wrong('accumulate', `${bound(batch * seq)} and a micro-batch ${batch} x ${seq}`);
  if (settings.cacheChunk > 0 && !objective.halves)
    throw wrong('cacheChunk', `left out, as --objective ${objective.name} is not computed in chunks`);
  return { ...settings, ...objective.complete(given, flagOf, settings.layers) };
}

/** An option of another objective would say nothing: left alone at its default, else an error. */
function refuseForeign(given: Partial<PretrainSettings>, objective: Objective): void {
  const own = { ...runRows, ...rowsOf(objective) };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name in own) continue;
    const owners = ownersOf(name);
    if (owners.length === 0 || owners.some((other) => rowsOf(objectiveNamed(other))[name].preset === value)) continue;
    throw new Error(
      `${flagOf(name)} is ${shownValue(value)}, but --objective ${objective.name} has no such option (it is one of ${owners.join(' and ')}). Leave it out.`,
    );
  }
}

/** Settings without the options of other objectives, which version 0.1 wrote down as well. */
export function ownSettings(given: Partial<PretrainSettings>): Partial<PretrainSettings> {
  const { objective = runRows.objective.preset } = given;
  if (!runRows.objective.rule.holds(objective)) return given;
  const names = new Set([...Object.keys(runRows), ...Object.keys(rowsOf(objectiveNamed(objective)))]);
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)));
}

/** The options of the run's objective among its settings. */
export const objectiveOptions = (settings: PretrainSettings): object =>
  completeOptions<object>(objectiveNamed(settings.objective).options, settings);

/** The defaults of a run under the default objective. */
export const pretrainDefaults: PretrainSettings = pretrainSettings();
