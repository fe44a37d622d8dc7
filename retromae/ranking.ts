// Fine-tuning a bi-encoder: each query finds its passage among all passages of the batch. After DPR (Karpukhin et al., 2020,
// arXiv 2004.04906, section 3.2), with what sentence-transformers adds to it.
//
// S[i][j] = similarity of query i and passage j / temperature;   L = mean over i of -log softmax(S[i])[G i].
// Of each query there are G passages, rows G i to G i + G - 1, the positive first.
import { scope, type Tensor } from '../core/index.js';
import { infoNce, type Compared, type IsOut } from './info-nce.js';

/** How queries and passages are compared. */
export interface PassageRanking {
  readonly similarity: 'cosine' | 'dot';
  readonly temperature: number;
  /** Also from the positives to the queries, and the mean. */
  readonly symmetric?: boolean;
  /** Passages more similar to a query than its positive, by more than this, are no negatives of it. */
  readonly margin?: number;
  /** Matryoshka (Kusupati et al., 2022, arXiv 2205.13147): the losses of the first `dim` numbers, weighted and added up. */
  readonly dims?: readonly { readonly dim: number; readonly weight: number }[];
}

/**
 * @param queries [B, D]
 * @param passages [G B, D]
 * @param isOut whether a passage is no negative of a query: another of its positives; never asked of its own
 */
export function rankPassages(
  queries: Tensor,
  passages: Tensor,
  { dims = [{ dim: queries.shape[1], weight: 1 }], ...how }: PassageRanking,
  isOut?: IsOut,
): Compared {
  return scope(() => {
    const each = dims.map(({ dim, weight }) => {
      const cut = (x: Tensor) => (dim === x.shape[1] ? x : x.slice(1, 0, dim));
      const { loss, accuracy } = rankWhole(cut(queries), cut(passages), how, isOut);
      return { loss: loss.mul(weight), accuracy };
    });
    // What is found by the widest vectors is what a user sees.
    return { loss: each.map(({ loss }) => loss).reduce((a, b) => a.add(b)), accuracy: each[0].accuracy };
  });
}

function rankWhole(queries: Tensor, passages: Tensor, how: Omit<PassageRanking, 'dims'>, isOut?: IsOut): Compared {
  const { similarity, temperature, symmetric, margin = Infinity } = how;
  const [count, group] = [queries.shape[0], passages.shape[0] / queries.shape[0]];
  const [q, p] = similarity === 'cosine' ? [queries.normalize(), passages.normalize()] : [queries, passages];
  const own = Int32Array.from({ length: count }, (_, i) => group * i);
  const scaled = { margin: margin / temperature };
  const scores = q.matmul(p.transpose()).mul(1 / temperature); // [B, G B]
  const there = infoNce(scores, own, { ...scaled, isOut });
  if (!symmetric) return there;
  const positives = group === 1 ? scores : q.matmul(p.gather(own).transpose()).mul(1 / temperature); // [B, B]
  const back = infoNce(
    positives.transpose(),
    own.map((_, i) => i),
    { ...scaled, isOut: isOut && ((row, column) => isOut(column, group * row)) },
  );
  return { loss: there.loss.add(back.loss).mul(0.5), accuracy: there.accuracy.add(back.accuracy).mul(0.5) };
}

/** Similarity of each query with its own G passages, [B, G], not divided by a temperature. */
export function ownScores(queries: Tensor, passages: Tensor, similarity: PassageRanking['similarity']): Tensor {
  return scope(() => {
    const [count, group] = [queries.shape[0], passages.shape[0] / queries.shape[0]];
    const [q, p] = similarity === 'cosine' ? [queries.normalize(), passages.normalize()] : [queries, passages];
    const repeated = q.gather(Int32Array.from({ length: group * count }, (_, row) => Math.floor(row / group)));
    return repeated.mul(p).sum(-1).reshape([count, group]);
  });
}
