// `retromae pretrain`: flags to settings, progress to the terminal, a report at the end.
import { readFile } from 'node:fs/promises';
import { evaluateBm25, evaluateModel, heldOut, loadBeir, type RetrievalSet } from '../retrieval/index.js';
import {
  corpusDocuments,
  pretrain,
  resume,
  readPlan,
  type PretrainHooks,
  type PretrainResult,
} from '../retromae/pretrain.js';
import { Progress } from '../retromae/run/progress.js';
import { writeReport } from '../retromae/run/report.js';
import { RunLog } from '../retromae/run/log.js';
import { flagOf, pretrainDefaults, pretrainSettings, type PretrainSettings } from '../retromae/settings.js';
import { backendFlags, say, withBackend } from './common.js';
import { helpText, parseFlags, UsageError } from './flags.js';

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
    choices: ['linear', 'cosine', 'constant'],
    preset: d.schedule,
    help: 'what follows the warm-up',
  },
  warmup: { type: 'number', preset: d.warmup, help: 'a share of all steps if below 1, else steps' },
  'weight-decay': { type: 'number', preset: d.weightDecay, help: 'decoupled, not on biases and LayerNorm' },
  clip: { type: 'number', preset: d.clip, help: 'largest global norm of the gradient; 0: none' },
  dropout: { type: 'number', preset: d.dropout, help: 'of hidden states and attention weights' },
  'encoder-mask': { type: 'number', preset: d.encoderMask, help: 'share of tokens masked for the encoder' },
  'decoder-mask': { type: 'number', preset: d.decoderMask, help: 'share of tokens hidden from the decoder' },
  objective: {
    type: 'string',
    choices: ['retromae', 'dupmae', 'mlm'],
    preset: d.objective,
    help: 'what to learn from',
  },
  decoder: { type: 'string', choices: ['enhanced', 'basic'], preset: d.decoder, help: 'decoding of RetroMAE' },
  'decoder-layers': { type: 'number', preset: d.decoderLayers, help: 'layers of the basic decoder, 1 to 3' },
  ...backendFlags,
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
} as const;

const usage = `Trains a BERT encoder for retrieval with RetroMAE and leaves a Hugging Face folder.

Usage: retromae pretrain [--corpus PATH] [--out DIR] [flags]
       retromae pretrain --resume --out DIR`;

/** Documents at most in the probe that is cut from the corpus. */
const PROBE_DOCUMENTS = 2000;
const PROBE_QUERIES = 200;

const settingName = (flag: string): string => flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

async function configFile(file: string): Promise<Partial<PretrainSettings>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--config ${file}: ${(error as Error).message}. It must be a JSON object of settings.`);
  }
  const settings = (parsed as { settings?: unknown }).settings ?? parsed;
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new UsageError(`--config ${file}: expected a JSON object of settings.`);
  const unknown = Object.keys(settings).find((name) => !(name in pretrainDefaults));
  if (unknown !== undefined)
    throw new UsageError(
      `--config ${file}: there is no setting ${unknown}. They are ${Object.keys(pretrainDefaults).join(', ')}.`,
    );
  return settings;
}

export async function pretrainCommand(args: string[]): Promise<void> {
  const { help, json = false, resume: resuming = false, config, ...given } = parseFlags(args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const own = Object.fromEntries(Object.entries(given).map(([flag, value]) => [settingName(flag), value]));
  if (resuming) {
    const other = Object.keys(own).find((name) => !['out', 'backend', 'threads'].includes(name));
    if (other ?? config)
      throw new UsageError(
        `--resume goes on with the settings of the run; ${flagOf(other ?? 'config')} cannot be given.`,
      );
  }
  const asked = pretrainSettings({ ...(config ? await configFile(config) : {}), ...own });
  const settings = resuming ? { ...(await readPlan(asked.out)).settings, ...own } : asked;
  await withBackend(settings, say, async () => {
    const interrupt = new AbortController();
    const stop = () => {
      if (interrupt.signal.aborted) process.exit(130);
      say('\nStopping after this step; once more to leave at once.');
      interrupt.abort();
    };
    process.on('SIGINT', stop);
    try {
      const probe = settings.evalEvery > 0 ? await probeSet(settings) : undefined;
      const hooks = watch(settings, probe, json, interrupt.signal);
      const { backend, threads } = settings;
      const result = resuming
        ? await resume(settings.out, { backend, threads }, hooks)
        : await pretrain(settings, hooks);
      hooks.done();
      await conclude(settings, result, probe);
    } finally {
      process.off('SIGINT', stop);
    }
  });
}

/** What the probe searches: a BEIR folder, or sentences cut from the first passages of the corpus. */
async function probeSet(settings: PretrainSettings): Promise<RetrievalSet | undefined> {
  if (settings.eval) return loadBeir(settings.eval);
  const some: { id: string; text: string }[] = [];
  for await (const { text } of await corpusDocuments(settings)) {
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
        const { mean } = await evaluateModel(model, tokenizer, probe, { maxLength: settings.seq });
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
async function conclude(settings: PretrainSettings, result: PretrainResult, probe?: RetrievalSet): Promise<void> {
  const { out } = settings;
  if (result.interrupted) {
    say(`Saved at step ${result.step} of ${result.steps}. Go on with: retromae pretrain --resume --out ${out}`);
    return;
  }
  const { steps, probes } = await RunLog.read(out);
  const baselines = probe ? { BM25: evaluateBm25(probe).mean['ndcg@10'] } : undefined;
  const command = `retromae pretrain --resume --out ${out}`;
  await writeReport(out, {
    title: `RetroMAE: ${out}`,
    config: settings,
    steps,
    probes,
    baselines,
    commands: [command],
  });
  say(
    `Model in ${out}, report in ${out}/report.html. Try: retromae eval --model ${out} --data BEIRDIR --baseline bm25`,
  );
}
