// Corpora on disk as streams of documents: .jsonl, .txt, BEIR folders (Thakur et al. 2021), and directories of these.
import type { Dirent, Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { documentText, type Document } from './document.js';
import { fieldsOf, lines } from './lines.js';
import { OptionError } from './option-error.js';

export interface CorpusOptions {
  /** Field of a .jsonl line that holds the text. Default 'text'. */
  field?: string;
  /** What a document of a .txt file is: a line, what stands between blank lines ('auto' too), or the file. Default 'auto'. */
  split?: 'auto' | 'line' | 'blank' | 'file';
  /** More bad lines than this end the reading with an error. Default 100. */
  maxBadLines?: number;
  /** Gets one sentence for every bad line and every file passed over. */
  onWarning?: (message: string) => void;
}

export interface CorpusReport {
  files: number;
  documents: number;
  /** UTF-16 units of all texts. */
  characters: number;
  /** Documents and lines left out, by reason. */
  leftOut: ReadonlyMap<string, number>;
  /** What was taken for a document, where the files do not say it. */
  taken: readonly string[];
}

/** Why a document is left out that has no text. */
const EMPTY = 'without text';
/** The name that BEIR gives a corpus. */
const BEIR_CORPUS = 'corpus.jsonl';

/**
 * The documents of `path`, one after another, never all in memory. What `path` may be:
 * - a `.jsonl` file: one JSON object a line; the text is in `field`, the id in `_id` or `id`, the title in `title`;
 * - a `.txt` file: documents are paragraphs, separated by blank lines; the lines of a paragraph are joined by a blank;
 * - a BEIR folder: its `corpus.jsonl` alone, each text being the `documentText` of title and text, and no title beside it;
 * - a directory of these, searched through in the order of names.
 *
 * A bad line (malformed JSON, not an object, no string in `field`, invalid UTF-8) is left out, counted and named to
 * `onWarning`. Iterating throws if the path is not there or cannot be read, if there are more than `maxBadLines`, and
 * at the end if there was no text at all. It may be iterated again (epochs); `report` counts the latest iteration.
 */
export function documents(path: string, options: CorpusOptions = {}): Corpus {
  return new Corpus(path, options);
}

export class Corpus implements AsyncIterable<Document> {
  /** Counts of the latest iteration, complete when that has ended. */
  get report(): CorpusReport {
    return this.counts;
  }
  private counts = emptyReport();
  private badLines = 0;
  private firstBad: string | undefined;
  private readonly field: string;
  private readonly maxBadLines: number;

  constructor(
    readonly path: string,
    private readonly options: CorpusOptions = {},
  ) {
    this.field = options.field ?? 'text';
    this.maxBadLines = options.maxBadLines ?? 100;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Document> {
    this.counts = emptyReport();
    this.badLines = 0;
    this.firstBad = undefined;
    for await (const file of this.files(this.path, await this.look(this.path))) {
      this.counts.files++;
      const source = extname(file) === '.txt' ? this.paragraphs(file) : this.jsonLines(file);
      for await (const document of source) {
        if (document.text.trim() === '') {
          this.leaveOut(EMPTY);
          continue;
        }
        this.counts.documents++;
        this.counts.characters += document.text.length;
        yield document;
      }
    }
    this.refuseEmpty();
  }

  private async look(path: string): Promise<Stats> {
    try {
      return await stat(path);
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  /** The files to read, in the order of names by UTF-16 units, which is the same everywhere. */
  private async *files(path: string, found: Stats): AsyncGenerator<string> {
    if (!found.isDirectory()) {
      if (!isCorpusFile(path)) {
        throw new Error(
          `corpus: ${path} is neither .jsonl nor .txt, expected one of these or a folder of them. Rename or convert it.`,
        );
      }
      yield path;
      return;
    }
    let entries: Dirent[];
    try {
      entries = await readdir(path, { withFileTypes: true });
    } catch (error) {
      throw unreadable(path, error);
    }
    if (entries.some(({ name }) => name === BEIR_CORPUS)) {
      yield join(path, BEIR_CORPUS);
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory() || isCorpusFile(inner)) yield* this.files(inner, await this.look(inner));
      else this.options.onWarning?.(`${inner}: passed over, neither .jsonl nor .txt`);
    }
  }

  private async *jsonLines(file: string): AsyncGenerator<Document> {
    const beir = basename(file) === BEIR_CORPUS;
    for await (const { number: line, text: content } of this.lines(file)) {
      if (content.trim() === '') continue;
      let fields: Record<string, unknown>;
      try {
        fields = fieldsOf(content);
      } catch (error) {
        this.bad(file, line, (error as Error).message);
        continue;
      }
      const text = fields[this.field];
      if (typeof text !== 'string') {
        this.bad(
          file,
          line,
          `no string in field '${this.field}' (fields: ${Object.keys(fields).join(', ') || 'none'})`,
        );
        continue;
      }
      const id = fields._id ?? fields.id;
      const title = typeof fields.title === 'string' ? fields.title.trim() : '';
      yield {
        id: typeof id === 'string' || typeof id === 'number' ? String(id) : this.place(file, line),
        text: beir ? documentText({ title, text }) : text,
        ...(title !== '' && !beir && { title }),
        file,
        line,
      };
    }
  }

  private async *paragraphs(file: string): AsyncGenerator<Document> {
    const { split = 'auto' } = this.options;
    let paragraph: string[] = [];
    let first = 0;
    const document = (): Document => ({ id: this.place(file, first), text: paragraph.join(' '), file, line: first });
    for await (const { number, text } of this.lines(file)) {
      if (text.trim() !== '') {
        if (paragraph.length === 0) first = number;
        paragraph.push(text);
        if (split !== 'line') continue;
      }
      if (paragraph.length > 0 && split !== 'file') {
        yield document();
        paragraph = [];
      }
    }
    if (paragraph.length > 0) yield document();
  }

  /** The lines that are valid UTF-8. */
  private async *lines(file: string): AsyncGenerator<{ number: number; text: string }> {
    for await (const { number, text } of lines(file)) {
      if (text === null) this.bad(file, number, 'invalid UTF-8');
      else yield { number, text };
    }
  }

  private place(file: string, line: number): string {
    return `${relative(this.path, file) || basename(file)}:${line}`;
  }

  private bad(file: string, line: number, reason: string): void {
    const message = `${file}:${line}: ${reason}`;
    this.firstBad ??= message;
    this.options.onWarning?.(message);
    this.leaveOut(reason.replace(/ \(.*/, ''));
    const badLines = ++this.badLines;
    if (badLines <= this.maxBadLines) return;
    throw new OptionError(
      (shown) =>
        `corpus: ${message}; that makes ${badLines} bad lines, expected at most ${this.maxBadLines}. The first was ${this.firstBad}. Mend the file, choose another ${shown('field')}, or raise ${shown('maxBadLines')}.`,
    );
  }

  private leaveOut(reason: string): void {
    const { leftOut } = this.counts;
    leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  }

  private refuseEmpty(): void {
    const { documents: count, files, leftOut } = this.report;
    if (count > 0) return;
    const facts =
      files === 0
        ? 'it holds no .jsonl or .txt file'
        : `of ${files} file(s), ${leftOut.get(EMPTY) ?? 0} documents were empty and ${this.badLines} lines bad`;
    const first = this.firstBad ? ` The first bad line was ${this.firstBad}.` : '';
    throw new Error(
      `corpus: ${this.path}: there is no text (${facts}), expected at least one document.${first} Check the path and the field.`,
    );
  }
}

const emptyReport = () => ({ files: 0, documents: 0, characters: 0, leftOut: new Map<string, number>(), taken: [] });

const isCorpusFile = (path: string): boolean => ['.jsonl', '.txt'].includes(extname(path));

const unreadable = (path: string, error: unknown): Error =>
  new Error(
    `corpus: ${path} cannot be read (${(error as Error).message}), expected a .jsonl or .txt file, a BEIR folder, or a directory of these. Check the path and its permissions.`,
    { cause: error },
  );
