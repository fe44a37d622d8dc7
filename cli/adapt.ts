// `retromae adapt`: private text without labels in, a retriever out, and what each stage bought.
import { join } from 'node:path';
import {
  adapt,
  adaptRows,
  adaptSettings,
  FUSION_WEIGHT,
  type AdaptResult,
  type AdaptSettings,
  type StageScore,
} from '../finetune/index.js';
import * as train from '../train/index.js';
import { required, say, shellLine, untilSignal, withBackend } from './common.js';
import { checked, flagsOf, helpText, parseFlags, settingsOf, type Flags } from './flags.js';
import { plain, shown, signed } from './table.js';
import { watchRun } from './watch.js';

const { corpus: corpusRow, ...others } = adaptRows;

const flags = {
  ...flagsOf({ corpus: { ...corpusRow, preset: undefined }, ...others }),
  json: { type: 'boolean', help: 'print one JSON object at the end' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Makes a retriever for your own text, without labels: words that are trained on it, and BM25 beside them.

Usage: retromae adapt --corpus PATH --out DIR [--minutes M] [--layers L]

With --layers, a BERT begins with the words, learns as RetroMAE and then by contrast, each stage in a third of the time.

One sentence of some documents is held out, to say at the end what each stage bought. Ctrl-C saves; the same command goes on.
Given other text, or given again, it goes on from what it has. Search with what it made:
  retromae encode --model DIR --corpus PATH --out FILE
  retromae search --model DIR --index FILE --corpus PATH --fuse weighted --fuse-weight ${FUSION_WEIGHT} --query TEXT`;

export async function adaptCommand(args: string[]): Promise<void> {
  const { help, json = false, ...given } = parseFlags(args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const asked = settingsOf<AdaptSettings>(given);
  required(asked.corpus, 'corpus', 'the text that will be searched');
  const settings = await checked(() => adaptSettings(asked));
  const command = shellLine(['retromae', 'adapt', ...args]);
  await withBackend(settings, () =>
    untilSignal(async (signal) => {
      const result = await adapt(asked, {
        ...{ message: say, signal, command },
        watch: ({ name, settings: { steps, minutes = 0, corpus }, scalars }) => {
          say(`\nStage: ${name}, ${steps ? `${steps} steps` : `${train.formatQuantity(minutes)} minutes`}.`);
          return watchRun({ corpus, scalars, json: false, signal });
        },
      });
      if (result.interrupted) {
        say(`Saved. Go on with: ${command}`);
        return false;
      }
      await report(result);
      if (json) process.stdout.write(`${JSON.stringify(jsonOf(result))}\n`);
      else process.stdout.write(tableOf(result.scores));
      say(`Model in ${settings.out}, report in ${join(settings.out, 'report.html')}.`);
      return true;
    }),
  );
}

/** Stages as rows. */
function tableOf(scores: readonly StageScore[]): string {
  if (scores.length === 0) return '';
  const widest = Math.max(...scores.map(({ stage }) => stage.length));
  const lines = scores.map(({ stage, against, 'ndcg@10': score }) => {
    const gains = Object.entries(against).map(([name, gain]) => `${shown(gain, signed)} against ${name}`);
    return [stage.padEnd(widest), `nDCG@10 ${shown(score, plain)}`, ...gains].join('  ');
  });
  const { queries } = scores[0].evaluation.mean;
  return `${lines.join('\n')}\n${queries} sentences that were held out; each is to find the document that it was taken from.\n`;
}

const jsonOf = ({ round, scores }: AdaptResult) => ({
  round,
  stages: scores.map(({ stage, evaluation, against, 'ndcg@10': interval }) => ({
    ...{ stage, ...evaluation.mean, interval, against },
  })),
});

async function report({ settings, round, stages, scores, commands }: AdaptResult): Promise<void> {
  const { out } = settings;
  const runs = await Promise.all(
    stages.map(async ({ name, scalars, settings: own }) => ({
      ...{ name, scalars, steps: (await train.RunLog.read(own.out)).steps },
    })),
  );
  await train.writeReport(out, {
    title: `Adapted to ${settings.corpus}, round ${round}`,
    scalars: stages[0].scalars,
    config: settings,
    ...{ steps: runs[0].steps, probes: [], commands },
    table: scores.map(({ stage, evaluation, against, 'ndcg@10': interval }) => ({
      ...{ ...evaluation.mean, name: stage, 'ndcg@10': interval, against },
    })),
    tableNote:
      'Sentences that were held out, each to find the document that it was taken from; BM25 is strong there, for its words are those of the document’s neighbourhood.',
    figures: await Promise.all(
      runs.slice(1).map(async (run) => ({ name: run.name, svg: await train.lossChart([run]) })),
    ),
  });
}
