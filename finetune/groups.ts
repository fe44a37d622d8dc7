// Batches of groups: each a query with its passages, the first of which answers it.
import type { Random } from '../core/index.js';
import { packPairs, packSequences, type PackedPairs, type PackedSequences } from '../data/pure.js';
import type { Batch, Collates } from '../retromae/index.js';

/** A query and G passages, the positive first. */
export interface Group {
  /** Token ids, without [CLS] and [SEP]. */
  readonly query: ArrayLike<number>;
  readonly passages: readonly ArrayLike<number>[];
  /** What tells passages apart, one a passage: those of one key are one. */
  readonly keys: readonly number[];
  /** Whether a passage with this key answers the query too. */
  isKnown(key: number): boolean;
  /** A teacher's scores of the passages. */
  readonly scores?: readonly number[];
}

/** Texts i (G + 1) are queries i, each followed by its passages; or each text is a query with one of its passages. */
export interface GroupBatch extends Batch {
  /** [N] token types, where query and passage are one text: 0 of the query, 1 of the passage. */
  readonly types?: Int32Array;
  /** [1], G. */
  readonly group: Int32Array;
  /** Pairs (query, passage), by their places among queries and among passages, that are no negatives: false ones. */
  readonly ignored: Int32Array;
  /** [queries, G] */
  readonly teacher?: Float32Array;
}

export interface GroupRules {
  readonly tokenizer: { readonly cls: number; readonly sep: number };
  /** Longest sequences, [CLS] and [SEP] included. */
  readonly queryLength: number;
  readonly passageLength: number;
  /** Whether query and passage are one text, of at most `passageLength`: for cross-encoders. Default false. */
  readonly joined?: boolean;
}

/** Makes batches of whatever becomes groups of one size. */
export class GroupCollator<E> implements Collates<GroupBatch, E> {
  constructor(
    private readonly rules: GroupRules,
    private readonly toGroup: (example: E, random: Random) => Group,
  ) {}

  /** @throws if `generators` are not of each example */
  collate(examples: readonly E[], generators: Parameters<Collates<GroupBatch>['collate']>[1]): GroupBatch {
    if (typeof generators !== 'function')
      throw new Error('groups: each example needs a generator of its own. Give a function of its place in the batch.');
    const groups = examples.map((example, i) => this.toGroup(example, generators(i)));
    const packed = this.pack(groups);
    const scores = groups.flatMap((group) => group.scores ?? []);
    return {
      ...packed,
      group: Int32Array.of(groups[0].passages.length),
      ignored: Int32Array.from(falseNegatives(groups)),
      ...(scores.length > 0 && { teacher: Float32Array.from(scores) }),
    };
  }

  private pack(groups: readonly Group[]): PackedSequences | PackedPairs {
    const { tokenizer, queryLength, passageLength, joined } = this.rules;
    const texts = groups.map(({ query, passages }) => ({
      query: cut(query, queryLength),
      passages: passages.map((passage) => cut(passage, passageLength)),
    }));
    if (joined) {
      const pairs = texts.flatMap(({ query, passages }) => passages.map((passage) => [query, passage] as const));
      return packPairs(pairs, tokenizer, passageLength);
    }
    const all = texts.flatMap(({ query, passages }) => [query, ...passages]);
    return packSequences(all, tokenizer, Math.max(queryLength, passageLength));
  }
}

const cut = (ids: ArrayLike<number>, length: number): ArrayLike<number> =>
  ids.length <= length - 2 ? ids : Array.prototype.slice.call(ids, 0, length - 2);

/** Of every query the passages of others, and of its own, that answer it too. */
function falseNegatives(groups: readonly Group[]): number[] {
  const keys = groups.flatMap((group) => group.keys);
  const places = new Map<number, number[]>();
  keys.forEach((key, place) => places.set(key, [...(places.get(key) ?? []), place]));
  const size = groups[0].keys.length;
  return groups.flatMap(({ isKnown }, query) =>
    [...places].flatMap(([key, all]) =>
      isKnown(key) ? all.flatMap((place) => (place === size * query ? [] : [query, place])) : [],
    ),
  );
}
