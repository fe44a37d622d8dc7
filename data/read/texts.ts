// The documents of a file that is text and no records: lines, paragraphs between blank lines, or all of it.
import { LONGEST_LINE, type Line } from './lines.js';

/** What is a document in a .txt file. `auto`: a paragraph if blank lines stand between texts, else a line. */
export const SPLITS = ['auto', 'line', 'blank', 'file'] as const;
export type Split = (typeof SPLITS)[number];

/** `auto` looks at so many characters for a blank line. */
const LOOKED_AT = 1 << 24;

export type Unit = Exclude<Split, 'auto'>;
export type Decided = { readonly unit: Unit; readonly lines: AsyncIterable<Line> };

/** Decides for `auto`; what was read for it is in `lines` again. */
export async function decide(split: Split, lines: AsyncIterable<Line>): Promise<Decided> {
  if (split !== 'auto') return { unit: split, lines };
  const iterator = lines[Symbol.asyncIterator]();
  const seen: Line[] = [];
  let unit: Unit = 'line';
  let [length, hasText, isBlank] = [0, false, false];
  let isOver = false;
  while (!isOver && length < LOOKED_AT) {
    const next = await iterator.next();
    if (next.done) {
      isOver = true;
      break;
    }
    seen.push(next.value);
    length += next.value.text?.length ?? 0;
    if (isEmpty(next.value)) isBlank = hasText;
    else if (isBlank) {
      unit = 'blank';
      break;
    } else hasText = true;
  }
  async function* again() {
    yield* seen;
    if (!isOver) yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { unit, lines: again() };
}

const isEmpty = ({ text }: Line): boolean => text !== null && text.trim() === '';

/**
 * Documents with the line where each begins; the lines of one are joined by a blank. Lines that are not UTF-8 go to `bad`.
 * @throws FILE:LINE if a document has more than 2^28 characters
 */
export async function* textsOf({ unit, lines }: Decided, name: string, bad: (line: number) => void) {
  let parts: string[] = [];
  let [first, length] = [0, 0];
  const document = () => {
    const whole = { line: first, text: parts.join(' ') };
    [parts, length] = [[], 0];
    return whole;
  };
  for await (const { number, text } of lines) {
    if (text === null) {
      bad(number);
      continue;
    }
    const isBlank = text.trim() === '';
    if (!isBlank) {
      if (parts.length === 0) first = number;
      length += parts.push(text) && text.length;
      if (length > LONGEST_LINE)
        throw new Error(
          `${name}:${first}: a document of more than ${LONGEST_LINE} characters; split it, by lines for instance.`,
        );
    }
    const ends = unit === 'line' ? !isBlank : unit === 'blank' && isBlank;
    if (ends && parts.length > 0) yield document();
  }
  if (parts.length > 0) yield document();
}

const UNITS: Readonly<Record<Unit, string>> = {
  line: 'one document a line',
  blank: 'one document a paragraph, blank lines stand between them',
  file: 'one document',
};

/** What was taken for a document in text files, a line for each kind: for people. */
export function takenLines(taken: ReadonlyMap<string, { readonly unit: Unit; readonly decided: boolean }>): string[] {
  const kinds = new Map<string, string[]>();
  for (const [file, { unit, decided }] of taken) {
    const kind = UNITS[unit] + (unit === 'line' && decided ? ' (no blank lines between texts)' : '');
    kinds.set(kind, [...(kinds.get(kind) ?? []), file]);
  }
  return [...kinds].map(([kind, files]) =>
    files.length === 1
      ? `${files[0]}: ${kind}`
      : `${files.length} text files, ${files[0]} the first: ${kind}${kind.startsWith('one document a') ? '' : ' each'}`,
  );
}
