// What a person sees while a run goes on: the line of a training run, and that of any work with a count.
import type { Scalar, Scalars } from '../../retromae/index.js';
import { formatCount, formatDuration, formatLoss, formatQuantity, formatShare } from './format.js';
import { Pace } from './pace.js';
import { dataWait, type StepRecord } from './records.js';
import { scalarsIn } from './scalars.js';
import { Smooth } from './series.js';
import { StatusLine, type Cell, type StatusLineOptions, type TextStream } from './status-line.js';

/** Steps that the losses, the accuracy, the rate and the wait are averaged over. */
const HORIZON = 20;

/**
 * Training, in one line:
 * `step  120/2000   6 %  encoder 6.812  decoder 7.401  accuracy 12.3 %  gradient 1.84  15.2k tokens/s  data wait 0.0 %  12:34 left`
 */
export class Progress {
  private readonly line: StatusLine;
  private readonly averages = new Map<string, Smooth>();
  private readonly pace = new Pace();

  constructor(
    stream: TextStream,
    private readonly options: StatusLineOptions & {
      /** Steps of the whole run. */
      total: number;
      /** What the numbers of an objective are that is not in the list. */
      scalars?: Scalars;
    },
  ) {
    this.line = new StatusLine(stream, options);
  }

  update(record: StepRecord): void {
    const { total } = this.options;
    const { step } = record;
    const wait = dataWait([record]);
    const cells = [
      cell(0, `step ${String(step).padStart(String(total).length)}/${total}`),
      cell(2, percent(step / total)),
      ...this.scalars(record).map((text, i) => cell(i === 0 ? 3 : 5, text)),
      cell(6, `gradient ${formatLoss(record.gradientNorm)}`),
      cell(4, `${formatQuantity(this.average('rate', record.tokensPerSecond))} tokens/s`),
      ...(wait === undefined ? [] : [cell(7, `data wait ${formatShare(this.average('wait', wait))}`)]),
      cell(1, left(this.pace.add(record) * (total - step))),
    ];
    this.line.show(cells, step / total);
  }

  /** Writes a text that stays, above the line. */
  note(text: string): void {
    this.line.note(text);
  }

  /** Leaves the line, with the last step shown. */
  done(): void {
    this.line.done();
  }

  /** All losses of the objective and the first of its accuracies, or the one loss where it reports none. */
  private scalars(record: StepRecord): string[] {
    const { scalars } = this.options;
    const cells = (unit: Scalar['unit'], format: (value: number) => string) =>
      scalarsIn([record], scalars, unit)
        .filter(({ name }) => record[name] !== undefined)
        .map(({ name }) => `${name} ${format(this.average(name, record[name]!))}`);
    const losses = cells('nats', formatLoss);
    const total = `loss ${formatLoss(this.average('loss', record.loss))}`;
    return [...(losses.length > 0 ? losses : [total]), ...cells('accuracy', formatShare).slice(0, 1)];
  }

  private average(name: string, value: number): number {
    let average = this.averages.get(name);
    if (!average) this.averages.set(name, (average = new Smooth(HORIZON)));
    const mean = average.add(value);
    // A loss that is no number must be seen at once, not averaged away.
    return Number.isFinite(value) ? mean : value;
  }
}

/** Any work with a count, in one line: `texts 1,200/5,183  23 %  812/s  0:05 left`. */
export class Ticker {
  private readonly line: StatusLine;
  private readonly now: () => number;
  private readonly started: number;

  constructor(
    stream: TextStream,
    private readonly options: StatusLineOptions & {
      /** What is counted: "texts". */
      what: string;
      /** How many there are, if that is known. */
      total?: number;
    },
  ) {
    this.now = options.now ?? (() => performance.now() / 1000);
    this.line = new StatusLine(stream, options);
    this.started = this.now();
  }

  /** @param count how many are done, from the start */
  update(count: number): void {
    const { what, total } = this.options;
    const rate = count / (this.now() - this.started);
    const cells =
      total === undefined
        ? [cell(0, `${what} ${formatCount(count)}`), cell(3, `${formatQuantity(rate)}/s`)]
        : [
            cell(0, `${what} ${formatCount(count)}/${formatCount(total)}`),
            cell(2, percent(count / total)),
            cell(3, `${formatQuantity(rate)}/s`),
            cell(1, left((total - count) / rate)),
          ];
    this.line.show(cells, total === undefined ? NaN : count / total);
  }

  /** Writes a text that stays, above the line. */
  note(text: string): void {
    this.line.note(text);
  }

  /** Leaves the line, with the last count shown. */
  done(): void {
    this.line.done();
  }
}

const cell = (rank: number, text: string): Cell => ({ rank, text });
const percent = (fraction: number): string => `${String(Math.floor(100 * fraction)).padStart(3)} %`;
const left = (seconds: number): string => `${formatDuration(seconds)} left`;
