// Command-line flags from a table: parsed, typed, checked, and explained by --help.
import { parseArgs } from 'node:util';

/** One flag: what it means and what values it takes. */
export interface Flag {
  readonly type: 'string' | 'number' | 'boolean';
  readonly help: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  /** The only values that are possible. */
  readonly choices?: readonly string[];
  /** Shown in the help text. */
  readonly preset?: string | number | boolean;
}

export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F['type'] extends 'number' ? number : F['type'] extends 'boolean' ? boolean : string;
export type Values<T extends Flags> = { -readonly [K in keyof T]?: ValueOf<T[K]> };

/** A mistake of the user's: printed as one line, exit code 2. */
export class UsageError extends Error {}

/** Parses arguments. @throws UsageError for unknown flags, missing or wrong values */
export function parseFlags<T extends Flags>(args: readonly string[], flags: T): Values<T> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type }]) => [
      name,
      { type: type === 'boolean' ? 'boolean' : 'string' } as const,
    ]),
  );
  let given: Record<string, string | boolean | undefined>;
  try {
    given = parseArgs({ args: [...args], options, allowPositionals: false }).values as typeof given;
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0].replace(/\.$/, '') + '. See --help.');
  }
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const { type, choices } = flags[name];
    const number = Number(value);
    if (type === 'number' && (value === '' || !Number.isFinite(number)))
      throw new UsageError(`--${name} is ${JSON.stringify(value)}; it must be a number.`);
    if (choices && !choices.includes(String(value)))
      throw new UsageError(`--${name} is ${JSON.stringify(value)}; it must be one of ${choices.join(', ')}.`);
    values[name] = type === 'number' ? number : value;
  }
  return values as Values<T>;
}

/** The flags, one a line, with their defaults. */
export function helpText(usage: string, flags: Flags): string {
  const heads = Object.entries(flags).map(([name, { type, value, choices }]) => {
    const shown = type === 'boolean' ? '' : ` ${choices?.join('|') ?? value ?? (type === 'number' ? 'N' : 'TEXT')}`;
    return `  --${name}${shown}`;
  });
  const width = Math.min(34, Math.max(...heads.map((head) => head.length)) + 2);
  const lines = Object.values(flags).map(({ help, preset }, i) => {
    const note = preset === undefined || preset === false ? '' : ` (default ${preset})`;
    const gap = heads[i].length < width ? heads[i].padEnd(width) : `${heads[i]}\n${' '.repeat(width)}`;
    return `${gap}${help}${note}`;
  });
  return `${usage}\n\n${lines.join('\n')}\n`;
}
