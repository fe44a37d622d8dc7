// Lines that are left out with a word to the user, up to a bound.
import { OptionError, type Shown } from './option-error.js';

export interface BadLinesOptions {
  /** More than these are an error. Default 100. */
  readonly maxBadLines?: number;
  /** Gets one sentence for each. */
  readonly onWarning?: (message: string) => void;
}

export class BadLines {
  /** The first that there was. */
  first?: string;
  private count = 0;

  /**
   * @param what the lines are of, which begins the error
   * @param remedy beside a higher bound, to end in a comma
   */
  constructor(
    private readonly what: string,
    private readonly remedy: (shown: Shown) => string,
    private readonly options: BadLinesOptions,
  ) {}

  /** @param message place and problem @throws OptionError if these are more than there may be */
  add(message: string): void {
    const { maxBadLines = 100, onWarning } = this.options;
    const { what, remedy, first = message } = this;
    this.first = first;
    onWarning?.(message);
    const count = ++this.count;
    if (count <= maxBadLines) return;
    throw new OptionError(
      (shown) =>
        `${what}: ${message}; that makes ${count} bad lines, expected at most ${maxBadLines}. The first was ${first}. ${remedy(shown)} or raise ${shown('maxBadLines')}.`,
    );
  }
}
