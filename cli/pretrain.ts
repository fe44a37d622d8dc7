// `retromae pretrain`: flags to settings, progress to the terminal, a report at the end.
import { join } from 'node:path';
import { evaluateBm25, evaluateModel, heldOut } from '../retrieval/index.js';
import { loadBeir, readJsonObject, type RetrievalSet } from '../data/index.js';
import { corpusDocuments } from '../train/prepare.js';
import { pretrain, resume, type PretrainHooks, type PretrainResult } from '../train/pretrain.js';
import { readPlan } from '../train/run-folder.js';
import { RunLog } from '../train/report/log.js';
import { formatShare } from '../train/report/format.js';
import { Progress } from '../train/report/progress.js';
import { dataWait } from '../train/report/records.js';
import { writeReport } from '../train/report/report.js';
import { choices, flagOf, pretrainDefaults, pretrainSettings, type PretrainSettings } from '../train/settings.js';
import { backendFlags, say, shellLine, withBackend } from './common.js';
import { helpText, parseFlags, UsageError, type Flags } from './flags.js';
import { withSignals, type Stopped } from './signals.js';

const d = pretrainDefaults;

/** Every setting is a flag of its own; the names follow from those of the settings. */
const flags = {
  corpus: {
    type: 'string',
    value: 'PATH',
    preset: d.corpus,
    help: 'sotu (built in), a .jsonl or .txt file, a BEIR folder, or a directory of these',
  },
  field: { type: 'string', value: 'NAME', preset: d.field, help: 'field of .jsonl lines that holds the text' },
  out: { type: 'string', value: 'DIR', preset: d.out, help: 'folder of the run: model, checkpoints, log, report' },
  init: { type: 'string', value: 'DIR', help: 'start from this model folder or Hugging Face BERT' },
  vocab: { type: 'string', value: 'PATH', help: 'vocab.txt or tokenizer.json; without it a vocabulary is learnt' },
  'vocab-size': { type: 'number', preset: d.vocabSize, help: 'size of a learnt vocabulary' },
  layers: { type: 'number', preset: d.layers, help: 'layers of the encoder' },
  hidden: { type: 'number', preset: d.hidden, help: 'hidden size' },
  heads: { type: 'number', preset: d.heads, help: 'attention heads; they divide the hidden size' },
  ffn: { type: 'number', help: 'width of the feed-forward part (default 4 x hidden)' },
  seq: { type: 'number', preset: d.seq, help: 'longest sequence in tokens, [CLS] and [SEP] included' },
  batch: { type: 'number', preset: d.batch, help: 'sequences in a micro-batch' },
  accumulate: { type: 'number', preset: d.accumulate, help: 'micro-batches in a step' },
  steps: { type: 'number', help: 'how long to train: steps,' },
  minutes: { type: 'number', help: '  or minutes,' },
  epochs: { type: 'number', preset: d.epochs, help: '  or passes over the corpus' },
  lr: {
    type: 'string',
    value: 'RATE',
    preset: d.lr,
    help: 'peak learning rate, or an expression: "1e-3 * min(step / 100, 1)"',
  },
  schedule: {
    type: 'string',
    choices: choices.schedule,
    preset: d.schedule,
    help: 'what follows the warm-up',
  },
  warmup: { type: 'number', preset: d.warmup, help: 'a share of all steps if below 1, else steps' },
  'weight-decay': { type: 'number', preset: d.weightDecay, help: 'decoupled, not on biases and LayerNorm' },
  clip: { type: 'number', preset: d.clip, help: 'largest global norm of the gradient; 0: none' },
  dropout: { type: 'number', preset: d.dropout, help: 'of hidden states and attention weights' },
  'init-range': {
    type: 'number',
    preset: d.initRange,
    help: 'deviation of initial weights; narrow models learn sooner with 0.05',
  },
  'encoder-mask': { type: 'number', preset: d.encoderMask, help: 'share of tokens masked for the encoder' },
  'decoder-mask': { type: 'number', preset: d.decoderMask, help: 'share of tokens hidden from the decoder' },
  objective: {
    type: 'string',
    choices: choices.objective,
    preset: d.objective,
    help: 'what to learn from',
  },
  decoder: { type: 'string', choices: choices.decoder, preset: d.decoder, help: 'decoding of RetroMAE' },
  'decoder-layers': { type: 'number', preset: d.decoderLayers, help: 'layers of the basic decoder, 1 to 3' },
  recompute: {
    type: 'boolean',
    negatable: true,
    help: 'keep fewer activations, compute them again: less memory, more time',
  },
  ...backendFlags,
  workers: { type: 'number', preset: d.workers, help: 'threads that make batches ahead; 0: none' },
  seed: { type: 'number', preset: d.seed, help: 'of everything that is random' },
  eval: {
    type: 'string',
    value: 'DIR',
    help: 'BEIR folder of the retrieval probe (default: sentences cut from the corpus)',
  },
  'eval-every': { type: 'number', preset: d.evalEvery, help: 'steps between probes; 0: none' },
  'save-every': { type: 'number', preset: d.saveEvery, help: 'steps between checkpoints; 0: only the last' },
  keep: { type: 'number', preset: d.keep, help: 'checkpoints that are kept' },
  resume: { type: 'boolean', help: 'go on with the run in --out, to the same bits' },
  config: { type: 'string', value: 'FILE', help: 'JSON with any of these settings; flags win over it' },
  json: { type: 'boolean', help: 'print every record as a JSON line instead of progress' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Trains a BERT encoder for retrieval with RetroMAE and leaves a Hugging Face folder.

Usage: retromae pretrain [--corpus PATH] [--out DIR] [flags]
       retromae pretrain --resume --out DIR

Ctrl-C (or SIGTERM) finishes the step, saves and leaves, with exit code 130 (143); a second one leaves at once. Either
way, and after a kill, --resume ends with the same bits as a run that never stopped. --threads, --workers and --recompute
(or --no-recompute) change no bit and may be given with it; so may --backend, whose bits are its own.`;

/** Documents at most in the probe that is cut from the corpus. */
const PROBE_DOCUMENTS = 2000;
const PROBE_QUERIES = 200;

const settingName = (flag: string): string => flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The settings in a file: those of `run.json`, or a plain object of them. */
async function configFile(file: string): Promise<Partial<PretrainSettings>> {
  const parsed = await readJsonObject(file).catch((error: Error) => {
    throw new UsageError(`--config ${error.message}`);
  });
  const settings = parsed.settings ?? parsed;
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new UsageError(`--config ${file}: "settings" must be an object of settings.`);
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(pretrainDefaults, name));
  if (unknown !== undefined)
    throw new UsageError(
      `--config ${file}: there is no setting ${unknown}. They are ${Object.keys(pretrainDefaults).join(', ')}.`,
    );
  const { lr } = settings as { lr?: unknown };
  return { ...settings, ...(typeof lr === 'number' && { lr: String(lr) }) };
}

const durations = ['steps', 'minutes', 'epochs'] as const;

/** Settings of a new run: flags win over the file, and so does how long to train, however that is said. */
async function askedFor(own: Partial<PretrainSettings>, config?: string): Promise<Partial<PretrainSettings>> {
  const [first, second] = durations.filter((name) => own[name] !== undefined);
  if (second) throw new UsageError(`--${first} and --${second} both say how long to train. Give one of them.`);
  const file = config === undefined ? {} : await configFile(config);
  if (first) for (const name of durations) delete file[name];
  const asked = { ...file, ...own };
  if (own.vocabSize !== undefined && (asked.vocab ?? asked.init) !== undefined)
    throw new UsageError('--vocab-size is that of a vocabulary to be learnt, but one is given. Leave it out.');
  return asked;
}

/** Settings of the run in a folder. @throws UsageError for flags that would change what it computes */
async function resumed(own: Partial<PretrainSettings>, config?: string) {
  const { out = pretrainDefaults.out, backend, threads, workers, recompute, ...others } = own;
  const [other = config && 'config'] = Object.keys(others);
  if (other)
    throw new UsageError(
      `--resume goes on with the settings of the run. Leave ${flagOf(other)} out; only --backend, --threads, --workers and --recompute may be given.`,
    );
  const { settings: former } = await readPlan(out);
  const settings = { ...former, workers: workers ?? former.workers, recompute: recompute ?? former.recompute };
  return backend ? { ...settings, backend, threads } : { ...settings, threads: threads ?? settings.threads };
}

function checked(asked: Partial<PretrainSettings>): PretrainSettings {
  try {
    return pretrainSettings(asked);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export async function pretrainCommand(args: string[]): Promise<void> {
  const { help, json = false, resume: resuming = false, config, ...given } = parseFlags(args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const own = Object.fromEntries(Object.entries(given).map(([flag, value]) => [settingName(flag), value]));
  const asked = await (resuming ? resumed(own, config) : askedFor(own, config));
  const settings = checked(asked);
  const command = shellLine(['retromae', 'pretrain', ...args]);
  await withBackend(settings, () =>
    untilSignal(async (signal) => {
      const probe = settings.evalEvery > 0 ? await probeSet(settings) : undefined;
      const { done, ...watching } = watch(settings, probe, json, signal);
      const { out, backend, threads, workers, recompute } = settings;
      const hooks = { ...watching, command };
      const run = resuming ? resume(out, { backend, threads, workers, recompute }, hooks) : pretrain(asked, hooks);
      const result = await run.finally(done);
      await conclude(out, result, probe);
      return !result.interrupted;
    }),
  );
}

/**
 * Runs `work` until Ctrl-C or SIGTERM.
 * @param work says whether it came to its end; if not, the exit code is the one that shells expect of the signal
 */
function untilSignal(work: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const attempt = async (signal: AbortSignal): Promise<void> => {
    try {
      if (await work(signal)) return;
    } catch (error) {
      if (error !== signal.reason || !signal.aborted) throw error;
      say('Stopped before the first step.');
    }
    process.exitCode = (signal.reason as Stopped).code;
  };
  return withSignals(attempt, () => say('\nStopping, and saving what is done; once more to leave at once.'));
}

/** What the probe searches: a BEIR folder, or sentences cut from the first passages of the corpus. */
async function probeSet(settings: PretrainSettings): Promise<RetrievalSet | undefined> {
  if (settings.eval) return loadBeir(settings.eval);
  const some: { id: string; text: string }[] = [];
  for await (const { text } of corpusDocuments(settings)) {
    if (some.length === PROBE_DOCUMENTS) break;
    some.push({ id: String(some.length), text });
  }
  try {
    return heldOut(some, { queries: PROBE_QUERIES, seed: settings.seed });
  } catch (error) {
    say(`No retrieval probe: ${(error as Error).message}`);
    return undefined;
  }
}

/** Hooks that show the run: one line of progress, or JSON lines. */
function watch(settings: PretrainSettings, probe: RetrievalSet | undefined, json: boolean, signal: AbortSignal) {
  let progress: Progress | undefined;
  const print = (record: object) => process.stdout.write(`${JSON.stringify(record)}\n`);
  const message = (text: string) => (progress ? progress.note(text) : say(text));
  const hooks: PretrainHooks = {
    signal,
    message,
    planned: (steps) => {
      if (!json) progress = new Progress(process.stderr, { total: steps });
    },
    step: (record) => (json ? void print({ type: 'step', ...record }) : progress?.update(record)),
    ...(probe && {
      probe: async (model, tokenizer, step) => {
        const onProgress = () => signal.throwIfAborted();
        const { mean } = await evaluateModel(model, tokenizer, probe, { maxLength: settings.seq, onProgress });
        const scores = {
          'ndcg@10': mean['ndcg@10'],
          'mrr@10': mean['mrr@10'],
          'recall@100': mean['recall@100'],
          queries: mean.queries,
        };
        if (json) print({ type: 'probe', step, ...scores });
        else message(`probe at step ${step}: nDCG@10 ${scores['ndcg@10'].toFixed(3)} on ${probe.name}`);
        return scores;
      },
    }),
  };
  return { ...hooks, done: () => progress?.done() };
}

/** The report, and the last lines. */
async function conclude(out: string, result: PretrainResult, probe?: RetrievalSet): Promise<void> {
  if (result.interrupted) {
    const again = shellLine(['retromae', 'pretrain', '--resume', '--out', out]);
    return say(`Saved at step ${result.step} of ${result.steps} in ${join(out, 'checkpoints')}. Go on with: ${again}`);
  }
  const { settings, commands } = await readPlan(out);
  const { steps, probes } = await RunLog.read(out);
  await writeReport(out, {
    title: `${titles[settings.objective]}: ${out}`,
    config: settings,
    steps,
    probes,
    baselines: probe && { BM25: evaluateBm25(probe).mean['ndcg@10'] },
    commands,
  });
  const wait = dataWait(steps);
  if (wait !== undefined) say(`Data wait: ${formatShare(wait)} of the time in steps.`);
  const next = shellLine(['retromae', 'eval', '--model', out, '--data', 'BEIRDIR', '--baseline', 'bm25']);
  say(`Model in ${out}, report in ${join(out, 'report.html')}. Try: ${next}`);
}

const titles = { retromae: 'RetroMAE', dupmae: 'DupMAE', mlm: 'Masked language model' };
