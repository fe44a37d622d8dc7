// One text of a corpus, and where it came from.

export interface Document {
  /** Unique within its corpus. */
  id: string;
  text: string;
  title?: string;
  /** The file, and the line in it (from 1) where the text begins. */
  file: string;
  line: number;
}
