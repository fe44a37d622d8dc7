// One line of a terminal that is rewritten; where there is no terminal, a line now and then.

/** What is written to: process.stderr, or anything like it. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Width of the terminal; some say 0 where they do not know. */
  readonly columns?: number;
}

/** A part of the line, shown in its place. Where the terminal is too narrow for all, those of low rank are. */
export interface Cell {
  readonly text: string;
  readonly rank: number;
}

const GAP = '  ';
/** Of a terminal that does not say. */
const WIDTH = 80;

export interface StatusLineOptions {
  /** Whether to rewrite one line; by default, whether the stream is a terminal. */
  isTTY?: boolean;
  /** Seconds since any moment, for tests. */
  now?: () => number;
}

/** Terminals are redrawn no faster than the eye follows. */
const REDRAW_SECONDS = 0.1;
/** Elsewhere a line is written after so long, or after so large a part of the work. */
const LINE_SECONDS = 10;
const LINE_FRACTION = 0.05;

export class StatusLine {
  private readonly isTTY: boolean;
  private readonly now: () => number;
  /** What the terminal shows in the last line, to be overwritten in full. */
  private shown = '';
  /** The newest cells, if they were not written. */
  private waiting: readonly Cell[] | undefined;
  private writtenAt = -Infinity;
  private writtenFraction = 0;

  constructor(
    private readonly stream: TextStream,
    { isTTY = stream.isTTY ?? false, now = () => performance.now() / 1000 }: StatusLineOptions = {},
  ) {
    this.isTTY = isTTY;
    this.now = now;
  }

  /**
   * Shows where the work is. The first cells and those of fraction 1 are always written, the others not too often.
   * @param fraction of the work that is done, 0 .. 1; NaN if nobody knows
   */
  show(cells: readonly Cell[], fraction: number): void {
    const since = this.now() - this.writtenAt;
    const due = this.isTTY
      ? since >= REDRAW_SECONDS
      : since >= LINE_SECONDS || fraction - this.writtenFraction >= LINE_FRACTION;
    this.waiting = cells;
    if (!due && !(fraction >= 1)) return;
    this.writtenFraction = fraction;
    this.flush();
  }

  /** Writes a text that stays, above the line. */
  note(text: string): void {
    const shown = this.shown;
    if (shown !== '') this.stream.write(`\r${' '.repeat(shown.length)}\r`);
    this.stream.write(`${text}\n`);
    this.shown = '';
    if (shown !== '') this.rewrite(shown);
  }

  /** Writes what is still to be shown and leaves the line; more may be shown after it, in a new line. */
  done(): void {
    this.flush();
    if (this.shown !== '') this.stream.write('\n');
    this.shown = '';
  }

  private flush(): void {
    if (this.waiting === undefined) return;
    if (this.isTTY) this.rewrite(fitted(this.waiting, (this.stream.columns || WIDTH) - 1));
    else this.stream.write(`${joined(this.waiting)}\n`);
    this.waiting = undefined;
    this.writtenAt = this.now();
  }

  /** Blanks cover what a longer text has left, on terminals without escape codes as well. */
  private rewrite(text: string): void {
    this.stream.write(this.shown === '' ? text : `\r${text.padEnd(this.shown.length)}`);
    this.shown = this.isTTY ? text : '';
  }
}

const joined = (cells: readonly Cell[]): string => cells.map(({ text }) => text).join(GAP);

/** The cells of the lowest ranks that there is room for; at least the first of these, cut if need be. */
function fitted(cells: readonly Cell[], width: number): string {
  const byRank = [...cells].sort((a, b) => a.rank - b.rank);
  let count = byRank.length;
  while (count > 1 && joined(byRank.slice(0, count)).length > width) count--;
  const kept = new Set(byRank.slice(0, count));
  const text = joined(cells.filter((cell) => kept.has(cell)));
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
