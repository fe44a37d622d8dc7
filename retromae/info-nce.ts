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

/** What is no candidate: whether a column is none for a row; never asked of its target. */
export type IsOut = (row: number, column: number) => boolean;

export interface InfoNceOptions {
  isOut?: IsOut;
  /** Columns whose score is more than this above that of the target are no candidates: false negatives, presumably. */
  margin?: number;
}

/** 1 where x is below 0, else 0. */
const isBelow = (x: Tensor): Tensor => {
  const zeros = x.mul(0);
  return x.mul(-SHARP).maximum(zeros).neg().maximum(zeros.sub(1)).neg();
};

/**
 * Mean over rows of -log softmax(scores[i])[target_i], and the share of rows whose target has the greatest score.
 * @param scores [R, C]
 * @param targets column of each row
 */
export function infoNce(
  scores: Tensor,
  targets: ArrayLike<number>,
  { isOut, margin = Infinity }: InfoNceOptions = {},
): Compared {
  const [rows, columns] = scores.shape;
  const constant = (fill: (cells: Float64Array) => void) => {
    const cells = new Float64Array(rows * columns);
    fill(cells);
    return tensor(cells, [rows, columns], { backend: scores.backend });
  };
  const target = constant((cells) => {
    for (let row = 0; row < rows; row++) cells[row * columns + targets[row]] = 1;
  });
  return scope(() => {
    let open = scores;
    if (isOut)
      open = open.add(
        constant((cells) => {
          for (let row = 0; row < rows; row++)
            for (let column = 0; column < columns; column++)
              if (column !== targets[row] && isOut(row, column)) cells[row * columns + column] = OUT;
        }),
      );
    if (margin < Infinity) {
      const now = open.detach();
      const limit = now.mul(target).sum(-1, true).add(margin);
      open = open.add(isBelow(limit.sub(now)).mul(OUT));
    }
    const shifted = open.sub(open.detach().max(-1, true));
    const own = shifted.mul(target).sum(-1); // [R]
    const loss = shifted.exp().sum(-1).log().sub(own).mean();
    // It is 0 where the target has the greatest score, else less.
    return { loss, accuracy: isBelow(own.detach()).neg().add(1).mean() };
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
      return infoNce(scored(z, z), partners, { isOut: (i, j) => i === j || documents[i] === documents[j] });
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
    const there = infoNce(scores, diagonal, { isOut: same });
    if (!how.symmetric) return there;
    const back = infoNce(scores.transpose(), diagonal, { isOut: same });
    return {
      loss: there.loss.add(back.loss).mul(0.5),
      accuracy: there.accuracy.add(back.accuracy).mul(0.5),
    };
  });
}
