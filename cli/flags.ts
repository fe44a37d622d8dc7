// Command-line flags from a table: parsed, typed, checked, and explained by --help.
import { parseArgs } from 'node:util';
import { flagOf } from '../data/pure.js';
import type { Option, OptionRule } from '../retromae/index.js';

/** One flag: what it means and what values it takes. */
export interface Flag {
  readonly type: 'string' | 'number' | 'boolean';
  readonly help: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
  /** The only values that are possible. */
  readonly choices?: readonly string[];
  /** What a number must be. */
  readonly rule?: OptionRule<number>;
  /** `--no-NAME` is a flag as well, for where a file or an earlier command said yes. */
  readonly negatable?: boolean;
  /** Shown in the help text. */
  readonly preset?: string | number | boolean;
}

/** What of an option its flag shows. */
type Row = Omit<Option<unknown>, 'rule'> & { readonly rule: Omit<OptionRule<unknown>, 'holds'> };

/** Flags of a table of options. A switch can be taken back with `--no-`. */
export const flagsOf = (table: Readonly<Record<string, Row>>): Flags =>
  Object.fromEntries(
    Object.entries(table).map(
      ([
        name,
        {
          preset,
          rule: { type, choices },
          help,
          value,
        },
      ]) => [
        flagOf(name).slice('--'.length),
        { type, choices, help, value, preset: preset as Flag['preset'], negatable: type === 'boolean' },
      ],
    ),
  );

export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F['type'] extends 'number' ? number : F['type'] extends 'boolean' ? boolean : string;
export type Values<T extends Flags> = { -readonly [K in keyof T]?: ValueOf<T[K]> };

/** A mistake in what the user typed: exit code 2. */
export class UsageError extends Error {}

/** Runs a check of what was typed. @throws UsageError where it throws */
export async function checked<T>(check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The settings that flags name: `--save-every` is `saveEvery`. */
export const settingsOf = <S extends object>(given: Values<Flags>): Partial<S> =>
  Object.fromEntries(
    Object.entries(given).map(([flag, value]) => [
      flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  ) as Partial<S>;

/** Parses arguments. @throws UsageError for unknown flags, missing or wrong values */
export function parseFlags<T extends Flags>(args: readonly string[], flags: T): Values<T> {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(flags).map(([name, { type }]) => [name, { type: type === 'boolean' ? type : 'string' } as const]),
    ),
    strict: false,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(`${JSON.stringify(token.value)} is no flag. See --help.`);
    if (token.kind !== 'option') continue;
    const { rawName, value } = token;
    const isOff = token.name.startsWith('no-') && flags[token.name.slice(3)]?.negatable;
    const name = isOff ? token.name.slice(3) : token.name;
    if (!rawName.startsWith('--') || !Object.hasOwn(flags, name))
      throw new UsageError(`there is no flag ${rawName}. See --help.`);
    // Another flag is not a value, unless it is given as --name=--value; a negative number is one.
    const isMissing = value?.startsWith('--') && !token.inlineValue;
    const given = valueOf(token.name, flags[name], isMissing ? undefined : value);
    values[name] = isOff ? !given : given;
  }
  return values as Values<T>;
}

function valueOf(name: string, { type, choices, rule }: Flag, text: string | undefined): string | number | boolean {
  const wrong = (wanted: string) => new UsageError(`--${name} is ${JSON.stringify(text)}; it must be ${wanted}.`);
  if (type === 'boolean') {
    if (text !== undefined) throw new UsageError(`--${name} takes no value. See --help.`);
    return true;
  }
  if (text === undefined) throw new UsageError(`--${name} lacks its value. See --help.`);
  if (text.trim() === '') throw wrong('more than nothing');
  if (choices && !choices.includes(text)) throw wrong(`one of ${choices.join(', ')}`);
  if (type === 'string') return text;
  const number = Number(text);
  if (!Number.isFinite(number)) throw wrong('a number');
  if (rule && !rule.holds(number)) throw wrong(rule.wanted);
  return number;
}

/** The flags, one a line, with their defaults. */
export function helpText(usage: string, flags: Flags): string {
  const heads = Object.entries(flags).map(([name, { type, value, choices, negatable }]) => {
    const shown = type === 'boolean' ? '' : ` ${choices?.join('|') ?? value ?? (type === 'number' ? 'N' : 'TEXT')}`;
    return `  --${negatable ? '[no-]' : ''}${name}${shown}`;
  });
  const width = Math.min(34, Math.max(...heads.map((head) => head.length)) + 2);
  const lines = Object.values(flags).map(({ help, preset }, i) => {
    const note = preset === undefined || preset === false ? '' : ` (default ${preset})`;
    const gap = heads[i].length < width ? heads[i].padEnd(width) : `${heads[i]}\n${' '.repeat(width)}`;
    return `${gap}${help}${note}`;
  });
  return `${usage}\n\n${lines.join('\n')}\n`;
}
