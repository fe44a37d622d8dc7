// One text of a corpus, and where it came from.

export interface Document {
  /** Unique within its corpus. */
  readonly id: string;
  readonly text: string;
  /** What stands above the text and is no part of it; `documentText` puts the two together. */
  readonly title?: string;
  /** The file, and the line in it (from 1) where the text begins; neither where the text was made in memory. */
  readonly file?: string;
  readonly line?: number;
}

/** The string of a document that is searched: title, a space, text, as BEIR has it; the text alone without a title. */
export const documentText = ({ title = '', text }: Pick<Document, 'title' | 'text'>): string =>
  title === '' ? text : `${title} ${text}`;
