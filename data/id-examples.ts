// Examples that name queries and passages by their ids, with the texts in files of their own: MS MARCO's triples, and
// RetroMAE's authors' lists of negatives beside judgements.
import { open, rm, type FileHandle } from 'node:fs/promises';
import { BadLines, type BadLinesOptions } from './bad-lines.js';
import { documents } from './corpus.js';
import { documentText } from './document.js';
import { writeFileAtomic } from './files/atomic.js';
import { readJudgements } from './judgements.js';
import { readQueries } from './load-set.js';
import { textLines } from './read/open.js';
import { refuseReadOnce } from './read/source.js';
import { IDS, type TrainingExample } from './training-examples.js';

export interface IdPaths {
  /** Lines of ids. */
  readonly examples: string;
  readonly queries: string;
  /** Passages, a file or a folder. */
  readonly corpus: string;
  /** Which passages answer which query, where the lines have negatives alone. */
  readonly qrels?: string;
}

export interface IdExampleOptions extends BadLinesOptions {
  /** A file for the time of the reading: the passages that are named, which memory may not hold. */
  readonly scratch: string;
  /** Field of the corpus that holds the text: see `documents`. */
  readonly field?: string;
  readonly signal?: AbortSignal;
}

/** A line, its texts by their numbers. */
interface Row {
  readonly at: string;
  readonly query: number;
  readonly positives: readonly number[];
  readonly negatives: readonly number[];
}

/**
 * Reads examples by ids, one line after the other, columns between tabs or blanks:
 * - query, passage that answers it, any number of passages that do not: MS MARCO's triples of ids;
 * - query and a list p1,p2 of passages that answer it;
 * - with `qrels`, query and a list n1,n2 of passages that do not; `qrels` are such lines of passages that do, or
 *   judgements as `loadBeir` reads them.
 *
 * A line that is none, or names an id without a text, is left out, counted and named to `onWarning`. Memory holds ids and
 * the texts of queries.
 * @throws if more lines are bad than `maxBadLines`, none is left, or a file is none of these
 */
export async function* idExamples(paths: IdPaths, options: IdExampleOptions): AsyncGenerator<TrainingExample> {
  const { examples, queries: asking, corpus, qrels } = paths;
  for (const path of [examples, asking, corpus, qrels]) if (path !== undefined) await refuseReadOnce(path);
  const remedy = 'Give the files in which these ids have texts, mend the lines,';
  const bad = new BadLines('examples', () => remedy, options);
  const [queries, passages] = [new Numbers(), new Numbers()];
  const rows = await readRows(paths, queries, passages, bad);
  const asked = await textsOf(asking, queries);
  const store = await PassageStore.write(corpus, passages, options);
  let count = 0;
  try {
    for (const { at, query, positives, negatives } of rows) {
      const problem =
        asked.problem(query) ?? [...positives, ...negatives].map((one) => store.problem(one)).find(Boolean);
      if (problem) {
        bad.add(`${at}: ${problem}`);
        continue;
      }
      const [known, others] = [await store.texts(positives), await store.texts(negatives)];
      yield { id: queries.nameOf(query), query: asked.text(query), positives: known, negatives: others };
      count++;
    }
  } finally {
    await store.close();
  }
  if (count === 0)
    throw new Error(
      `${examples}: no examples are left${bad.first ? `; the first bad line was ${bad.first}` : ''}. ${remedy.slice(0, -1)}.`,
    );
}

/** Names by the order of their coming. */
class Numbers {
  private readonly numbers = new Map<string, number>();
  private readonly names: string[] = [];

  get size(): number {
    return this.names.length;
  }

  /** The number of a name, a new one if it is new. */
  of(name: string): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    this.numbers.set(name, this.size);
    this.names.push(name);
    return this.size - 1;
  }

  find(name: string): number | undefined {
    return this.numbers.get(name);
  }

  nameOf(number: number): string {
    return this.names[number];
  }
}

async function readRows(
  { examples, qrels }: IdPaths,
  queries: Numbers,
  passages: Numbers,
  bad: BadLines,
): Promise<Row[]> {
  const judged = qrels === undefined ? undefined : await positivesOf(qrels);
  const rows: Row[] = [];
  let isFirst = true;
  for await (const { at, text } of textLines(examples)) {
    if (text.trim() === '') continue;
    const [query, ...cells] = cellsOf(text);
    const isHeader = isFirst && IDS.includes(query.toLowerCase());
    if (isFirst) refuseJudgements(at, cells);
    isFirst = false;
    if (isHeader) continue;
    if (judged && cells.length > 1)
      throw new Error(
        `${at}: has ${cells.length + 1} columns, but beside judgements a line is a query and a list of negatives, such as 12<tab>3,4,5. Correct the line, or leave the judgements out.`,
      );
    const [first, others] = [listOf(cells[0] ?? ''), cells.slice(1).flatMap(listOf)];
    const [positives, negatives] = judged ? [judged.get(query) ?? [], first] : [first, others];
    if (cells.length === 0)
      bad.add(`${at}: has 1 column, expected ids: a query, a passage that answers it, and any that do not`);
    else if ([query, ...cells].includes('') || first.includes('') || others.includes(''))
      bad.add(`${at}: an id is empty`);
    else if (positives.length === 0)
      bad.add(`${at}: no passage answers the query ${JSON.stringify(query)} in ${qrels}`);
    else {
      const numbers = (ids: readonly string[]) => ids.map((id) => passages.of(id));
      rows.push({ at, query: queries.of(query), positives: numbers(positives), negatives: numbers(negatives) });
    }
  }
  return rows;
}

/** Judgements would pass for triples whose every positive is 0. */
function refuseJudgements(at: string, cells: readonly string[]): void {
  if (cells.length === 3 && /^(0|Q0)$/i.test(cells[0]) && /^[0-4]$/.test(cells[2]))
    throw new Error(
      `${at}: looks like TREC's judgements, expected ids: a query, a passage that answers it, and any that do not. Keep two columns, query and passage.`,
    );
}

const cellsOf = (line: string): string[] => {
  const cells = line.includes('\t') ? line.split('\t') : line.trim().split(/\s+/);
  return cells.map((cell) => cell.trim());
};

const listOf = (cell: string): string[] => cell.split(',').map((id) => id.trim());

/** Which passages answer each query: lists of them, or judgements. */
async function positivesOf(path: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for await (const { at, text } of textLines(path)) {
    if (text.trim() === '') continue;
    const [query, list, ...more] = cellsOf(text);
    if (more.length > 0 && found.size === 0) return judgedIn(path);
    if (list === undefined || more.length > 0)
      throw new Error(
        `${at}: has ${more.length + 1 + Number(list !== undefined)} columns, expected a query and the passages that answer it, such as 12<tab>3; correct the line.`,
      );
    found.set(query, [...(found.get(query) ?? []), ...listOf(list)]);
  }
  return found;
}

async function judgedIn(path: string): Promise<Map<string, string[]>> {
  const { qrels } = await readJudgements([path]);
  return new Map(
    Array.from(qrels, ([query, judged]) => [query, [...judged].flatMap(([id, grade]) => (grade >= 1 ? [id] : []))]),
  );
}

/** The texts of those queries that are named. */
async function textsOf(path: string, numbers: Numbers) {
  const texts: string[] = [];
  for (const { id, text } of await readQueries(path)) {
    const number = numbers.find(id);
    if (number !== undefined) texts[number] = text;
  }
  return {
    text: (number: number): string => texts[number],
    problem: (number: number): string | undefined =>
      texts[number]?.trim() ? undefined : `the query ${JSON.stringify(numbers.nameOf(number))} has no text in ${path}`,
  };
}

/** The passages that are named, in a file: UTF-8, one after the other as they stand in the corpus. */
class PassageStore {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly numbers: Numbers,
    private readonly told: { readonly corpus: string; readonly first?: string },
    /** Where a passage begins and its bytes, by its number; -1 where the corpus lacks it. */
    private readonly places: { readonly begin: Float64Array; readonly size: Int32Array },
  ) {}

  static async write(
    corpus: string,
    numbers: Numbers,
    { scratch, field, signal, ...reading }: IdExampleOptions,
  ): Promise<PassageStore> {
    const begin = new Float64Array(numbers.size).fill(-1);
    const size = new Int32Array(numbers.size);
    let first: string | undefined;
    async function* chosen(): AsyncGenerator<Uint8Array> {
      let end = 0;
      for await (const document of documents(corpus, { ...reading, field, titled: true })) {
        signal?.throwIfAborted();
        first ??= document.id;
        const number = numbers.find(document.id);
        if (number === undefined) continue;
        if (begin[number] >= 0)
          throw new Error(
            `${document.file}:${document.line}: the id ${JSON.stringify(document.id)} comes twice, expected distinct ids; drop one of the two.`,
          );
        const bytes = Buffer.from(documentText(document));
        [begin[number], size[number]] = [end, bytes.length];
        end += bytes.length;
        yield bytes;
      }
    }
    await writeFileAtomic(scratch, chosen());
    return new PassageStore(scratch, await open(scratch), numbers, { corpus, first }, { begin, size });
  }

  problem(number: number): string | undefined {
    const { corpus, first } = this.told;
    if (this.places.begin[number] >= 0) return undefined;
    return `the passage ${JSON.stringify(this.numbers.nameOf(number))} has no text in ${corpus}, whose first id is ${JSON.stringify(first)}`;
  }

  async texts(numbers: readonly number[]): Promise<string[]> {
    const { begin, size } = this.places;
    const texts: string[] = [];
    for (const number of numbers) {
      const bytes = Buffer.alloc(size[number]);
      await this.file.read(bytes, 0, size[number], begin[number]);
      texts.push(bytes.toString());
    }
    return texts;
  }

  async close(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }
}
