// A JSON object of a model folder whose values are asked for by name and kind: what is wrong is told by file and field.
import { isFile, readJsonObject } from '../data/index.js';

/** Fields of one file. A field that is missing, or null, has the preset. */
export class Fields {
  constructor(
    readonly file: string,
    readonly values: Readonly<Record<string, unknown>>,
  ) {}

  /** @throws naming the file: not there, not JSON, or not an object */
  static async read(file: string): Promise<Fields> {
    return new Fields(file, await readJsonObject(file));
  }

  /** The same; no fields where there is no such file. */
  static async readIfThere(file: string): Promise<Fields> {
    return (await isFile(file)) ? await Fields.read(file) : new Fields(file, {});
  }

  boolean(name: string, preset: boolean): boolean {
    return this.value(name, preset, (value) => typeof value === 'boolean', 'true or false');
  }

  text(name: string, preset: string): string {
    return this.value(name, preset, (value) => typeof value === 'string', 'a text');
  }

  /** A number of at least `least`, which need not be whole (1e30 stands for no limit); undefined where there is none. */
  number(name: string, least: number): number | undefined {
    const fits = (value: unknown) => typeof value === 'number' && value >= least;
    return this.value<number | undefined>(name, undefined, fits, `a number of at least ${least}`);
  }

  /** @throws if it is there and not a whole number of at least `least` */
  whole(name: string, least: number): number | undefined {
    const fits = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= least;
    return this.value<number | undefined>(name, undefined, fits, `an integer of at least ${least}`);
  }

  choice<T extends string>(name: string, choices: readonly T[], preset: T): T {
    return this.value(name, preset, (value) => choices.includes(value as T), `one of ${choices.join(', ')}`);
  }

  /** An object of its own; an empty one where there is none. */
  object(name: string): Fields {
    const fits = (value: unknown) => typeof value === 'object' && !Array.isArray(value);
    const values = this.value<Record<string, unknown>>(name, {}, fits, 'an object');
    return new Fields(`${this.file}: ${name}`, values);
  }

  /** The error that a field is not what it should be. */
  wrong(name: string, expected: string): Error {
    const { [name]: value } = this.values;
    const found = JSON.stringify(value) ?? 'missing';
    const shown = found.length > SHOWN ? `${found.slice(0, SHOWN)}…` : found;
    return new Error(`${this.file}: ${name} is ${shown}, expected ${expected}. Another folder, or another model?`);
  }

  private value<T>(name: string, preset: T, fits: (value: unknown) => boolean, expected: string): T {
    const value = Object.hasOwn(this.values, name) ? this.values[name] : undefined;
    if (value === undefined || value === null) return preset;
    if (!fits(value)) throw this.wrong(name, expected);
    return value as T;
  }
}

/** Characters of a wrong value that are shown. */
const SHOWN = 60;
