// DupMAE's representation as what contrastive objectives compare (Xiao et al., 2023, arXiv 2305.02564; nn/representation.ts).
import type { Random, Tensor } from '../core/index.js';
import { Representation, wordActivations, type BertConfig, type BertForMaskedLM } from '../nn/index.js';
import type { Batch } from './batch.js';
import { constant, HIDDEN, naiveStates, logitsOf } from './naive.js';
import type { Contradiction } from './objective.js';
import { integer, oneOf, option, type OptionsOf } from './options.js';

export const representOptions = {
  represent: option('cls', oneOf(['cls', 'dupmae']), 'what is compared: vectors, or dense numbers and words (DupMAE)'),
  keptWords: option(0, integer(0), 'words that are kept of a passage; 0: half the hidden size'),
  wordActivation: option('log1p_relu', oneOf(wordActivations), 'of the greatest logits, log(1 + relu) or nothing'),
};

export type RepresentOptions = OptionsOf<typeof representOptions>;

/** The head's module where a representation is trained: model folders keep it by this name. */
export interface Representing {
  readonly cls_projection?: Representation;
}

/** @throws if more words are asked for than there are */
export function representing(
  config: BertConfig,
  random: Random,
  { represent = 'cls', keptWords = 0, wordActivation: activation = 'log1p_relu' }: Partial<RepresentOptions>,
): Representing {
  if (represent === 'cls') return {};
  const k = keptWords || Math.min(Math.max(1, Math.floor(config.hidden_size / 2)), config.vocab_size);
  return { cls_projection: new Representation(config, random, { k, activation }) };
}

/** Why options do not go together. */
export function wrongRepresentation({
  represent = 'cls',
  keptWords = 0,
  similarity,
}: Partial<RepresentOptions> & { readonly similarity: string }): Contradiction | undefined {
  if (represent === 'cls')
    return keptWords > 0
      ? { option: 'keptWords', wanted: '0, as no words are kept without represent dupmae' }
      : undefined;
  const wanted = "dot, as the words and numbers of DupMAE's representation are compared by dot product";
  return similarity === 'dot' ? undefined : { option: 'similarity', wanted };
}

/** The vectors [a | m] of unmasked texts written naively: [B, width]. */
export function naiveVectors(encoder: BertForMaskedLM, { weight, activation }: Representation, batch: Batch): Tensor {
  const { hidden, attention_mask } = naiveStates(encoder, batch); // [B, T, H]
  const [count, , width] = hidden.shape;
  const outside = attention_mask.map((row) => row.map((mask, p) => [mask && p > 0 ? 0 : HIDDEN]));
  const mu = logitsOf(encoder, hidden).add(constant(encoder, outside)).max(1); // [B, V]
  const a = hidden.slice(1, 0, 1).reshape([count, width]).matmul(weight.transpose());
  return a.concat(activation === 'raw' ? mu : mu.maximum(constant(encoder, 0)).add(1).log(), 1);
}

/** Makes any difference of weights, but 0, more than 1. */
const SHARP = 1e12;

/** Of vectors [B, width], the words that fewer than k others outweigh, written naively; of equal ones, all: they are 0. */
export function naiveKept({ k, dense, words }: Representation, vectors: Tensor): Tensor {
  const [count] = vectors.shape;
  const m = vectors.detach().slice(1, dense, dense + words);
  const zero = m.mul(0).reshape([count, words, 1]);
  const sign = (x: Tensor) => x.mul(SHARP).maximum(zero).neg().maximum(zero.sub(1)).neg(); // 1 above 0, else 0
  const heavier = sign(m.reshape([count, 1, words]).sub(m.reshape([count, words, 1]))).sum(-1); // [B, V]
  const stays = sign(heavier.sub(k).neg().reshape([count, words, 1])).reshape([count, words]);
  const all = vectors.detach().slice(1, 0, dense).mul(0).add(1);
  return vectors.mul(all.concat(stays, 1));
}
