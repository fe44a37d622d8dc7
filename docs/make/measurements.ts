// The measurements that the guides show.
import { objectiveNames } from '../../retromae/index.js';

export interface Measurement {
  /** As a reader types it; with `--json` behind it, it prints rows. */
  readonly command: string;
  /** What is kept of the rows printed; default: all. */
  readonly kept?: (rows: readonly unknown[]) => unknown[];
  /** The first column of the rows that the command prints now, where they are shown as a table. */
  readonly names?: readonly string[];
  /** In Markdown. */
  readonly table?: (rows: readonly unknown[]) => string;
}

/** Rows of one kind. */
const define = <Row>(measurement: {
  command: string;
  kept?: (rows: readonly Row[]) => Row[];
  names?: readonly string[];
  table?: (rows: readonly Row[]) => string;
}): Measurement => measurement as Measurement;

/** A step of a run, as the picture of the run shows it. */
export interface SeenStep {
  readonly type: string;
  readonly step: number;
  readonly encoder: number;
  readonly decoder: number;
}

const [STEPS, EVERY] = [2000, 5];

export const measurements: Readonly<Record<string, Measurement>> = {
  objectives: define<{ objective: string; cost: number; tokens: number }>({
    command: 'npx retromae pretrain --list',
    names: objectiveNames.map((name) => `\`${name}\``),
    kept: (rows) => rows.map(({ objective, cost, tokens }) => ({ objective, cost, tokens })),
    table: (rows) =>
      markdownTable(
        ['objective', 'a step beside one of MLM', 'tokens of its batch beside those of MLM'],
        rows.map(({ objective, cost, tokens }) => [`\`${objective}\``, cost.toFixed(2), tokens.toFixed(2)]),
      ),
  }),
  run: define<SeenStep>({
    command: `npx retromae pretrain --layers 2 --hidden 128 --steps ${STEPS} --lr 1e-3 --eval-every 0 --out runs/seen`,
    kept: (rows) =>
      rows
        .filter(({ type, step }) => type === 'step' && (step === 1 || step % EVERY === 0))
        .map(({ type, step, encoder, decoder }) => ({
          type,
          step,
          encoder: Number(encoder.toFixed(3)),
          decoder: Number(decoder.toFixed(3)),
        })),
  }),
};

/** A table whose first column is text and the others are numbers. */
export const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
