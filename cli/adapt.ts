// `retromae adapt`: private text without labels in, a retriever out, and what each stage bought.
import { join } from 'node:path';
import {
  adapt,
  adaptRows,
  adaptSettings,
  FUSION_WEIGHT,
  scalarsOf,
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

Usage: retromae adapt --corpus PATH --out DIR [--minutes M]

One sentence of some documents is held out, to say at the end what each stage bought. Ctrl-C saves; the same command goes on.
Given other text, or given again, it goes on from the words that it has. Search with what it made:
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
        watch: (stage, own) => {
          say(`\nStage: ${stage}, ${own.steps ? `${own.steps} steps` : `${own.minutes} minutes`}.`);
          return watchRun({ corpus: own.corpus, scalars: scalarsOf(own), json: false, signal });
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
  const lines = scores.map(({ stage, gained, 'ndcg@10': score }) => {
    const against = gained ? `${shown(gained, signed)} against BM25` : '';
    return `${stage.padEnd(8)}nDCG@10 ${shown(score, plain)}  ${against}`.trimEnd();
  });
  const { queries } = scores[0].evaluation.mean;
  return `${lines.join('\n')}\n${queries} sentences that were held out; each is to find the document that it was taken from.\n`;
}

const jsonOf = ({ round, scores }: AdaptResult) => ({
  round,
  stages: scores.map(({ stage, evaluation, gained, 'ndcg@10': interval }) => ({
    ...{ stage, ...evaluation.mean, interval, gained },
  })),
});

async function report({ settings, round, scores, commands }: AdaptResult): Promise<void> {
  const { out } = settings;
  const { steps } = await train.RunLog.read(join(out, `round-${round}`, 'words'));
  await train.writeReport(out, {
    title: `Adapted to ${settings.corpus}, round ${round}`,
    scalars: scalarsOf({ method: 'dpr' }),
    config: settings,
    ...{ steps, probes: [], commands },
    table: scores.map(({ stage, evaluation, gained, 'ndcg@10': interval }) => ({
      ...evaluation.mean,
      ...{ name: stage, 'ndcg@10': interval },
      ...(gained && { against: { BM25: gained } }),
    })),
    tableNote:
      'Sentences that were held out, each to find the document that it was taken from; BM25 is strong there, for its words are those of the document’s neighbourhood.' +
      (round > 1 ? ' Former rounds may have learnt from some of these sentences.' : ''),
  });
}
