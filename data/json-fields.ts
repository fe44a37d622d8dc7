// The fields of one JSON object of a file, by type; every error names the file and the field.

/** A value of unknown kind in one short line, however long it is and deep. */
export function shownValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return value.length === 0 ? '[]' : `a list of ${value.length}`;
    return Object.keys(value).length === 0 ? '{}' : 'an object';
  }
  return String(JSON.stringify(value)).slice(0, 60);
}

export class JsonFields {
  private readonly object: Readonly<Record<string, unknown>>;

  /**
   * @param file how errors name the file
   * @param path of the object in the file, ending in a dot; '' for the whole
   * @param remedy what to do about a field that is not as expected
   * @throws if `value` is no object
   */
  constructor(
    readonly file: string,
    value: unknown,
    private readonly remedy: string,
    private readonly path = '',
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const field = path === '' ? 'the content' : path.slice(0, -1);
      throw new Error(`${file}: ${field} is ${shownValue(value)}, expected an object. ${remedy}`);
    }
    this.object = value as Record<string, unknown>;
  }

  /** The error for a field that is not as expected. */
  refuse(name: string, expected: string, found: unknown = this.get(name)): Error {
    return new Error(`${this.file}: ${this.path}${name} is ${shownValue(found)}, expected ${expected}. ${this.remedy}`);
  }

  get(name: string): unknown {
    return Object.hasOwn(this.object, name) ? this.object[name] : undefined;
  }

  entries(): [string, unknown][] {
    return Object.entries(this.object);
  }

  /** @throws if the field is there and neither true nor false */
  boolean(name: string): boolean | undefined {
    const value = this.get(name);
    if (value !== undefined && typeof value !== 'boolean') throw this.refuse(name, 'true or false');
    return value;
  }

  /** A text, or undefined where there is none or null. @throws if it is something else */
  text(name: string): string | undefined {
    const value = this.get(name) ?? undefined;
    if (value !== undefined && typeof value !== 'string') throw this.refuse(name, 'a text');
    return value;
  }

  /** A number, whole or not, or undefined where there is none or null. @throws if it is not at least `least` */
  number(name: string, least: number): number | undefined {
    const value = this.get(name) ?? undefined;
    if (value === undefined || (typeof value === 'number' && value >= least)) return value;
    throw this.refuse(name, `a number of at least ${least}`);
  }

  /** An integer, or undefined where there is none or null. @throws if it is not at least `least` */
  integer(name: string, least: number): number | undefined {
    const value = this.get(name) ?? undefined;
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= least))
      return value as number | undefined;
    throw this.refuse(name, `an integer of at least ${least}`);
  }

  /** @throws unless the field is one of `values`; a field that is not there is the first of them */
  oneOf<T extends string>(name: string, ...values: T[]): T {
    const found = values.find((value) => value === (this.text(name) ?? values[0]));
    if (found === undefined) throw this.refuse(name, values.map((value) => `'${value}'`).join(' or '));
    return found;
  }

  /** @throws if there is no object of this name */
  child(name: string): JsonFields {
    return this.at(name, this.get(name));
  }

  /** The objects of a list; none where there is no list. @throws if it is no list of objects */
  list(name: string): JsonFields[] {
    const value = this.get(name) ?? [];
    if (!Array.isArray(value)) throw this.refuse(name, 'a list');
    return value.map((entry: unknown, i) => this.at(`${name}[${i}]`, entry));
  }

  /** A value of this object, or of one of its lists, as an object of fields. @throws if it is none */
  at(name: string, value: unknown): JsonFields {
    return new JsonFields(this.file, value, this.remedy, `${this.path}${name}.`);
  }
}
