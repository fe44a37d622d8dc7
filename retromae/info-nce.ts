// InfoNCE (van den Oord et al., 2018, arXiv 1807.03748) between the texts of a batch of pairs.
//
// S[i][j] = similarity of text i and text j / temperature;  L = mean over i of -log softmax(S[i])[partner of i].
import { scope, tensor, type Tensor } from '../core/index.js';
import { notNegative, oneOf, option, positive, yesOrNo } from './options.js';

export const similarityOptions = {
  similarity: option('cosine', oneOf(['cosine', 'dot']), 'of two vectors, for contrastive objectives'),
  temperature: option(0.05, positive, 'what similarities are divided by'),
};

export const symmetric = option(false, yesOrNo, 'also from the second texts of the pairs to the first, and the mean');
export const contrastWeight = option(
  1,
  notNegative,
  'weight of the contrastive loss beside the others, also of two that are joined',
);

/** How the vectors of pairs are compared. */
export interface Comparison {
  readonly similarity: 'cosine' | 'dot';
  readonly temperature: number;
  /** Across: from the first texts to the second ones, and if symmetric back; all: from each to every other one. */
  readonly among: 'across' | 'all';
  readonly symmetric: boolean;
  /** What counts of the second texts' vectors [R, D], where passages are kept shorter than queries; only across. */
  passages?(vectors: Tensor): Tensor;
}

export interface Compared {
  loss: Tensor;
  /** Share of the texts whose partner is the most similar one. */
  accuracy: Tensor;
}

/** Score of what is no candidate: its share of a softmax is 0 in float32 as in float64. */
const OUT = -1e9;
/** Makes any difference of scores, but 0, more than 1. */
const SHARP = 1e12;

/**
 * Mean over rows of -log softmax(scores[i])[target_i], and the share of rows whose target has the greatest score.
 * @param scores [R, C]
 * @param targets column of each row
 * @param isOut whether a column is no candidate for a row; never asked of its target
 */
export function infoNce(
  scores: Tensor,
  targets: ArrayLike<number>,
  isOut: (row: number, column: number) => boolean = () => false,
): Compared {
  const [rows, columns] = scores.shape;
  const cells = (f: (row: number, column: number) => number) =>
    tensor(
      Float64Array.from({ length: rows * columns }, (_, i) => f(Math.floor(i / columns), i % columns)),
      [rows, columns],
      { backend: scores.backend },
    );
  return scope(() => {
    const open = scores.add(cells((row, column) => (column !== targets[row] && isOut(row, column) ? OUT : 0)));
    const top = open.detach().max(-1, true);
    const shifted = open.sub(top);
    const own = shifted.mul(cells((row, column) => Number(column === targets[row]))).sum(-1); // [R]
    const loss = shifted.exp().sum(-1).log().sub(own).mean();
    const zeros = own.detach().mul(0);
    return { loss, accuracy: own.detach().mul(SHARP).add(1).maximum(zeros).mean() };
  });
}

/** Whether rows i and columns j of a batch are texts of one document, which are never each other's negatives. */
const ofOne = (rows: ArrayLike<number>, columns: ArrayLike<number>) => (i: number, j: number) => rows[i] === columns[j];

/**
 * The contrastive loss of pairs: vectors [B, D], those of texts 2i and 2i + 1 being partners.
 * @param documents [B] of each text
 */
export function comparePairs(vectors: Tensor, documents: ArrayLike<number>, how: Comparison): Compared {
  const pairs = documents.length / 2;
  const scored = (a: Tensor, b: Tensor) => a.matmul(b.transpose()).mul(1 / how.temperature);
  return scope(() => {
    const z = how.similarity === 'cosine' ? vectors.normalize() : vectors;
    if (how.among === 'all') {
      const partners = Array.from(documents, (_, text) => text ^ 1);
      return infoNce(scored(z, z), partners, (i, j) => i === j || documents[i] === documents[j]);
    }
    const every = (side: number) => Array.from({ length: pairs }, (_, i) => 2 * i + side);
    const [first, second] = [every(0), every(1)];
    const { passages = (all: Tensor) => all } = how;
    const scores = scored(z.gather(first), passages(z.gather(second))); // [B / 2, B / 2]
    const same = ofOne(
      first.map((text) => documents[text]),
      second.map((text) => documents[text]),
    );
    const diagonal = first.map((_, i) => i);
    const there = infoNce(scores, diagonal, same);
    if (!how.symmetric) return there;
    const back = infoNce(scores.transpose(), diagonal, same);
    return {
      loss: there.loss.add(back.loss).mul(0.5),
      accuracy: there.accuracy.add(back.accuracy).mul(0.5),
    };
  });
}
