// What `retromae reproduce` shows at its end: the paper's figures beside ours, differences with intervals, what is different here.
import {
  tableMetrics,
  stageNames,
  summaryOf,
  verdicts,
  type ClaimResult,
  type Reproduced,
  type SystemResult,
} from '../finetune/index.js';
import type { Interval } from '../retrieval/index.js';
import { objectiveNamed } from '../retromae/index.js';
import * as train from '../train/index.js';

const share = (x: number): string => x.toFixed(3);
const signed = (x: number): string => `${x >= 0 ? '+' : ''}${x.toFixed(4)}`;
/** To as many digits as what it is added to. */
const gained = (x: number): string => `${x >= 0 ? '+' : ''}${share(x)}`;
const within = ({ low, high }: Interval, show: (x: number) => string): string => `[${show(low)}, ${show(high)}]`;

/** What is compared with what, and what came of it, in a sentence. */
function claimText({ better, says, worse, difference, verdict }: ClaimResult): string {
  const ours = `${signed(difference.mean)} ${within(difference, signed)}`;
  return `${better} ${says} ${worse}: ${verdict} (${ours}).`;
}

/** Results as text. */
export function tableText({ table, systems, claims }: Reproduced): string {
  const width = Math.max(...systems.map(({ name }) => name.length)) + 2;
  const metric = tableMetrics[table.metric];
  const lines = [
    summaryOf(claims),
    '',
    `${table.title}. ${metric}, the mean over sets and seeds; in brackets 95 % intervals over queries and seeds.`,
    `${''.padEnd(width)}${'paper'.padEnd(8)}${'here'.padEnd(22)}over the untrained encoder`,
    ...systems.map(({ name, paper: figure, interval, gain }) => {
      const own = `${share(interval.mean)} ${within(interval, share)}`;
      const over = gain ? `${gained(gain.mean)} ${within(gain, gained)}` : '';
      return `${name.padEnd(width)}${(figure === undefined ? '' : share(figure)).padEnd(8)}${own.padEnd(22)}${over}`.trimEnd();
    }),
    '',
    ...claims.map(claimText),
  ];
  return `${lines.join('\n')}\n`;
}

/** The page. */
export async function reportTable(found: Reproduced): Promise<void> {
  const { plan, table, claims, outcomes } = found;
  const { settings, commands } = plan;
  const metric = tableMetrics[table.metric];
  const curves = outcomes
    .filter(({ job, steps }) => job.seed === settings.seed && steps.length > 0)
    .map(({ job, steps }) => ({
      name: table.rows.find(({ entry }) => entry === job.label)!.name,
      steps,
      scalars: objectiveNamed(job.entry!.objective).scalars,
    }));
  await train.writeReport(settings.out, {
    title: `${tableTitle(plan.table)} of the RetroMAE paper, in miniature: ${table.title}`,
    lead: [summaryOf(claims)],
    tables: [claimsTable(found), systemsTable(found), setsTable(found)],
    figures: [
      {
        name: 'differences',
        svg: await train.intervalChart({
          title: `Differences of ${metric}`,
          subtitle: 'Dots and whiskers: here, with 95 % intervals over queries and seeds. Diamonds: the paper.',
          axis: `difference of ${metric}`,
          rows: claims.map(({ better, says, worse, difference, paper: reference, verdict }) => ({
            label: `${better} ${says} ${worse}`,
            ...difference,
            reference,
            color: COLORS[verdicts.indexOf(verdict)],
          })),
        }),
      },
      { name: 'objectives', svg: await train.lossChart(curves) },
    ],
    notes: { heading: 'What is different from the paper', lines: differences(found) },
    config: {
      ...settings,
      ...(settings.steps !== undefined && { minutes: undefined }),
      ...(settings.finetuneSteps !== undefined && { finetuneMinutes: undefined }),
    },
    ...{ steps: [], probes: [], commands },
  });
}

/** Of the palette: green, red, grey. */
const COLORS = [2, 1, 4];

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const tableTitle = (name: string): string => name.replace('table', 'Table ');

function systemsTable({ table, sets, systems }: Reproduced) {
  const { metric } = table;
  const others = (Object.keys(tableMetrics) as (keyof typeof tableMetrics)[]).filter((name) => name !== metric);
  const own = systems.map(({ name, paper: figure, interval, gain, means }: SystemResult) => [
    ...[name, figure === undefined ? '' : share(figure), `${share(interval.mean)} ${within(interval, share)}`],
    gain ? `${gained(gain.mean)} ${within(gain, gained)}` : '',
    ...others.map((each) => share(means[each])),
  ]);
  const unbuilt = Object.entries(table.missing).map(([name, figure]) => [`${name} (not built)`, share(figure)]);
  const name = tableMetrics[metric];
  return {
    heading: 'The table',
    head: ['', `Paper: ${name}`, `Here: ${name}`, 'Over untrained', ...others.map((each) => tableMetrics[each])],
    rows: [...own, ...unbuilt.map((row) => [...row, ...Array.from({ length: own[0].length - row.length }, () => '')])],
    note: `The paper: ${table.measured}. Here: the mean over ${plural(sets.length, 'set')}, each counting the same, and over seeds, with the 95 % interval over queries and seeds.`,
  };
}

function setsTable({ table, sets, systems, met }: Reproduced) {
  return {
    heading: `${tableMetrics[table.metric]} on each set`,
    head: [
      ...['', ...sets.map(({ name, queries }) => `${name} (${queries.length})`)],
      ...(met ? [`${met.set}: met (${met.queries.size})`, 'not met'] : []),
    ],
    rows: systems.map(({ name, sets: by, met: parts }) => [
      ...[name, ...sets.map((set) => share(by[set.name]))],
      ...(parts ? [share(parts.met), share(parts.unmet)] : []),
    ]),
    note: `In brackets: queries.${met ? ` Met: a relevant document of the query answered one in training.` : ''}`,
  };
}

const claimsTable = ({ claims, table }: Reproduced) => ({
  heading: 'The directions',
  head: ['', 'Paper', 'Here', 'Verdict'],
  rows: claims.map(({ better, says, worse, paper: figure, difference, verdict }) => [
    `${better} ${says} ${worse}`,
    figure === undefined ? 'no figure' : signed(figure),
    `${signed(difference.mean)} ${within(difference, signed)}`,
    verdict,
  ]),
  note:
    `Differences of ${tableMetrics[table.metric]}, paired by query and seed. Reproduced: the interval is above 0; not reproduced: it is below; undecided: it has 0 in it. ` +
    `Where nothing is different, one of 20 such intervals misses 0 by chance.`,
});

/** What a reader must know before believing any of it. */
function differences({ plan, table, sets, outcomes }: Reproduced): string[] {
  const { settings } = plan;
  const { corpus, train: labelled, initWords, seeds, layers, negatives } = settings;
  const trained = outcomes.filter(({ steps }) => steps.length > 0);
  const counts = trained.map(({ steps }) => steps.length);
  const hidden = initWords === undefined ? `${settings.hidden} numbers wide` : 'as wide as its words';
  const tuning =
    settings.finetuneSteps === undefined ? `${settings.finetuneMinutes} minutes` : `${settings.finetuneSteps} steps`;
  const time = settings.steps === undefined ? `${settings.minutes} minutes` : `${settings.steps} steps`;
  return [
    `Size: an encoder of ${plural(layers, 'layer')}, ${hidden}, instead of BERT base (12 layers, 768); ${time} of pre-training a run${settings.steps === undefined ? ` (${Math.min(...counts)} to ${Math.max(...counts)} steps)` : ''}, in batches of as many tokens, instead of days on eight GPUs. What needs long training cannot show here.`,
    `Text: pre-training on ${corpus ?? `the text that is searched (${sets.map(({ name }) => name).join(', ')})`}, instead of Wikipedia and BookCorpus${table.ownText ? ' or, for this table, MS MARCO' : ''}.`,
    initWords === undefined
      ? 'Beginning: random weights. In the paper SimCSE and DiffCSE, among others, begin with BERT.'
      : `Beginning: every encoder has the words of ${initWords}, which find texts without any layer; its vector is their weighted mean, not [CLS], and what pre-training adds to that is small.`,
    `Fine-tuning: ${table.stages.map((stage) => stageNames[stage]).join(', then ')}, ${tuning} a stage, each from the pre-trained encoder, all rows as many steps; ` +
      (table.stages.includes('pairs')
        ? 'pairs from raw text instead of the 502,939 labelled queries of MS MARCO, for lack of labels.'
        : `the training queries of ${labelled} instead of MS MARCO or Natural Questions, ${plural(negatives, 'hard negative')} a query instead of 15.`),
    ...(table.stages.includes('distill')
      ? [
          'The teacher is a cross-encoder of the same size that begins with the first MLM run, on negatives of BM25; the paper’s is BERT base on negatives of the ANCE model. It reranks BM25’s best 20 in its own row: where that is worse than the students, there is little to learn from it.',
        ]
      : []),
    `Vectors are compared by cosine, with a temperature of 0.05 in training; the authors use inner products.${table.stages.includes('distill') ? ' Distillation uses inner products here too.' : ''}`,
    `Measured on ${sets.map(({ name, queries }) => `${name} (${queries.length} queries)`).join(', ')}: ${table.metric === 'mrr@10' ? 'of MRR@10, where queries have many relevant documents, the first alone counts' : 'smaller sets than those of the paper'}.`,
    seeds > 1
      ? `${seeds} seeds are few to say how much runs differ: the intervals may be too narrow for other seeds.`
      : 'One seed: the intervals are over queries alone, and say nothing of how much another run would differ.',
    `Learning rates and all else are the same for every row, and nothing was chosen by what is measured here; a method that needs others is not shown at its best.`,
    ...(plan.table === 'table6'
      ? [
          'The heads of the columns of table 6 are wrong in print (MRR@100 stands above R@10, and so on): they are read by table 2, whose last row its rows repeat.',
        ]
      : []),
  ];
}
