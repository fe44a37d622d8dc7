// What a batch is made of: blocks of text, and what is known of where they stand in their documents.

/** A block of a document's text. */
export interface Passage {
  /** Its tokens, without [CLS] and [SEP]. */
  readonly ids: ArrayLike<number>;
  /** Where in `ids` each of its sentences begins: ascending, from 0. */
  readonly sentences: ArrayLike<number>;
  /** 1 where a token goes on with the word of the one before it, where more is known of words than the vocabulary says. */
  readonly continues?: ArrayLike<number>;
  /** Tokens of its document's title, where it does not begin with it; empty where there is none. */
  readonly title: ArrayLike<number>;
  /** How many of its tokens, at the beginning, are that title; 0 if not given. */
  readonly heading?: number;
  /** Number of its document; no two passages of one document are each other's negatives. Undefined: one of its own. */
  readonly documentId?: number;
  /** All blocks of its document, this among them. */
  readonly siblings: Siblings;
}

/** The blocks of one document, in its order. */
export interface Siblings {
  readonly count: number;
  /** Which of them the passage is that has these siblings, from 0. */
  readonly place: number;
  at(place: number): Passage;
}

/** A passage, or tokens of which less is known: one sentence, without a title, a document of its own, where not said otherwise. */
export type Example = (Partial<Passage> & Pick<Passage, 'ids'>) | ArrayLike<number>;

/** Examples by index: an array in memory, or a file. */
export interface Examples<E = Example> {
  readonly length: number;
  at(index: number): E | undefined;
}

/** The tokens of an example. */
export const idsOf = (example: Example): ArrayLike<number> => ('ids' in example ? example.ids : example);

/** What is known of its words, beyond what the vocabulary says. */
export const continuesOf = (example: Example): ArrayLike<number> | undefined =>
  'ids' in example ? example.continues : undefined;

const isPassage = (example: Example): example is Passage => 'siblings' in example;

/** An example with all that is known of it. */
export function passageOf(example: Example): Passage {
  if (isPassage(example)) return example;
  const passage: Passage = {
    ...{ sentences: [0], title: [] },
    ...('ids' in example ? example : { ids: example }),
    siblings: { count: 1, place: 0, at: () => passage },
  };
  return passage;
}
