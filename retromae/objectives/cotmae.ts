// CoT-MAE (Wu et al., 2023, arXiv 2208.07670; caskcsg/ir): a text rebuilds its neighbour.
//
// encoder: BERT over each of two neighbouring spans, masked lightly; h their last hidden states of [CLS]; L_mlm.
// decoder: layers over [h of the neighbour, span masked heavily] rebuild the span: L_dec. (Sections 3.2 and 3.3)
// L = L_mlm + L_dec.
//
// Neighbours are blocks of a document that follow each other; of a document of one block, its halves.
import { BertLayer } from '../../nn/index.js';
import { sequenceCount, type DecoderBatch } from '../batch.js';
import { Collator } from '../collator.js';
import { decodeBasic } from '../decoding.js';
import { encodeMasked, predict } from '../encoding.js';
import { basicLoss, maskedLoss, swapped } from '../naive.js';
import { defineObjective } from '../objective.js';
import { integer, option, type OptionsOf } from '../options.js';
import { neighbours } from '../pairs.js';
import { decoderNumbers, decoderOptions, decoderScalars } from './retromae.js';

const options = {
  ...decoderOptions,
  decoderMask: { ...decoderOptions.decoderMask, preset: 0.45 },
  headLayers: option(2, integer(1, 12), 'layers of the head'),
};

type Options = OptionsOf<typeof options>;

export const cotmae = defineObjective<Options, { readonly c_head: readonly BertLayer[] }, DecoderBatch>({
  name: 'cotmae',
  title: 'CoT-MAE',
  summary: 'rebuild a text, masked heavily, from the sentence vector of its neighbour',
  paper: 'https://arxiv.org/abs/2208.07670',
  options,
  scalars: decoderScalars,
  pair: neighbours,
  together: 2,
  collator: ({ encoderMask, decoderMask }, texts) =>
    new Collator({ ...texts, encoderMask, decoderMask, decoder: 'basic' }),
  head: (config, random, { headLayers }) => ({
    c_head: Array.from({ length: headLayers }, () => new BertLayer(config, random)),
  }),
  losses: (encoder, { c_head }, batch, _options, random) => {
    const encoded = encodeMasked(encoder, batch, { random });
    const own = predict(encoder, encoded.hidden.gather(encoded.masked), encoded.labels, encoded.share);
    // Texts 2i and 2i + 1 are neighbours.
    const theirs = encoded.h.gather(Array.from({ length: sequenceCount(batch) }, (_, text) => text ^ 1));
    const rebuilt = decodeBasic(encoder, c_head, batch, { ...encoded, h: theirs }, random);
    const decoded = predict(encoder, rebuilt.states, rebuilt.labels, rebuilt.share);
    const loss = own.loss.add(decoded.loss);
    return { loss, h: encoded.h, ...decoderNumbers(own, decoded) };
  },
  composition: (encoder, { c_head }, batch) => {
    const { loss, h } = maskedLoss(encoder, batch);
    return { loss: loss.add(basicLoss(encoder, c_head, batch, swapped(h))), h };
  },
  samples: [{}, { headLayers: 1, decoderMask: 0.7 }],
});
