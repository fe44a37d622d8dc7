// RetroMAE (Xiao et al., 2022, arXiv 2205.12035).
//
// encoder: BERT over the text masked lightly; h = last hidden state of [CLS]; L_enc = cross-entropy of the masked tokens.
// decoder: one layer that rebuilds the text, masked heavily, from h; L_dec = cross-entropy of what it rebuilds.
//   enhanced (section 3.3): queries h + position, context [h, unmasked text], every row with its own visible part of it;
//   basic (section 3.2): [h, text masked again] through 1 to 3 ordinary layers.
// L = L_enc + L_dec.
import { BertLayer } from '../../nn/index.js';
import type { DecoderBatch } from '../batch.js';
import { Collator } from '../collator.js';
import { decodeBasic, decodeEnhanced } from '../decoding.js';
import { encodeMasked, predict, type Predicted } from '../encoding.js';
import { basicLoss, enhancedLoss, maskedLoss } from '../naive.js';
import { defineObjective, type Scalars } from '../objective.js';
import { integer, oneOf, option, share, type OptionsOf } from '../options.js';
import { mlmOptions, mlmScalars } from './mlm.js';

export const decoderOptions = {
  ...mlmOptions,
  decoderMask: option(0.5, share, 'share of tokens hidden from the decoder'),
};

export const decoderScalars = {
  ...mlmScalars,
  decoder: { unit: 'nats', label: 'decoder', tag: 'loss/decoder' },
  decoderAccuracy: { unit: 'accuracy', label: 'decoder', tag: 'accuracy/decoder' },
} satisfies Scalars;

/** What is reported of the two predictions. */
export const decoderNumbers = (own: Predicted, theirs: Predicted) => ({
  encoder: own.loss,
  accuracy: own.accuracy,
  decoder: theirs.loss,
  decoderAccuracy: theirs.accuracy,
});

/** Queries of enhanced decoding: A = h + position (the paper), B = layer norm of h + type 0 + position (DupMAE's code). */
export const queries = oneOf(['A', 'B']);
export const queryHelp = 'queries of enhanced decoding: A h + position, B layer norm of it';

const options = {
  ...decoderOptions,
  decoder: option('enhanced', oneOf(['enhanced', 'basic']), 'decoding of RetroMAE'),
  /** Layers of the basic decoder; the enhanced one has one. */
  decoderLayers: option(1, integer(1, 3), 'layers of the basic decoder, 1 to 3'),
  query: option('A', queries, queryHelp),
};

type Options = OptionsOf<typeof options>;

export interface Decoder {
  /** The decoder's first layer, by the authors' name. */
  readonly c_head: BertLayer;
  /** Further layers of the basic decoder. */
  readonly c_head_more: readonly BertLayer[];
}

export const retromae = defineObjective<Options, Decoder, DecoderBatch>({
  name: 'retromae',
  title: 'RetroMAE',
  summary: 'rebuild the text, masked heavily, from the sentence vector, with a one-layer decoder',
  paper: 'https://arxiv.org/abs/2205.12035',
  options,
  contradiction: ({ decoder, decoderLayers }) =>
    decoder === 'enhanced' && decoderLayers > 1
      ? { option: 'decoderLayers', wanted: '1, as enhanced decoding has one layer; basic decoding may have more' }
      : undefined,
  scalars: decoderScalars,
  collator: ({ encoderMask, decoderMask, decoder }, texts) =>
    new Collator({ ...texts, encoderMask, decoderMask, decoder }),
  head: (config, random, { decoderLayers }) => ({
    c_head: new BertLayer(config, random),
    c_head_more: Array.from({ length: decoderLayers - 1 }, () => new BertLayer(config, random)),
  }),
  losses: (encoder, { c_head, c_head_more }, batch, { decoder, query }, random) => {
    const encoded = encodeMasked(encoder, batch, { random });
    const own = predict(encoder, encoded.hidden.gather(encoded.masked), encoded.labels, encoded.share);
    const rebuilt =
      decoder === 'enhanced'
        ? decodeEnhanced(encoder, c_head, batch, encoded, { query, random })
        : decodeBasic(encoder, [c_head, ...c_head_more], batch, encoded, random);
    const theirs = predict(encoder, rebuilt.states, rebuilt.labels, rebuilt.share);
    const loss = own.loss.add(theirs.loss);
    return { loss, h: encoded.h, ...decoderNumbers(own, theirs) };
  },
  composition: (encoder, { c_head, c_head_more }, batch, { decoder, query }) => {
    const { loss, h } = maskedLoss(encoder, batch);
    const rebuilt =
      decoder === 'enhanced'
        ? enhancedLoss(encoder, c_head, batch, h, query)
        : basicLoss(encoder, [c_head, ...c_head_more], batch, h);
    return { loss: loss.add(rebuilt), h };
  },
  samples: [{}, { query: 'B' }, { decoder: 'basic' }, { decoder: 'basic', decoderLayers: 3, decoderMask: 0.7 }],
});
