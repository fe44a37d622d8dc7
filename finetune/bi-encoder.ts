// What a bi-encoder is trained by: the losses of the vectors of queries and passages, whole or in chunks.
import { Ids, Sequences, type Random, type Tensor } from '../core/index.js';
import type { Losses, MicroBatch, TextModel } from '../nn/index.js';
import {
  gradientCache,
  klDistillation,
  marginMse,
  ownScores,
  partsOf,
  rankPassages,
  type PassageRanking,
  type Scalars,
} from '../retromae/index.js';
import type { GroupBatch } from './groups.js';

/** How a student learns from a teacher's scores. */
export const distillations = ['kl', 'kl-authors', 'margin-mse'] as const;

export interface BiEncoderOptions extends PassageRanking {
  /** From a teacher's scores, beside or instead of the ranking. */
  readonly distill?: {
    readonly loss: (typeof distillations)[number];
    /** What both scores are divided by (kl). */
    readonly temperature: number;
    /** Of the ranking beside it. */
    readonly contrastWeight: number;
  };
}

export const rankingScalars = {
  contrast: { unit: 'nats', label: 'contrast', tag: 'loss/contrast' },
  retrieved: { unit: 'accuracy', label: 'passage found', tag: 'accuracy/contrast' },
} satisfies Scalars;

export const distillScalars = {
  ...rankingScalars,
  distill: { unit: 'number', label: 'off the teacher', tag: 'loss/distill' },
} satisfies Scalars;

/** The losses of a batch, in chunks of so many texts by gradient caching, or (0) at once. */
export const biEncoderLosses = (
  model: TextModel,
  batch: GroupBatch,
  options: BiEncoderOptions,
  chunk: number,
  random?: Random,
): MicroBatch => {
  const encode = ({ ids, offsets }: GroupBatch, of?: Random): Tensor =>
    model.encode(new Ids(ids), new Sequences(offsets), { random: of });
  if (chunk === 0) return () => betweenTexts(encode(batch, random), batch, options);
  return {
    parts: (weight) =>
      gradientCache(
        {
          chunks: partsOf(batch, chunk),
          encode: (part, i) => ({ h: encode(part, random?.fork(i)) }),
          loss: (h) => betweenTexts(h, batch, options),
        },
        weight,
      ),
  };
};

/** The losses of all vectors of a batch [texts, D]. @throws if there is to be a teacher, and the batch has no scores of one */
export function betweenTexts(h: Tensor, { group, ignored, teacher }: GroupBatch, options: BiEncoderOptions): Losses {
  const [size] = group;
  const queries = h.shape[0] / (size + 1);
  const rows = Array.from({ length: h.shape[0] }, (_, row) => row);
  const q = h.gather(rows.filter((row) => row % (size + 1) === 0)); // [B, D]
  const p = h.gather(rows.filter((row) => row % (size + 1) !== 0)); // [G B, D]
  const out = new Set<number>();
  for (let i = 0; i < ignored.length; i += 2) out.add(ignored[i] * size * queries + ignored[i + 1]);
  const isOut = out.size > 0 ? (row: number, column: number) => out.has(row * size * queries + column) : undefined;
  const { loss: contrast, accuracy: retrieved } = rankPassages(q, p, options, isOut);
  const { distill } = options;
  if (!distill) return { loss: contrast, contrast, retrieved };
  if (!teacher) throw new Error('distillation: the batch has no scores of a teacher. Give examples with scores.');
  const theirs = Array.from({ length: queries }, (_, i) => Array.from(teacher.subarray(i * size, (i + 1) * size)));
  const off = offTeacher(ownScores(q, p, options.similarity), theirs, distill);
  return { loss: off.add(contrast.mul(distill.contrastWeight)), distill: off, contrast, retrieved };
}

function offTeacher(
  scores: Tensor,
  teacher: number[][],
  { loss, temperature }: NonNullable<BiEncoderOptions['distill']>,
): Tensor {
  if (loss === 'margin-mse') return marginMse(scores, teacher);
  return klDistillation(scores, teacher, { temperature, mean: loss === 'kl' ? 'queries' : 'elements' });
}
