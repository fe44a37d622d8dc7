// What `retromae reproduce` can be told, one row a setting, and what the runs of a table are told by it.
import { flagOf } from '../../data/index.js';
import { completeOptions, option, rules, type OptionsOf } from '../../retromae/index.js';
import { newSettings, pretrainSettings, runRows, type PretrainSettings, type Setting } from '../../train/index.js';
import { finetuneRows, finetuneSettings, type FinetuneSettings } from '../settings.js';
import type { Table } from './tables.js';

const { integer, optional, positive, text } = rules;
const { corpus, initWords, vocab, vocabSize, field, split, maxBadLines, maxUnknown } = runRows;
const { layers, hidden, heads, ffn, initRange, seq, batch, lr, warmup, dropout } = runRows;
const { backend, threads, workers, seed } = runRows;
const { pairs, tokenDrop, cropMost, temperature, queryLength } = finetuneRows;

export const reproduceRows = {
  data: option(undefined, optional(text), 'BEIR folders, with commas: what is measured', { value: 'DIRS' }),
  corpus: {
    ...corpus,
    preset: undefined,
    rule: optional(text),
    help: 'raw text: pre-training, and pairs of it (default: the text of --data)',
  },
  train: option(undefined, optional(text), 'a BEIR folder with qrels/train.tsv: labelled examples to fine-tune on', {
    value: 'DIR',
    path: true,
  }),
  initWords: {
    ...initWords,
    help: 'every encoder begins with these words (a static encoder; default: random weights)',
  },
  rows: option(undefined, optional(text), 'only these rows of the table, separated by semicolons (default: all)', {
    value: 'NAMES',
  }),
  minutes: option(2, positive, 'how long each run is pre-trained'),
  steps: option(undefined, optional(integer(1)), '  or how many steps, instead'),
  finetuneMinutes: option(
    1,
    positive,
    'how long a stage of fine-tuning takes: of the first run, the others do as many steps',
  ),
  finetuneSteps: option(undefined, optional(integer(1)), '  or how many steps, instead'),
  seeds: option(3, integer(1), 'runs of each row, from --seed on'),
  out: { ...runRows.out, preset: 'runs/reproduce' },
  ...{ vocab, vocabSize },
  layers: { ...layers, preset: 2 },
  ...{ hidden, heads, ffn, initRange },
  seq: { ...seq, help: 'longest sequence of pre-training in tokens, [CLS] and [SEP] included' },
  batch: { ...batch, preset: 32, help: 'sequences in a batch of pre-training' },
  ...{ lr, warmup, dropout },
  finetuneBatch: option(64, integer(2), 'queries in a batch of fine-tuning'),
  finetuneLr: { ...finetuneRows.lr, preset: '5e-4', rule: lr.rule, help: 'peak learning rate of fine-tuning' },
  finetuneSeq: option(undefined, optional(integer(3, 65535)), 'longest passage after it, in tokens (default: --seq)'),
  queryLength,
  ...{ pairs, tokenDrop, cropMost, temperature },
  negatives: option(1, integer(1), 'hard negatives of a query in a batch, where there are labelled examples'),
  ...{ field, split, maxBadLines, maxUnknown, backend, threads, workers, seed },
};

export type ReproduceSettings = OptionsOf<typeof reproduceRows>;

export const rows = reproduceRows as unknown as Readonly<Record<string, Setting>>;

/** @throws naming the flag, what it must be, and what it was; or what the table lacks, or does not take */
export function reproduceSettings(name: string, table: Table, given: Partial<ReproduceSettings>): ReproduceSettings {
  const settings = completeOptions<ReproduceSettings>(reproduceRows, given, flagOf);
  const { train, data } = settings;
  if (data === undefined)
    throw new Error('--data is missing: BEIR folders, with commas, that are searched and measured.');
  if (table.labels === 'needed' && train === undefined)
    throw new Error(
      `--train is missing: ${name} learns from labelled examples. Give a BEIR folder with qrels/train.tsv.`,
    );
  if (table.labels === 'none' && train !== undefined)
    throw new Error(`--train is given, but ${name} is fine-tuned without labels. Leave it out.`);
  if (table.ownText && settings.corpus !== undefined)
    throw new Error(`--corpus is given, but ${name} is pre-trained on the text that is searched. Leave it out.`);
  pretrainSettings(pretraining(settings, corpus.preset));
  fineTuning(settings, { model: 'bert', corpus: 'any', out: settings.out });
  return settings;
}

/** @throws if it is said twice how long something takes */
export function refuseBoth(given: Partial<ReproduceSettings>): void {
  for (const [one, other] of [
    ['minutes', 'steps'],
    ['finetuneMinutes', 'finetuneSteps'],
  ] as const)
    if (given[one] !== undefined && given[other] !== undefined)
      throw new Error(`${flagOf(one)} and ${flagOf(other)} both say how long to train. Give one of them.`);
}

const passageLength = ({ seq, finetuneSeq = seq }: ReproduceSettings): number => finetuneSeq;

const pretraining = (settings: ReproduceSettings, text: string): Partial<PretrainSettings> => {
  const { out, initWords, minutes, steps, layers, hidden, heads, ffn, initRange, seq } = settings;
  const { batch, lr, warmup, dropout } = settings;
  const { vocab, vocabSize, field, split, maxBadLines, maxUnknown, backend, threads, workers, seed } = settings;
  return {
    ...{ objective: 'mlm', corpus: text, out, initWords, layers, heads, ffn, initRange, batch, lr, warmup, dropout },
    ...{ seq, positions: Math.max(seq, passageLength(settings)) },
    // The width is that of the words.
    ...(initWords === undefined && { hidden }),
    ...(steps === undefined ? { minutes } : { steps }),
    ...{ vocab, vocabSize, field, split, maxBadLines, maxUnknown, backend, threads, workers, seed },
    ...{ evalEvery: 0, saveEvery: 0, saveMinutes: 2 },
  };
};

/** What all runs of a table are told of pre-training on a text. @throws as `newSettings` */
export const pretrainingOf = (settings: ReproduceSettings, text: string): Promise<PretrainSettings> =>
  newSettings(pretraining(settings, text));

/** What a stage is told: `own` says what learns from what, where. @throws as `finetuneSettings` */
export function fineTuning(settings: ReproduceSettings, own: Partial<FinetuneSettings>): FinetuneSettings {
  const { finetuneMinutes, finetuneSteps, finetuneBatch: batch, finetuneLr: lr } = settings;
  const { pairs, tokenDrop, cropMost, temperature } = settings;
  const seq = passageLength(settings);
  const { field, split, maxBadLines, maxUnknown, backend, threads, workers, seed } = settings;
  return finetuneSettings({
    ...(finetuneSteps === undefined ? { minutes: finetuneMinutes } : { steps: finetuneSteps }),
    ...{ batch, lr, queryLength: Math.min(settings.queryLength, seq), seq },
    ...{ pairs, tokenDrop, cropMost, temperature },
    ...{ field, split, maxBadLines, maxUnknown, backend, threads, workers, seed },
    ...own,
  });
}
