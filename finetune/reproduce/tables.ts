// What each table of the paper is in miniature: what is pre-trained, what follows, which figure of the paper a row has, and the
// directions that the paper's text reads out of it.
import { paperTables, type TableName } from './paper.js';

/**
 * What follows pre-training, each from the pre-trained encoder as the authors do: contrastive learning on pairs from raw text; on
 * labelled examples with negatives of BM25 (DPR), or with those that the model of the stage before finds (ANCE's one static
 * round); or on the scores of a cross-encoder.
 */
export type Stage = 'pairs' | 'dpr' | 'ance' | 'distill';

export const stageNames: Readonly<Record<Stage, string>> = {
  pairs: 'pairs from raw text',
  dpr: 'DPR',
  ance: 'ANCE (one static round)',
  distill: 'distillation',
};

/** What is measured, and what it is called. */
export const tableMetrics = {
  'ndcg@10': 'nDCG@10',
  'mrr@10': 'MRR@10',
  'recall@10': 'R@10',
  'recall@100': 'R@100',
} as const;
export type Metric = keyof typeof tableMetrics;

/** A line of a table. */
export interface Row {
  readonly name: string;
  /** What is pre-trained, as `compare` takes it. */
  readonly entry: string;
  /** After which stage it is measured. */
  readonly stage: Stage;
  /** In the paper, of the table's metric. */
  readonly paper?: number;
}

/** That one row is above another, or (where the paper says that something brings nothing) no worse. */
export interface Claim {
  readonly better: string;
  readonly worse: string;
  readonly says: 'above' | 'no worse than';
}

export interface Table {
  readonly title: string;
  /** What the paper's figures are of, and decides. */
  readonly metric: Metric;
  readonly measured: string;
  readonly stages: readonly Stage[];
  readonly rows: readonly Row[];
  readonly claims: readonly Claim[];
  /** Rows of the paper that are not built here, with their figures. */
  readonly missing: Readonly<Record<string, number>>;
  /** Whether it is made of labelled examples alone, or takes none. */
  readonly labels: 'needed' | 'taken' | 'none';
  /** Pre-training is on the text that is searched. */
  readonly ownText?: boolean;
}

/** The encoder as training begins with it, fine-tuned like the others. */
export const UNTRAINED = 'untrained';

const METHODS = { BERT: 'mlm', SimCSE: 'simcse', DiffCSE: 'diffcse', SEED: 'seed', Condenser: 'condenser' } as const;
const methods = { ...METHODS, RetroMAE: 'retromae' } as const;
const UNBUILT = ['RoBERTa', 'DeBERTa', 'LaPraDoR'];

const overMethods = (figure: (method: string) => number | undefined, stage: Stage) => ({
  rows: Object.entries(methods).map(([name, entry]): Row => ({ name, entry, stage, paper: figure(name) })),
  claims: Object.keys(METHODS).map((worse): Claim => ({ better: 'RetroMAE', worse, says: 'above' })),
  missing: Object.fromEntries(UNBUILT.map((name) => [name, figure(name)!])),
});

const mrr = (table: TableName) => (row: string) => paperTables[table].at(row, 'MRR@10');

/** An ablation of table 6, by the paper's name of the row. */
const ablation = (name: string, options: string): Omit<Row, 'stage'> => ({
  ...{ name, entry: `retromae${options}`, paper: mrr('table6')(name) },
});

const ablations = [
  ablation('enhanced decoding', ''),
  ablation('basic decoding', ':decoder=basic'),
  ablation('basic, 2 layers', ':decoder=basic:decoder-layers=2'),
  ablation('basic, 3 layers', ':decoder=basic:decoder-layers=3'),
  ablation('enhanced, decoder 15 %', ':decoder-mask=0.15'),
  ablation('enhanced, decoder 90 %', ':decoder-mask=0.9'),
  ablation('basic, decoder 15 %', ':decoder=basic:decoder-mask=0.15'),
  ablation('basic, decoder 70 %', ':decoder=basic:decoder-mask=0.7'),
  ablation('basic, decoder 90 %', ':decoder=basic:decoder-mask=0.9'),
  ablation('enhanced, encoder 15 %', ':encoder-mask=0.15'),
  ablation('enhanced, encoder 90 %', ':encoder-mask=0.9'),
];

const above = (better: string, worse: string): Claim => ({ better, worse, says: 'above' });
const noWorse = (better: string, worse: string): Claim => ({ better, worse, says: 'no worse than' });

/** The tables, with the stages where there are labelled examples or not. */
const made: Readonly<Record<TableName, (labelled: boolean) => Omit<Table, 'stages'>>> = {
  table1: () => ({
    ...{
      title: 'Zero-shot retrieval',
      metric: 'ndcg@10',
      measured: 'nDCG@10, the mean of 18 BEIR sets',
      labels: 'none',
    },
    ...overMethods((method) => paperTables.table1.at('Average', method), 'pairs'),
  }),
  table2: (labelled) => ({
    ...{ title: 'Fine-tuned as DPR', metric: 'mrr@10', measured: 'MRR@10 on MS MARCO', labels: 'taken' },
    ...overMethods(mrr('table2'), labelled ? 'dpr' : 'pairs'),
  }),
  table3: () => {
    const all = overMethods(mrr('table3'), 'ance');
    const before = ['BERT', 'RetroMAE'] as const;
    return {
      ...{ title: 'Fine-tuned as ANCE', metric: 'mrr@10', measured: 'MRR@10 on MS MARCO', labels: 'needed' },
      ...all,
      rows: [
        ...all.rows,
        ...before.map((name): Row => ({
          ...{ name: `${name}, as DPR`, entry: methods[name], stage: 'dpr', paper: mrr('table2')(name) },
        })),
      ],
      claims: [...all.claims, ...before.map((name) => above(name, `${name}, as DPR`))],
    };
  },
  table4: () => ({
    ...{ title: 'coCondenser and RetroMAE, pre-trained on the text that is searched', labels: 'needed', ownText: true },
    ...{ metric: 'mrr@10', measured: 'MRR@10 on MS MARCO, after ANCE' },
    rows: ['coCondenser', 'RetroMAE'].map((name) => ({
      ...{ name, entry: name.toLowerCase(), stage: 'ance', paper: mrr('table4')(name) },
    })),
    claims: [above('RetroMAE', 'coCondenser')],
    missing: {},
  }),
  table5: () => ({
    ...{ title: 'Learnt from a cross-encoder', metric: 'mrr@10', measured: 'MRR@10 on MS MARCO', labels: 'needed' },
    rows: [
      { name: 'BERT, as DPR', entry: 'mlm', stage: 'dpr', paper: mrr('table2')('BERT') },
      { name: 'RetroMAE, as DPR', entry: 'retromae', stage: 'dpr', paper: mrr('table2')('RetroMAE') },
      { name: 'BERT', entry: 'mlm', stage: 'distill' },
      { name: 'RetroMAE', entry: 'retromae', stage: 'distill', paper: mrr('table5')('RetroMAE') },
    ],
    claims: [above('RetroMAE', 'RetroMAE, as DPR'), above('RetroMAE', 'BERT')],
    missing: Object.fromEntries(
      ['AR2', 'ColBERTv2', 'RocketQAv2', 'ERNIE-Search'].map((name) => [name, mrr('table5')(name)!]),
    ),
  }),
  table6: (labelled) => ({
    ...{
      title: 'Ablations of RetroMAE',
      metric: 'mrr@10',
      measured: 'MRR@10 on MS MARCO, fine-tuned as DPR',
      labels: 'taken',
    },
    rows: ablations.map((row) => ({ ...row, stage: labelled ? 'dpr' : 'pairs' })),
    claims: [
      above('enhanced decoding', 'basic decoding'),
      noWorse('basic decoding', 'basic, 2 layers'),
      noWorse('basic decoding', 'basic, 3 layers'),
      above('enhanced decoding', 'enhanced, decoder 15 %'),
      above('enhanced decoding', 'enhanced, decoder 90 %'),
      above('basic, decoder 70 %', 'basic decoding'),
      above('basic, decoder 70 %', 'basic, decoder 15 %'),
      above('basic, decoder 70 %', 'basic, decoder 90 %'),
      above('enhanced decoding', 'enhanced, encoder 15 %'),
      above('enhanced decoding', 'enhanced, encoder 90 %'),
    ],
    missing: {},
  }),
};

const ORDER: readonly Stage[] = ['pairs', 'dpr', 'ance', 'distill'];

/** Names as they are typed: rows' own have commas. */
const SEPARATOR = ';';

/**
 * A table, with labelled examples or without.
 * @param only names of its rows, separated by semicolons: others are left out, and what is said of them
 * @throws if there is no such row, or nothing is said of those that are left
 */
export function tableNamed(name: TableName, labelled: boolean, only?: string): Table {
  const whole = made[name](labelled);
  const names = only?.split(SEPARATOR).map((each) => each.trim()) ?? whole.rows.map((row) => row.name);
  const unknown = names.find((each) => !whole.rows.some((row) => row.name === each));
  if (unknown !== undefined)
    throw new Error(
      `--rows names ${JSON.stringify(unknown)}, which ${name} has not. Its rows are ${whole.rows.map((row) => row.name).join(`${SEPARATOR} `)}.`,
    );
  const table = {
    ...whole,
    rows: whole.rows.filter((row) => names.includes(row.name)),
    claims: whole.claims.filter(({ better, worse }) => names.includes(better) && names.includes(worse)),
  };
  if (table.claims.length === 0)
    throw new Error(
      `--rows is ${JSON.stringify(only)}, of which the paper compares no two. In ${name} it compares ${whole.claims.map(({ better, worse }) => `${better} with ${worse}`).join('; ')}.`,
    );
  const asked = new Set(table.rows.map(({ stage }) => stage));
  // Negatives of ANCE are those of a model that learnt as DPR.
  if (asked.has('ance')) asked.add('dpr');
  return { ...table, stages: ORDER.filter((stage) => asked.has(stage)) };
}

/** What is pre-trained for a table, each once, as `compare` takes it. */
export const objectivesOf = ({ rows }: Table): string => [...new Set(rows.map(({ entry }) => entry))].join(',');
