// Pairs of raw text as groups, in batches: drawn, thinned out, never each other's negatives where they are of one document.
import { passageOf, type Example } from '../retromae/index.js';
import type { Random } from '../core/index.js';
import type { WordPiece } from '../data/pure.js';
import { GroupCollator, type Group } from './groups.js';
import { drawPair, dropTokens, parseMix, type PairOptions } from './pair-kinds.js';

export interface PairRules extends Omit<PairOptions, 'questionMark'> {
  /** Kinds with weights, as they are typed: see `parseMix`. */
  readonly pairs: string;
  /** Share of the tokens that are left out of each text. */
  readonly tokenDrop: number;
  /** Longest text in tokens, [CLS] and [SEP] included. */
  readonly passageLength: number;
}

/** The stream of an example's generator that pairs are drawn from. */
const PAIRS = 2;

/**
 * Makes batches of pairs of passages.
 * @param keyOf what documents are told apart by; those of one key are never negatives of each other
 * @throws if there is no such kind of pairs
 */
export function pairCollator(
  tokenizer: Pick<WordPiece, 'cls' | 'sep' | 'unk' | 'encode'>,
  { pairs, tokenDrop, passageLength, ...rules }: PairRules,
  keyOf: (document: number) => number = (document) => document,
): GroupCollator<Example> {
  const [mark] = tokenizer.encode('?');
  const options = { ...rules, ...(mark !== tokenizer.unk && { questionMark: mark }) };
  const mix = parseMix(pairs);
  let strangers = 0; // passages of no known document, each one of its own
  const toGroup = (example: Example, generator: Random): Group => {
    const passage = passageOf(example);
    const random = generator.fork(PAIRS);
    const [query, positive] = drawPair(passage, random, mix, options);
    const key = passage.documentId === undefined ? --strangers : keyOf(passage.documentId);
    return {
      query: dropTokens(query.ids, random, tokenDrop),
      passages: [dropTokens(positive.ids, random, tokenDrop)],
      keys: [key],
      isKnown: (other) => other === key,
    };
  };
  return new GroupCollator({ tokenizer, queryLength: passageLength, passageLength }, toGroup);
}
