// `retromae finetune`: flags to settings, progress to the terminal, a report at the end.
import { join } from 'node:path';
import { loadBeir, type RetrievalSet } from '../data/index.js';
import {
  finetune,
  finetuneRows,
  finetuneSettings,
  finetuning,
  resumeFinetune,
  scalarsOf,
  vectorSteps,
  type FinetuneHooks,
  type FinetuneResult,
  type FinetuneSettings,
} from '../finetune/index.js';
import type { TextModel } from '../nn/index.js';
import { evaluateBm25, evaluateEncoder, ModelEncoder } from '../retrieval/index.js';
import * as train from '../train/index.js';
import { say, sayLeft, shellLine, untilSignal, withBackend } from './common.js';
import { checked, flagsOf, helpText, parseFlags, settingsOf, type Flags } from './flags.js';
import { watchRun } from './watch.js';

const flags = {
  ...flagsOf(finetuneRows),
  resume: { type: 'boolean', help: 'go on with the run in --out, to the same bits' },
  json: { type: 'boolean', help: 'print every record as a JSON line instead of progress' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Trains a retriever: words alone (static), a new BERT, or a model folder; from raw text, or from labelled examples.

Usage: retromae finetune --corpus PATH [--model static|bert|DIR] --out DIR [flags]
       retromae finetune --examples BEIRDIR|FILE --model DIR --out DIR [flags]
       retromae finetune --method ance --examples BEIRDIR|FILE --model DIR --out DIR [--mine-every K] [flags]
       retromae finetune --resume --out DIR

--corpus needs no labels: two texts of a passage (its title and body, a sentence and the rest, two crops …) are to find each
other among those of the batch. --examples are queries with texts that answer them, and texts that do not, as \`retromae mine\`
finds them. Documents that say nearly the same, and texts that are known to answer, are never negatives. With --method ance
the run finds them itself: every so many steps it ranks the corpus (of the folder, or of --mine-corpus) by its present weights,
and draws what the next steps learn from. --minutes counts steps alone.
Ctrl-C saves and leaves; --resume goes on, after a kill too.`;

export async function finetuneCommand(args: string[]): Promise<void> {
  const { help, json = false, resume: resuming = false, ...given } = parseFlags(args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const asked = settingsOf<FinetuneSettings>(given);
  const { out = finetuneRows.out.preset } = asked;
  const settings = resuming
    ? (await train.readPlanOf(finetuning, out)).settings
    : await checked(() => finetuneSettings(asked));
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

/** Hooks that show the run, and probe it on `set`. */
function watch(settings: FinetuneSettings, set: RetrievalSet | undefined, json: boolean, signal: AbortSignal) {
  const { seq, similarity, corpus, examples, queryPrompt: query, documentPrompt: document } = settings;
  let text: TextModel;
  const hooks = watchRun<FinetuneResult['model']>({
    ...{ corpus: corpus || (examples ?? ''), scalars: scalarsOf(settings), json, signal },
    probe: set && {
      name: set.name,
      measure: (_, tokenizer, onProgress) =>
        evaluateEncoder(
          new ModelEncoder(text, tokenizer, {
            maxLength: seq,
            prompts: { query, document },
            steps: vectorSteps(settings),
          }),
          set,
          { similarity, onProgress },
        ),
    },
  });
  let ticker: train.Ticker | undefined;
  const scored = (done: number, total: number): void => {
    ticker ??= new train.Ticker(process.stderr, { what: 'examples scored', total });
    ticker.update(done);
    if (done === total) ticker.done();
  };
  const own: Pick<FinetuneHooks, 'model' | 'mined' | 'scored'> = {
    model: (made) => void (text = made),
    mined: (record) => json && process.stdout.write(`${JSON.stringify({ type: 'mined', ...record })}\n`),
    ...(!json && { scored }),
  };
  return { ...hooks, ...own };
}

/** The report, and the last lines. */
async function conclude(out: string, result: FinetuneResult, set?: RetrievalSet): Promise<void> {
  if (result.interrupted) return sayLeft('finetune', out, result);
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
