// `retromae finetune`: flags to settings, progress to the terminal, a report at the end.
import { join } from 'node:path';
import { flagOf, loadBeir, type RetrievalSet } from '../data/index.js';
import {
  finetune,
  finetuneRows,
  finetuneSettings,
  finetuning,
  resumeFinetune,
  scalarsOf,
  type FinetuneHooks,
  type FinetuneResult,
  type FinetuneSettings,
} from '../finetune/index.js';
import type { TextModel } from '../nn/index.js';
import { evaluateBm25, evaluateEncoder, ModelEncoder } from '../retrieval/index.js';
import type { Option } from '../retromae/index.js';
import * as train from '../train/index.js';
import { say, shellLine, withBackend } from './common.js';
import { flagsOf, helpText, parseFlags, UsageError, type Flags } from './flags.js';
import { settingName, untilSignal } from './pretrain.js';
import { watchRun } from './watch.js';

const flags = {
  ...flagsOf(finetuneRows as Readonly<Record<string, Option<unknown>>>, flagOf),
  resume: { type: 'boolean', help: 'go on with the run in --out, to the same bits' },
  json: { type: 'boolean', help: 'print every record as a JSON line instead of progress' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Trains a retriever: words alone (static), a new BERT, or a model folder; from raw text, or from labelled examples.

Usage: retromae finetune --corpus PATH [--model static|bert|DIR] --out DIR [flags]
       retromae finetune --examples BEIRDIR|FILE --model DIR --out DIR [flags]
       retromae finetune --resume --out DIR

--corpus needs no labels: two texts of a passage (its title and body, a sentence and the rest, two crops …) are to find each
other among those of the batch. --examples are queries with texts that answer them, and texts that do not, as \`retromae mine\`
finds them. Documents that say nearly the same, and texts that are known to answer, are never negatives.
Ctrl-C saves and leaves; --resume goes on, after a kill too.`;

export async function finetuneCommand(args: string[]): Promise<void> {
  const { help, json = false, resume: resuming = false, ...given } = parseFlags(args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const asked = Object.fromEntries(
    Object.entries(given).map(([flag, value]) => [settingName(flag), value]),
  ) as Partial<FinetuneSettings>;
  const { out = finetuneRows.out.preset } = asked;
  const settings = resuming ? (await train.readPlanOf(finetuning, out)).settings : checked(asked);
  const command = shellLine(['retromae', 'finetune', ...args]);
  await withBackend(resuming ? { ...settings, ...asked } : settings, () =>
    untilSignal(async (signal) => {
      const set =
        settings.eval === undefined ? undefined : await loadBeir(settings.eval, { split: settings.evalSplit });
      const { done, ...hooks } = watch(settings, set, json, signal);
      const own = { ...hooks, command };
      const result = await (resuming ? resumeFinetune(out, asked, own) : finetune(asked, own)).finally(done);
      await conclude(out, result, set);
      return !result.interrupted;
    }),
  );
}

function checked(asked: Partial<FinetuneSettings>): FinetuneSettings {
  try {
    return finetuneSettings(asked);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Hooks that show the run, and probe it on `set`. */
function watch(settings: FinetuneSettings, set: RetrievalSet | undefined, json: boolean, signal: AbortSignal) {
  const { seq, similarity, corpus, examples, queryPrompt: query, documentPrompt: document } = settings;
  let text: TextModel;
  const hooks = watchRun<FinetuneResult['model']>({
    ...{ corpus: corpus || (examples ?? ''), scalars: scalarsOf(settings), json, signal },
    probe: set && {
      name: set.name,
      measure: (_, tokenizer, onProgress) =>
        evaluateEncoder(new ModelEncoder(text, tokenizer, { maxLength: seq, prompts: { query, document } }), set, {
          similarity,
          onProgress,
        }),
    },
  });
  let ticker: train.Ticker | undefined;
  const scored = (done: number, total: number): void => {
    ticker ??= new train.Ticker(process.stderr, { what: 'examples scored', total });
    ticker.update(done);
    if (done === total) ticker.done();
  };
  return { ...hooks, ...(!json && { scored }), model: (made) => void (text = made) } satisfies FinetuneHooks & {
    done(): void;
  };
}

/** The report, and the last lines. */
async function conclude(out: string, result: FinetuneResult, set?: RetrievalSet): Promise<void> {
  if (result.interrupted) {
    const again = shellLine(['retromae', 'finetune', '--resume', '--out', out]);
    return say(`Saved at step ${result.step} of ${result.steps} in ${join(out, 'checkpoints')}. Go on with: ${again}`);
  }
  const { settings, commands } = await train.readPlanOf(finetuning, out);
  const { steps, probes } = await train.RunLog.read(out);
  await train.writeReport(out, {
    title: `Fine-tuning: ${out}`,
    data: result.data,
    scalars: scalarsOf(settings),
    config: settings,
    ...{ steps, probes, commands },
    baselines: set && { BM25: evaluateBm25(set).mean['ndcg@10'] },
  });
  const next = shellLine(['retromae', 'eval', '--model', out, '--data', 'BEIRDIR', '--fuse', 'weighted']);
  say(`Model in ${out}, report in ${join(out, 'report.html')}. Try: ${next}`);
}
