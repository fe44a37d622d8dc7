// The summary of the data that stands before training, encoding and evaluation: a line, warnings, and a refusal.
import { lostShares, type DataCounts } from '../../data/pure.js';
import { formatCount, formatShare } from './format.js';

/** A share that is lost is warned of from here. */
const WARN_ABOVE = 0.05;

/**
 * `corpus.jsonl: 1,203 documents, 3,400,112 characters, 812,001 tokens in 6,801 blocks; [UNK] 0.1 %, cut 0.0 %; left out: 3 without text.`
 * @param what where the texts come from, or what they are
 */
export function dataLine(what: string, counts: DataCounts, texts = 'documents'): string {
  const { unknown, cut } = lostShares(counts);
  const blocks = counts.blocks === undefined ? '' : ` in ${formatCount(counts.blocks)} blocks`;
  const leftOut = Object.entries(counts.leftOut).map(([reason, count]) => `${formatCount(count)} ${reason}`);
  return (
    `${what}: ${formatCount(counts.documents)} ${texts}, ${formatCount(counts.characters)} characters, ` +
    `${formatCount(counts.tokens)} tokens${blocks}; [UNK] ${formatShare(unknown)}, cut ${formatShare(cut)}; ` +
    `left out: ${leftOut.join(', ') || 'none'}.`
  );
}

/** The same for a table: names and values. */
export function dataFacts(counts: DataCounts): [name: string, value: string][] {
  const { unknown, cut } = lostShares(counts);
  const { documents, characters, tokens, blocks } = counts;
  return [
    ...Object.entries({ documents, characters, tokens, ...(blocks !== undefined && { blocks }) }).map(
      ([name, count]): [string, string] => [name, formatCount(count)],
    ),
    ['tokens that are [UNK]', formatShare(unknown)],
    ['tokens cut', formatShare(cut)],
    ...Object.entries(counts.leftOut).map(([reason, count]): [string, string] => [
      `left out: ${reason}`,
      formatCount(count),
    ]),
  ];
}

/** A line for each share that is above 5 %. */
export function dataWarnings(what: string, counts: DataCounts): string[] {
  const { unknown, cut, leftOut } = lostShares(counts);
  const warnings = [
    [unknown, `of the tokens are [UNK]: the vocabulary does not know the text. Is it the vocabulary of this language?`],
    [cut, `of the tokens are beyond the model's longest sequence, and lost. Split long texts into passages.`],
    [leftOut, `of the texts are left out, for the reasons above. Are these the right file and field?`],
  ] as const;
  return warnings
    .filter(([share]) => share > WARN_ABOVE)
    .map(([share, fact]) => `Warning: ${what}: ${formatShare(share)} ${fact}`);
}

/**
 * Ends the work before it has begun where there is nothing to learn or to compare.
 * @param maxUnknown percent of the tokens that may be [UNK]
 * @throws naming the texts, the share and the flag
 */
export function refuseUnknown(what: string, counts: DataCounts, maxUnknown: number): void {
  const share = lostShares(counts).unknown;
  if (!(100 * share > maxUnknown)) return;
  throw new Error(
    `${what}: ${formatShare(share)} of ${formatCount(counts.tokens)} tokens are [UNK], more than --max-unknown ${maxUnknown} (percent). ` +
      'The vocabulary does not know this text: give that of its language, learn one from it, or raise --max-unknown.',
  );
}
