// Pairs from raw text, without labels: two texts of a passage that should find each other, of several kinds mixed by weight.
import type { Random } from '../core/index.js';
import { cloze, crops, neighbours, slice, titled, twice, without, type Pair, type Passage } from '../retromae/index.js';

/** What a kind needs to know beyond the passage. */
export interface PairOptions {
  /** Shortest and longest crop, as shares of the passage. */
  readonly cropLeast: number;
  readonly cropMost: number;
  /** Chance that the sentence of a cloze stays in its passage. */
  readonly keepSentence: number;
  /** The id of "?", where the vocabulary has it. */
  readonly questionMark?: number;
}

/** Makes a pair of a passage; nothing where it has none of this kind. */
type Kind = (passage: Passage, random: Random, options: PairOptions) => Pair | undefined;

const kinds = {
  /** A title and what stands below it (the first block), or a later block of its document. */
  title: (passage) => {
    const { ids, heading = 0 } = passage;
    const title =
      heading > 0 ? slice(passage, 0, heading) : { ...twice(passage)[0], ids: passage.title, sentences: [0] };
    return title.ids.length === 0 || ids.length <= heading ? undefined : [title, slice(passage, heading, ids.length)];
  },
  /** Inverse cloze: a sentence and the rest of its passage, under its title. */
  cloze: (passage, random, { keepSentence }) => {
    if (passage.ids.length < 2) return undefined;
    return (passage.sentences.length > 1 ? cloze : stretch)(passage, random, keepSentence);
  },
  /** Two crops, which may overlap. */
  crop: (passage, random, { cropLeast, cropMost }) => crops(passage, random, { least: cropLeast, most: cropMost }),
  /** A passage and its neighbour in the document. */
  neighbour: (passage) => (passage.siblings.count < 2 ? undefined : neighbours(passage)),
  /** A sentence that ends with a question mark, and what follows it. */
  question: (passage, random, { questionMark }) => {
    const { ids, sentences, siblings } = passage;
    const ends = [...Array.from(sentences).slice(1), ids.length];
    const asked = ends.flatMap((end, i) => (questionMark !== undefined && ids[end - 1] === questionMark ? [i] : []));
    if (asked.length === 0) return undefined;
    const chosen = asked[random.below(asked.length)];
    const [from, to] = [sentences[chosen], ends[chosen]];
    const question = slice(passage, from, to);
    if (to < ids.length) return [question, slice(passage, to, ids.length)];
    return siblings.place + 1 < siblings.count ? [question, siblings.at(siblings.place + 1)] : undefined;
  },
} satisfies Record<string, Kind>;

/** Tokens of a stretch that stands for a sentence, at most. */
const STRETCH = 24;

/** A short stretch of a passage and what is around it: of text without ends of sentences, whose halves say too much. */
function stretch(passage: Passage, random: Random, keepSentence: number): Pair {
  const { length } = passage.ids;
  const tokens = Math.max(1, Math.min(STRETCH, Math.round(length * (0.1 + 0.2 * random.uniform()))));
  const from = random.below(length - tokens + 1);
  const rest = random.uniform() < keepSentence ? passage : without(passage, from, from + tokens);
  return [slice(passage, from, from + tokens), titled(rest)];
}

export type PairKind = keyof typeof kinds;
export const pairKinds = Object.keys(kinds) as PairKind[];

/** How often each kind, in shares of any sum. */
export type PairMix = Readonly<Partial<Record<PairKind, number>>>;

/** A mix as it is typed: `title:1,cloze:2`; a kind without a number weighs 1. @throws naming what is no kind, or no weight */
export function parseMix(text: string): PairMix {
  const parts = text.split(',').map((part) => part.trim().split(':'));
  const mix: Partial<Record<PairKind, number>> = {};
  for (const [name, weight = '1', ...more] of parts) {
    const kind = pairKinds.find((each) => each === name);
    if (!kind) throw new Error(`there is no kind of pairs ${JSON.stringify(name)}. They are ${pairKinds.join(', ')}.`);
    if (kind in mix) throw new Error(`${kind} is there twice. Name it once.`);
    const value = weight.trim() === '' || more.length > 0 ? NaN : Number(weight);
    if (!(value > 0 && value < Infinity))
      throw new Error(`${kind} weighs ${JSON.stringify([weight, ...more].join(':'))}; it must be a number above 0.`);
    mix[kind] = value;
  }
  return mix;
}

/**
 * A pair of one of the kinds that the passage has, drawn by weight; two crops of it where it has none of the mix.
 */
export function drawPair(passage: Passage, random: Random, mix: PairMix, options: PairOptions): Pair {
  const open = Object.entries(mix) as [PairKind, number][];
  while (open.length > 0) {
    let left = random.uniform() * open.reduce((sum, [, weight]) => sum + weight, 0);
    const chosen = Math.max(
      0,
      open.findIndex(([, weight]) => (left -= weight) < 0),
    );
    const [[kind]] = open.splice(chosen, 1);
    const pair = (kinds[kind] as Kind)(passage, random, options);
    if (pair) return pair;
  }
  return crops(passage, random, { least: options.cropLeast, most: options.cropMost });
}

/** Some of the tokens left out, each with the same chance, but never all: what is learnt must not hang on one word. */
export function dropTokens(ids: ArrayLike<number>, random: Random, chance: number): ArrayLike<number> {
  if (chance === 0) return ids;
  const kept = Array.from(ids).filter(() => random.uniform() >= chance);
  return kept.length > 0 ? kept : ids;
}
