// One row of a file of records: its fields, or in what way it is none.

/** Why a row is left out: in words that rows share, so that they can be counted, and what is its own. */
export interface Problem {
  readonly reason: string;
  readonly detail?: string;
}

export type Fields = Readonly<Record<string, unknown>>;

export interface Row {
  /** From 1: the line where it begins, or in a file without lines its number. */
  readonly line: number;
  /** The place for errors: FILE:LINE, or "FILE row N". */
  readonly at: string;
  readonly content: { readonly fields: Fields } | { readonly problem: Problem };
}

export const INVALID_UTF8: Problem = { reason: 'invalid UTF-8' };

export const wordsOf = ({ reason, detail }: Problem): string => (detail ? `${reason} (${detail})` : reason);
