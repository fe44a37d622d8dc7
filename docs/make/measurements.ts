// The measurements that the guides show.
import { ways, wayCells, waysHead, type WayRow } from '../../bench/lessons/layer-norm.js';
import { gemmSteps } from '../../bench/lessons/gemm-steps.js';
import { stepCells, stepHead, type StepRow } from '../../bench/lessons/steps.js';
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
  'gemm-steps': define<StepRow>({
    command: 'npm run bench -- gemm --step all',
    names: gemmSteps.map((_, i) => String(i + 1)),
    table: (rows) => markdownTable(stepHead, stepCells(rows)),
  }),
  'layer-norm': define<WayRow>({
    command: 'npm run bench -- layer-norm --rows 8192 --width 1024',
    names: ways.map(({ name }) => name),
    table: (rows) => markdownTable(waysHead, wayCells(rows)),
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

/** A table; columns of numbers to the right. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isText = head.map((_, i) => rows.some((row) => /^[^\d]/.test(row[i]) && row[i] !== 'not here'));
  return [head, isText.map((text) => (text ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}
