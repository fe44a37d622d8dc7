// What is in a text before work is spent on it: how much there is, what the vocabulary does not know, what is lost.

/** Counts of texts as a model will read them. Plain data: it goes into files and JSON output as it is. */
export interface DataCounts {
  /** Texts that are used. */
  documents: number;
  /** UTF-16 units of these. */
  characters: number;
  /** Of these texts, without [CLS] and [SEP]. */
  tokens: number;
  /** How many of the tokens are [UNK]. */
  unknown: number;
  /** How many of the tokens lie beyond the longest sequence, where the model does not see them. */
  cut: number;
  /** Blocks that pre-training reads; absent where each text is a sequence of its own. */
  blocks?: number;
  /** Texts that are not used, by reason. */
  leftOut: Record<string, number>;
  /** What was taken for a document, where a file does not say it: a line each. */
  taken: string[];
}

export const noCounts = (): DataCounts => ({
  ...{ documents: 0, characters: 0, tokens: 0, unknown: 0, cut: 0 },
  leftOut: {},
  taken: [],
});

/**
 * Adds a text to the counts.
 * @param ids of the whole text, without [CLS] and [SEP]
 */
export function countText(
  counts: DataCounts,
  text: string,
  ids: ArrayLike<number>,
  {
    unk,
    room = Infinity,
  }: {
    /** The id of [UNK]. */
    readonly unk: number;
    /** Tokens that the model sees of a text, without [CLS] and [SEP]; none: all. */
    readonly room?: number;
  },
): void {
  counts.documents++;
  counts.characters += text.length;
  counts.cut += Math.max(0, ids.length - room);
  countTokens(counts, ids, unk);
}

/** Adds tokens, for whoever has those of a text in parts. @param unk the id of [UNK] */
export function countTokens(counts: DataCounts, ids: ArrayLike<number>, unk: number): void {
  counts.tokens += ids.length;
  for (let i = 0; i < ids.length; i++) if (ids[i] === unk) counts.unknown++;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Whether a value is such counts, as JSON has them. */
export function isDataCounts(value: unknown): value is DataCounts {
  if (typeof value !== 'object' || value === null) return false;
  const { leftOut, taken, blocks = 0, ...counts } = value as Partial<DataCounts>;
  return (
    [blocks, counts.documents, counts.characters, counts.tokens, counts.unknown, counts.cut].every(isCount) &&
    typeof leftOut === 'object' &&
    Object.values(leftOut ?? [NaN]).every(isCount) &&
    Array.isArray(taken) &&
    taken.every((line) => typeof line === 'string')
  );
}

/** Shares in 0 .. 1 of what is lost; 0 of nothing. */
export function lostShares({ documents, tokens, unknown, cut, leftOut }: DataCounts) {
  const absent = Object.values(leftOut).reduce((sum, count) => sum + count, 0);
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  return { unknown: share(unknown, tokens), cut: share(cut, tokens), leftOut: share(absent, documents + absent) };
}
