// What is made of an outcome: accepted, refused in a line that helps, or a fault of the product.

export interface Fault {
  /** What is wrong, in a few words that name the kind. */
  readonly what: string;
  /** What the user would read. */
  readonly message: string;
  /** The first place of our own code in the stack, where there is one: "data/lines.ts:12". */
  readonly place?: string;
}

export type Verdict = 'accepted' | 'refused' | Fault;

/** Errors that the language throws and nobody words. */
const INNER = /^(Type|Range|Syntax|Reference|URI|Eval|Aggregate)Error$/;

/** What such errors say, where another error passes it on. */
const INNER_TEXT = new RegExp(
  [
    'Cannot (read|set) propert|Cannot (destructure|convert|mix|access|create)|is not (a function|iterable|defined|a constructor)',
    'undefined is not (a function|an object|iterable)|Invalid (array|string|typed array|count|time|code point)|Invalid array length',
    'out of bounds|Maximum call stack|allocation failed|(start offset|byte length) of|Reduce of empty|Offset is outside',
    '\\[object \\w+\\]|memory access|unreachable|detached|node:internal|ERR_[A-Z_]+|argument must be|[Aa]ssertion',
  ].join('|'),
);

/** An error of the system that says it in its own way, without a remedy. */
const SYSTEM = /^(\w+: )?E[A-Z]{3,}: /;
const STACK = /^ +at \S/m;
const FLAG = /--[a-z][a-z-]*/;

/**
 * Judges an error that refused an input.
 * @param line what the user reads of it
 * @param names what may be named beside flags: the folder of the case, or the name that a file goes by
 */
export function judgeRefusal(error: unknown, line: string, names: readonly string[]): Verdict {
  const fault = (what: string): Fault => ({ what, message: line, place: placeOf(error) });
  if (!(error instanceof Error)) return fault('what is thrown is no error');
  if (INNER.test(error.constructor.name) || INNER_TEXT.test(line)) return fault('inner error');
  if (STACK.test(line) || line.includes('\n')) return fault('several lines');
  if (SYSTEM.test(line.replace(/^retromae: /, ''))) return fault('error of the system, told raw');
  if (!FLAG.test(line) && !names.some((name) => line.includes(name))) return fault('names no file and no flag');
  return 'refused';
}

/** What was said on the way must be lines for people as well. */
export const judgeWords = (said: string): Verdict => {
  const line = said.split('\n').find((text) => STACK.test(text) || INNER_TEXT.test(text));
  return line === undefined ? 'accepted' : { what: 'inner error in a note', message: line };
};

/** The first two frames of the stack that are of the product itself: who made the error, and who called it. */
export function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? (rootOf(error).stack ?? '') : '';
  const frames = [
    ...stack.matchAll(
      /(?:^|[(/ ])((?:core|nn|kernels|retromae|hub|train|retrieval|data|cli)\/[^\s():]+:\d+):\d+\)?$/gm,
    ),
  ];
  return frames.length > 0
    ? frames
        .slice(0, 2)
        .map(([, place]) => place)
        .join(' < ')
    : undefined;
}

const rootOf = (error: Error): Error => (error.cause instanceof Error ? rootOf(error.cause) : error);

/** Faults of one kind have this in common. */
export const kindOf = ({ what, place, message }: Fault): string =>
  `${what}: ${place ?? message.replace(/\/\S+/g, 'PATH').replace(/\d+/g, 'N').slice(0, 80)}`;
