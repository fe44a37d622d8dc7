// Plain auto-regressive decoding, which the RetroMAE paper (Xiao et al., 2022, arXiv 2205.12035) draws as a contrast to its own.
//
// encoder: BERT over the masked text; h = last hidden state of [CLS]; L_mlm.
// decoder: one layer over [h, E(x_1), E(x_2), …], in which a token sees those before it: position i predicts token i + 1.
// L = L_mlm + L_dec. With most of the text before its eyes, the decoder has little need of h; a short reach makes it weaker.
import { BertLayer } from '../../nn/index.js';
import type { MaskedBatch } from '../batch.js';
import { causalBits, nextTokens } from '../causal.js';
import { Collator } from '../collator.js';
import { context } from '../decoding.js';
import { encodeMasked, predict } from '../encoding.js';
import { maskedLoss } from '../naive.js';
import { naiveAutoregressive } from '../naive-causal.js';
import { defineObjective } from '../objective.js';
import { integer, option, type OptionsOf } from '../options.js';
import { mlmOptions } from './mlm.js';
import { decoderNumbers, decoderScalars } from './retromae.js';

/** How far an auto-regressive decoder sees. */
export const reachOption = option(0, integer(0), 'tokens, with itself, that a decoder position sees; 0: all before it');

const options = { ...mlmOptions, reach: reachOption };

type Options = OptionsOf<typeof options>;

export const autoregressive = defineObjective<Options, { readonly c_head: readonly [BertLayer] }, MaskedBatch>({
  name: 'autoregressive',
  title: 'Auto-regressive decoding',
  summary: 'write the text from left to right from the sentence vector, with one layer',
  paper: 'https://arxiv.org/abs/2205.12035',
  options,
  scalars: decoderScalars,
  collator: ({ encoderMask }, texts) => new Collator({ ...texts, encoderMask, decoder: 'none' }),
  head: (config, random) => ({ c_head: [new BertLayer(config, random)] }),
  losses: (encoder, { c_head: [layer] }, batch, { reach }, random) => {
    const encoded = encodeMasked(encoder, batch, { random });
    const own = predict(encoder, encoded.hidden.gather(encoded.masked), encoded.labels, encoded.share);
    const { sequences, ids, next, share } = nextTokens(batch);
    const x = context(encoder, ids, sequences, encoded.h, random);
    const pass = { queries: sequences, keys: sequences, visible: causalBits(sequences, reach), random };
    const theirs = predict(encoder, layer.forward(x, x, pass), next, share);
    const loss = own.loss.add(theirs.loss);
    return { loss, h: encoded.h, ...decoderNumbers(own, theirs) };
  },
  composition: (encoder, { c_head: [layer] }, batch, { reach }) => {
    const { loss, h } = maskedLoss(encoder, batch);
    return { loss: loss.add(naiveAutoregressive(encoder, layer, batch, h, reach)), h };
  },
  samples: [{}, { reach: 2 }],
});
