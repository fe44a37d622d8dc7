// `retromae reproduce`: a table of RetroMAE's paper in miniature, and of each of its directions whether it holds here.
import { join } from 'node:path';
import {
  reproducePlan,
  reproduce,
  reproduceRows,
  scalarsOf,
  tableNames,
  tableNamed,
  type ReproduceHooks,
  type ReproducePlan,
  type ReproduceSettings,
  type TableName,
} from '../finetune/index.js';
import { resumeLine, say, shellLine, untilSignal, withBackend } from './common.js';
import { checked, flagsOf, helpText, parseFlags, settingsOf, UsageError, type Flags } from './flags.js';
import { watch } from './pretrain.js';
import { reportTable, tableText } from './reproduce-report.js';
import { RunCounter } from './run-counter.js';
import { watchRun } from './watch.js';

const flags = {
  ...flagsOf(reproduceRows),
  resume: { type: 'boolean', help: 'go on with the table in --out; the same command again does so too' },
  json: { type: 'boolean', help: 'print the results as JSON' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Reproduces a table of RetroMAE's paper in miniature: every method is pre-trained for the same time on the same text, fine-tuned
in as many steps in the same way, and measured on every query; and says of each direction of the paper whether it holds here.

Usage: retromae reproduce ${tableNames.join('|')} --data BEIRDIR[,BEIRDIR] [--train BEIRDIR] --out DIR [flags]
       retromae reproduce --resume --out DIR

  table1  zero-shot: seven methods, then pairs from raw text
  table2  the same, fine-tuned as DPR on --train (without it, on pairs from raw text)
  table3  the same, then once more with the negatives that each model finds (ANCE); needs --train
  table4  coCondenser and RetroMAE, pre-trained on the text that is searched, as ANCE; needs --train
  table5  RetroMAE and BERT, learnt from a cross-encoder; needs --train
  table6  RetroMAE's ablations: decoding, layers of the decoder, how much is masked; fine-tuned as table2

From random weights a few minutes of pre-training teach a vector little: begin with words (--init-words) to see more.
Ctrl-C saves and leaves, and a kill loses little: the same command goes on.`;

export async function reproduceCommand(args: string[]): Promise<void> {
  const [first = '', ...others] = args;
  const hasName = first !== '' && !first.startsWith('-');
  const { help, json, resume, ...given } = parseFlags(hasName ? others : args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const name = hasName ? named(first) : undefined;
  if (!name && !resume) throw new UsageError(`which table? Give one of ${tableNames.join(', ')}. See --help.`);
  const plan = await checked(() => reproducePlan(name, settingsOf<ReproduceSettings>(given)));
  const { out } = plan.settings;
  await withBackend(plan.settings, () =>
    untilSignal(async (signal) => {
      const command = shellLine(['retromae', 'reproduce', ...args]);
      const found = await reproduce(plan, { ...hooksFor(plan, signal), command });
      if (!found) {
        say(`Saved. Go on with: ${resumeLine('reproduce', out)}`);
        return false;
      }
      await reportTable(found);
      const { systems, claims } = found;
      process.stdout.write(json ? `${JSON.stringify({ systems, claims })}\n` : tableText(found));
      say(`Results in ${join(out, 'results.json')}, report in ${join(out, 'report.html')}.`);
      return true;
    }),
  );
}

function named(text: string): TableName {
  const name = tableNames.find((each) => each === text);
  if (name) return name;
  throw new UsageError(`there is no table ${JSON.stringify(text)}; they are ${tableNames.join(', ')}.`);
}

/** Hooks that show what goes on. */
function hooksFor({ table, settings }: ReproducePlan, signal: AbortSignal): ReproduceHooks {
  const { stages } = tableNamed(table, settings.train !== undefined, settings.rows);
  const { minutes, steps, finetuneMinutes, finetuneSteps, seeds } = settings;
  const tuning = finetuneSteps === undefined ? stages.length * finetuneMinutes : undefined;
  const counter = new RunCounter(steps === undefined && tuning !== undefined ? minutes + tuning : undefined);
  let isFirst = true;
  return {
    signal,
    message: say,
    planned: (jobs, left) => {
      const { total, done } = counter.planned(jobs, left);
      say(
        `${total} runs (${total / seeds} rows, ${seeds} seed${seeds > 1 ? 's' : ''}) of ${steps ? `${steps} steps` : `${minutes} minutes`}, ` +
          `each then ${stages.length > 1 ? `in ${stages.length} stages ` : ''}fine-tuned for ${finetuneSteps ? `${finetuneSteps} steps` : `${finetuneMinutes} minutes`}, and measured; and the untrained encoder.`,
      );
      if (done > 0) say(`${done} of them are done.`);
    },
    watch: (job, own) => {
      say(counter.next(job));
      const hooks = watch(own, undefined, false, signal);
      return counter.isFirst ? hooks : { ...hooks, data: undefined };
    },
    watchStage: (stage, own) => {
      say(`Fine-tuning: ${stage}.`);
      const hooks = watchRun({
        ...{ corpus: own.corpus || (own.examples ?? ''), scalars: scalarsOf(own), json: false, signal },
      });
      const shown = isFirst ? hooks : { ...hooks, data: undefined };
      isFirst = false;
      return shown;
    },
  };
}
