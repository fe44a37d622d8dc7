// Corpora as streams of documents: files of records or text, standard input, BEIR folders, directories of these.
import { basename, relative } from 'node:path';
import { BadLines, type BadLinesOptions } from './bad-lines.js';
import { documentText, type Document } from './document.js';
import { documentOf, USUAL } from './fields.js';
import { DistinctIds } from './ids.js';
import { corpusFiles } from './layout.js';
import { readRecords, type Records } from './read/open.js';
import { INVALID_UTF8, wordsOf, type Problem } from './read/row.js';
import { nameOf, refuseReadOnce } from './read/source.js';
import { decide, takenLines, textsOf, type Split, type Unit } from './read/texts.js';

export interface CorpusOptions extends BadLinesOptions {
  /** Field of a row that holds the text. Default: the first that there is of text, contents, content, body, passage, document. */
  field?: string;
  /** What is a document in a .txt file. Default 'auto': a paragraph if blank lines stand between texts, else a line. */
  split?: Split;
  /** Whether an id that comes twice, or is empty or has blanks at its ends, is an error. Default false. */
  distinctIds?: boolean;
  /** Whether three columns without names, between tabs, are id, title and text, as of RocketQA's MS MARCO. Default false. */
  titled?: boolean;
  /** Gets one sentence for every bad row and every file passed over. */
  readonly onWarning?: (message: string) => void;
}

export interface CorpusReport {
  files: number;
  documents: number;
  /** UTF-16 units of all texts, their titles included. */
  characters: number;
  /** How many documents were left out, by reason: 'without text', 'malformed JSON', 'invalid UTF-8' and so on. */
  leftOut: ReadonlyMap<string, number>;
  /** What was taken for a document in .txt files, where there are any: a line for each kind. */
  taken: readonly string[];
}

/** The reason for leaving out a document whose text is empty. */
const WITHOUT_TEXT = 'without text';

/**
 * The documents of `path`, one after another, never all in memory. What `path` may be, gzipped or not:
 * - a file of records: .jsonl, .ndjson, .json (an array, or an object a line), .csv with a header, .tsv, .parquet. The
 *   text is in `field`, the id in `_id`, `id`, `docid` or the like (else it is FILE:LINE), the title in `title`;
 * - a .txt file, see `split`; the lines of a document are joined by a blank;
 * - `-`, standard input, or a pipe: what it holds is told by how it begins;
 * - a BEIR folder: its corpus alone;
 * - a directory of these, searched through in the order of names.
 *
 * Text is UTF-8, or UTF-16 with or without a byte order mark. A bad row (malformed JSON, no string in `field`, invalid
 * UTF-8) is left out, counted and named to `onWarning`. Iterating throws if the path cannot be read or is of another
 * kind or encoding, if there are more bad rows than `maxBadLines`, if ids are to be distinct and are not, and at the end
 * if there was no text at all. It may be iterated again (epochs), but for standard input and pipes; `report` counts the
 * latest iteration.
 */
export function documents(path: string, options: CorpusOptions = {}): Corpus {
  return new Corpus(path, options);
}

export class Corpus implements AsyncIterable<Document> {
  private counts: Counts;
  private wasRead = false;

  constructor(
    readonly path: string,
    private readonly options: CorpusOptions = {},
  ) {
    this.counts = noCounts(options);
  }

  /** Counts of the latest iteration, complete when that has ended. */
  get report(): CorpusReport {
    const { files, documents, characters, leftOut, taken } = this.counts;
    return { files, documents, characters, leftOut, taken: takenLines(taken) };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Document> {
    if (this.wasRead) await refuseReadOnce(this.path);
    this.wasRead = true;
    this.counts = noCounts(this.options);
    for await (const file of corpusFiles(this.path, this.options.onWarning)) {
      this.counts.files++;
      const read = (records: Records) => this.documentsOf(file, records);
      for await (const document of readRecords(file, this.usual(), read, this.options.titled)) {
        const text = documentText(document);
        if (text.trim() === '') {
          this.leaveOut(WITHOUT_TEXT);
          continue;
        }
        this.counts.documents++;
        this.counts.characters += text.length;
        yield document;
      }
    }
    this.refuseEmpty();
  }

  private usual(): ReadonlySet<string> {
    const { field } = this.options;
    return field === undefined ? USUAL : new Set([...USUAL, field.toLowerCase()]);
  }

  private documentsOf(file: string, records: Records): AsyncIterable<Document> {
    return records.format === 'text' ? this.texts(file, records) : this.records(file, records);
  }

  private async *records(file: string, { rows }: Records): AsyncGenerator<Document> {
    const { distinctIds, onWarning } = this.options;
    let hasIds = true;
    for await (const { line, at, content } of rows) {
      const record = 'problem' in content ? content.problem : documentOf(content.fields, this.options.field);
      if ('reason' in record) {
        this.bad(at, record);
        continue;
      }
      const { id = this.place(file, line), text, title } = record;
      if (distinctIds) {
        this.counts.ids.add(id, at);
        if (hasIds && record.id === undefined)
          onWarning?.(`${at}: no id, under any of the usual names, so that it is ${id}, as for all texts like it.`);
        hasIds &&= record.id !== undefined;
      }
      yield {
        id,
        text,
        ...(title !== '' && { title }),
        file,
        line,
      };
    }
  }

  private async *texts(file: string, { name, lines }: Records): AsyncGenerator<Document> {
    const { split = 'auto' } = this.options;
    const decided = await decide(split, lines);
    this.counts.taken.set(name, { unit: decided.unit, decided: split === 'auto' });
    for await (const { line, text } of textsOf(decided, name, (number) => this.bad(`${name}:${number}`, INVALID_UTF8)))
      yield { id: this.place(file, line), text, file, line };
  }

  private place(file: string, line: number): string {
    return `${relative(this.path, file) || basename(file)}:${line}`;
  }

  private leaveOut(reason: string): void {
    const { leftOut } = this.counts;
    leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  }

  private bad(at: string, problem: Problem): void {
    this.leaveOut(problem.reason);
    this.counts.bad.add(`${at}: ${wordsOf(problem)}`);
  }

  private refuseEmpty(): void {
    const { documents: count, files, leftOut, bad } = this.counts;
    if (count > 0) return;
    const facts =
      files === 0
        ? 'it holds no file of texts'
        : `of ${files} file(s), left out: ${[...leftOut].map(([reason, n]) => `${n} ${reason}`).join(', ') || 'nothing'}`;
    const first = bad.first ? ` The first bad line was ${bad.first}.` : '';
    throw new Error(
      `corpus: ${nameOf(this.path)}: there is no text (${facts}), expected at least one document.${first} Check the path and the field.`,
    );
  }
}

interface Counts {
  files: number;
  documents: number;
  characters: number;
  readonly bad: BadLines;
  readonly leftOut: Map<string, number>;
  readonly taken: Map<string, { unit: Unit; decided: boolean }>;
  readonly ids: DistinctIds;
}

const noCounts = (options: CorpusOptions): Counts => ({
  ...{ files: 0, documents: 0, characters: 0 },
  bad: new BadLines('corpus', (shown) => `Mend the file, choose another ${shown('field')},`, options),
  ...{ leftOut: new Map<string, number>(), taken: new Map<string, { unit: Unit; decided: boolean }>() },
  ids: new DistinctIds(),
});
