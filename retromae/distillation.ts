// Learning from a teacher's scores s* of the same passages (a cross-encoder's, mostly). s: the student's, both [B, G].
import { scope, tensor, type Tensor } from '../core/index.js';

/** Rows of a batch of scores. */
type Scores = readonly (readonly number[])[];

export interface KlOptions {
  /** What both scores are divided by. */
  readonly temperature?: number;
  /**
   * 'queries': sum over passages, mean over queries, times temperature^2, as Hinton et al. (2015, arXiv 1503.02531) and
   * sentence-transformers have it; 'elements': the mean over all B G elements, as RetroMAE's authors have it.
   */
  readonly mean?: 'queries' | 'elements';
}

/** KL divergence of softmax(s*) from softmax(s): sum over passages of p (log p - log softmax(s)), p = softmax(s*). */
export function klDistillation(
  scores: Tensor,
  teacher: Scores,
  { temperature = 1, mean = 'queries' }: KlOptions = {},
): Tensor {
  const [count, group] = scores.shape;
  const shares = teacher.map((row) => softmax(row.map((score) => score / temperature)));
  const constant = shares.flat().reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
  const divisor = mean === 'queries' ? count / temperature ** 2 : count * group;
  return scope(() => {
    const scaled = scores.mul(1 / temperature);
    const shifted = scaled.sub(scaled.detach().max(-1, true));
    const logShares = shifted.sub(shifted.exp().sum(-1, true).log()); // [B, G]
    const p = tensor(Float64Array.from(shares.flat()), [count, group], { backend: scores.backend });
    return logShares
      .mul(p)
      .sum()
      .neg()
      .add(constant)
      .mul(1 / divisor);
  });
}

/**
 * Margin-MSE (Hofstätter et al., 2020, arXiv 2010.02666): mean over queries and negatives j of ((s_0 - s_j) - (s*_0 - s*_j))^2.
 * @throws if there are no negatives
 */
export function marginMse(scores: Tensor, teacher: Scores): Tensor {
  const [count, group] = scores.shape;
  if (group < 2) throw new Error('marginMse: each query has one passage; it compares two or more. Give negatives.');
  const margins = teacher.flatMap(([first, ...others]) => others.map((score) => first - score));
  return scope(() => {
    const found = scores.slice(1, 0, 1).sub(scores.slice(1, 1, group)); // [B, G - 1]
    const off = found.sub(tensor(Float64Array.from(margins), [count, group - 1], { backend: scores.backend }));
    return off.mul(off).mean();
  });
}

function softmax(row: readonly number[]): number[] {
  const top = Math.max(...row);
  const exps = row.map((score) => Math.exp(score - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((each) => each / sum);
}
