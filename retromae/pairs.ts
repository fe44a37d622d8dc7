// Two texts of one example, for objectives that compare texts: which they are, and batches of them.
import type { Random } from '../core/index.js';
import type { Batch } from './batch.js';
import type { Generators } from './collator.js';
import { passageOf, type Example, type Passage } from './example.js';
import type { Collates } from './objective.js';

export type Pair = readonly [Passage, Passage];

/** Streams of an example's generator, beside those of the collator (0 and 1): which texts, and of the texts themselves. */
const PAIR = 2;
const TEXTS = 3;

/** Makes batches of pairs: the texts of an example side by side, collated as texts by another collator. */
export class PairCollator<B extends Batch> implements Collates<B> {
  constructor(
    private readonly texts: Collates<B>,
    private readonly pair: (passage: Passage, random: Random) => Pair,
  ) {}

  /** @throws as the collator of the texts, or if `generators` are not of each example */
  collate(examples: readonly Example[], generators: Generators): B {
    if (typeof generators !== 'function')
      throw new Error('pairs: each example needs a generator of its own. Give a function of its place in the batch.');
    const passages = examples.map(passageOf);
    const pairs = passages.flatMap((passage, i) => this.pair(passage, generators(i).fork(PAIR)));
    const batch = this.texts.collate(pairs, (text) => generators(text >> 1).fork(TEXTS + (text & 1)));
    // A passage of no known document is a document of its own.
    const documents = Int32Array.from(pairs, (_, text) => passages[text >> 1].documentId ?? -1 - (text >> 1));
    return { ...batch, documents };
  }
}

/** Tokens from .. to - 1 of a passage. */
export function slice(passage: Passage, from: number, to: number): Passage {
  const begun = Array.from(passage.sentences).filter((start) => start > from && start < to);
  const cut = (values: ArrayLike<number>) => Array.from({ length: to - from }, (_, i) => values[from + i]);
  return {
    ...passage,
    heading: 0,
    ids: cut(passage.ids),
    sentences: [0, ...begun.map((start) => start - from)],
    continues: passage.continues && cut(passage.continues),
  };
}

/** Two stretches of a passage, end to end; either may be empty. */
function spliced(first: Passage, second: Passage): Passage {
  const { length } = first.ids;
  const both = (a: ArrayLike<number>, b: ArrayLike<number>) => [...Array.from(a), ...Array.from(b)];
  const none = ({ ids }: Passage) => Array.from(ids, () => 0);
  return {
    ...second,
    heading: 0,
    ids: both(first.ids, second.ids),
    sentences: both(
      length > 0 ? first.sentences : [],
      second.ids.length > 0 ? Array.from(second.sentences).map((start) => start + length) : [],
    ),
    continues:
      (first.continues ?? second.continues) && both(first.continues ?? none(first), second.continues ?? none(second)),
  };
}

/** What lies before `from` and from `to` on, end to end. */
export const without = (passage: Passage, from: number, to: number): Passage =>
  spliced(slice(passage, 0, from), slice(passage, to, passage.ids.length));

/** The passage with its document's title before it. */
export const titled = (passage: Passage): Passage =>
  passage.title.length === 0 ? passage : spliced(passageOf(passage.title), passage);

/** The same text twice. */
export const twice = (passage: Passage): Pair => [passage, passage];

/** Two spans, each of a random length within shares of the passage's, at random places: they may overlap. */
export function crops(passage: Passage, random: Random, { least, most }: { least: number; most: number }): Pair {
  const { length } = passage.ids;
  const crop = () => {
    const tokens = Math.max(1, Math.round(length * (least + (most - least) * random.uniform())));
    const from = random.below(length - tokens + 1);
    return slice(passage, from, from + tokens);
  };
  return [crop(), crop()];
}

/** The two halves of a passage, cut at the sentence end that is nearest to its middle; one token is both. */
export function halves(passage: Passage): Pair {
  const { length } = passage.ids;
  if (length < 2) return twice(passage);
  const middle = length / 2;
  const nearest = (best: number, start: number) => (Math.abs(start - middle) < Math.abs(best - middle) ? start : best);
  // The first sentence begins at 0, which would leave nothing before it.
  const cut = Array.from(passage.sentences).slice(1).reduce(nearest, Infinity);
  const at = Number.isFinite(cut) ? cut : Math.ceil(middle);
  return [slice(passage, 0, at), slice(passage, at, length)];
}

/** The passage and another block of its document; the halves of a document of one block. */
export function relatives(passage: Passage, random: Random): Pair {
  const { count, place, at } = passage.siblings;
  if (count < 2) return halves(passage);
  return [passage, at((place + 1 + random.below(count - 1)) % count)];
}

/** The passage and the block after it, or before it where it is the last; the halves of a document of one block. */
export function neighbours(passage: Passage): Pair {
  const { count, place, at } = passage.siblings;
  if (count < 2) return halves(passage);
  return [passage, at(place + 1 < count ? place + 1 : place - 1)];
}

/** A random sentence of a passage, and the passage without it, or (with that chance) with it; the halves of a single sentence. */
export function cloze(passage: Passage, random: Random, keepSentence: number): Pair {
  const starts = Array.from(passage.sentences);
  if (starts.length < 2) {
    const [first, second] = halves(passage);
    return random.below(2) === 0 ? [first, titled(second)] : [second, titled(first)];
  }
  const chosen = random.below(starts.length);
  const [from, to] = [starts[chosen], starts[chosen + 1] ?? passage.ids.length];
  const rest = random.uniform() < keepSentence ? passage : without(passage, from, to);
  return [slice(passage, from, to), titled(rest)];
}
