// DupMAE (Liu et al., 2023, arXiv 2305.02564): RetroMAE's enhanced decoding, and all tokens say what is in the text.
//
// mu[t] = max over positions but [CLS] of the logit of word t (section 3.2); w[t] = 1 / content tokens for each distinct t.
// L = L_enc + L_dec + bowWeight L_bow,  L_bow = mean over texts of - sum_t w[t] log softmax(mu)[t].
import { ops, scope, tensor, type Sequences, type Tensor } from '../../core/index.js';
import { BertLayer, type BertForMaskedLM } from '../../nn/index.js';
import { shareOfTexts, type Batch, type DecoderBatch } from '../batch.js';
import { Collator } from '../collator.js';
import { decodeEnhanced } from '../decoding.js';
import { encodeMasked, predict, scaled } from '../encoding.js';
import { bagOfWordsLoss, enhancedLoss, maskedLoss } from '../naive.js';
import { defineObjective, type Scalars } from '../objective.js';
import { notNegative, option, type OptionsOf } from '../options.js';
import { decoderNumbers, decoderOptions, decoderScalars, queries, queryHelp } from './retromae.js';

const options = {
  ...decoderOptions,
  query: option('B', queries, queryHelp),
  bowWeight: option(0.1, notNegative, "weight of DupMAE's bag of words"),
};

type Options = OptionsOf<typeof options>;

export const dupmae = defineObjective<Options, { readonly c_head: BertLayer }, DecoderBatch>({
  name: 'dupmae',
  title: 'DupMAE',
  summary: 'RetroMAE, and all tokens together say which words the text has',
  paper: 'https://arxiv.org/abs/2305.02564',
  options,
  scalars: {
    ...decoderScalars,
    bow: { unit: 'nats', label: 'bag of words', tag: 'loss/bow' },
  } satisfies Scalars,
  collator: ({ encoderMask, decoderMask }, texts) =>
    new Collator({ ...texts, encoderMask, decoderMask, decoder: 'enhanced' }),
  head: (config, random) => ({ c_head: new BertLayer(config, random) }),
  losses: (encoder, { c_head }, batch, { query, bowWeight }, random) => {
    const encoded = encodeMasked(encoder, batch, { all: true, random });
    const transformed = encoder.cls.transform(encoded.hidden);
    const table = encoder.bert.embeddings.word_embeddings;
    const own = scaled(encoder.cls.loss(transformed.gather(encoded.masked), table, encoded.labels), encoded.share);
    const rebuilt = decodeEnhanced(encoder, c_head, batch, encoded, { query, random });
    const theirs = predict(encoder, rebuilt.states, rebuilt.labels, rebuilt.share);
    const both = own.loss.add(theirs.loss);
    const bow = bagOfWords(encoder, batch, encoded.sequences, transformed).mul(shareOfTexts(batch));
    return {
      loss: both.add(bow.mul(bowWeight)),
      h: encoded.h,
      ...decoderNumbers(own, theirs),
      bow,
    };
  },
  composition: (encoder, { c_head }, batch, { query, bowWeight }) => {
    const { loss, h, hidden } = maskedLoss(encoder, batch);
    const decoder = enhancedLoss(encoder, c_head, batch, h, query);
    return { loss: loss.add(decoder).add(bagOfWordsLoss(encoder, batch, hidden).mul(bowWeight)), h };
  },
  samples: [{}, { query: 'A', bowWeight: 3 }],
});

/** L_bow. @param transformed [N, H], what is multiplied with the word table */
function bagOfWords(
  { bert, cls, config }: BertForMaskedLM,
  { ids, offsets }: Batch,
  sequences: Sequences,
  transformed: Tensor,
): Tensor {
  const { vocab_size } = config;
  const weights = new Float64Array(sequences.count * vocab_size);
  const totals = new Float64Array(sequences.count);
  for (let b = 0; b < sequences.count; b++) {
    const content = new Set(ids.subarray(offsets[b] + 1, offsets[b + 1] - 1));
    const each = 1 / Math.max(1, offsets[b + 1] - offsets[b] - 2);
    for (const id of content) weights[b * vocab_size + id] = each;
    totals[b] = content.size * each;
  }
  const { backend } = transformed;
  return scope(() => {
    const head = { x: transformed, table: bert.embeddings.word_embeddings.weight, bias: cls.predictions.bias };
    const top = ops.vocabularyMax.apply(head, { sequences, skip: 1 });
    const shifted = top.sub(top.detach().max(-1, true));
    const logSum = shifted
      .exp()
      .sum(-1)
      .log()
      .mul(tensor(totals, [sequences.count], { backend }));
    const own = shifted.mul(tensor(weights, [sequences.count, vocab_size], { backend })).sum(-1);
    return logSum.sub(own).mean();
  });
}
