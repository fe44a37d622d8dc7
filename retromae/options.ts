// Options in tables: a row is a default, what a value must be, and a help text; checks, flags and --help follow from it.
import { shownValue, type Shown } from '../data/pure.js';

/** What a value must be, in words, and whether one is that. */
export interface OptionRule<T> {
  /** How the value is written: after a flag, or by the flag alone. */
  readonly type: 'string' | 'number' | 'boolean';
  readonly wanted: string;
  /** The only values that are possible. */
  readonly choices?: readonly string[];
  holds(value: unknown): value is T;
}

export interface Option<T> {
  readonly preset: T;
  readonly rule: OptionRule<T>;
  readonly help: string;
  /** What stands for the value in the help text. */
  readonly value?: string;
}

export type OptionTable<O> = { readonly [K in keyof O]-?: Option<O[K]> };

/** The values of a table's options. The comments of its rows are theirs. */
export type OptionsOf<T> = { -readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never };

/** A row; `more` is what a table needs beyond it. */
export const option = <T, const M extends object = object>(
  preset: NoInfer<T>,
  rule: OptionRule<T>,
  help: string,
  more?: M & { value?: string },
): Option<T> & M => ({ preset, rule, help, ...more }) as Option<T> & M;

/** The error for a value that is not what it must be. */
export const wrongOption = (shown: Shown, name: string, value: unknown, wanted: string): Error =>
  new Error(`${shown(name)} is ${shownValue(value)}; it must be ${wanted}.`);

/**
 * Completes options with defaults and checks each by its rule; names that the table lacks are left out.
 * @throws naming the option, what it must be, and what it was
 */
export function completeOptions<O extends object>(
  table: OptionTable<O>,
  given: Partial<O>,
  shown: Shown = (name) => name,
): O {
  const names = Object.keys(table) as (keyof O & string)[];
  return Object.fromEntries(
    names.map((name) => {
      const { preset, rule } = table[name];
      const value = given[name] === undefined ? preset : given[name];
      if (!rule.holds(value)) throw wrongOption(shown, name, value, rule.wanted);
      return [name, value];
    }),
  ) as O;
}

export const number = (wanted: string, holds: (value: number) => boolean): OptionRule<number> => ({
  type: 'number',
  wanted,
  holds: (value): value is number => typeof value === 'number' && holds(value),
});

export const integer = (least: number, most = Number.MAX_SAFE_INTEGER): OptionRule<number> =>
  number(
    most < Number.MAX_SAFE_INTEGER ? `an integer of ${least} to ${most}` : `an integer of at least ${least}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
  );

export const percent = number('a number from 0 to 100', (value) => value >= 0 && value <= 100);

export const oneOf = <const C extends readonly string[]>(choices: C): OptionRule<C[number]> => ({
  type: 'string',
  wanted: `one of ${choices.join(', ')}`,
  choices,
  holds: (value): value is C[number] => typeof value === 'string' && choices.includes(value),
});

export const optional = <T>(rule: OptionRule<T>): OptionRule<T | undefined> => ({
  ...rule,
  holds: (value): value is T | undefined => value === undefined || rule.holds(value),
});

export const text: OptionRule<string> = {
  type: 'string',
  wanted: 'a text that is not empty',
  holds: (value): value is string => typeof value === 'string' && value.trim() !== '',
};

export const yesOrNo: OptionRule<boolean> = {
  type: 'boolean',
  wanted: 'true or false',
  holds: (value): value is boolean => typeof value === 'boolean',
};

export const positive = number('a number above 0', (value) => value > 0 && value < Infinity);
export const notNegative = number('a number of at least 0', (value) => value >= 0 && value < Infinity);
export const share = number('between 0 and 1, both excluded', (value) => value > 0 && value < 1);
