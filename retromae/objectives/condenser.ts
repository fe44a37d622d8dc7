// Condenser (Gao and Callan, 2021, arXiv 2104.08253; luyug/Condenser).
//
// encoder: BERT over the masked text; h = last hidden state of [CLS]; L_late = cross-entropy of the masked tokens from there.
// head: layers of its own over [h, s_1, s_2, …], s the states of an inner layer of the encoder, predict the same tokens:
// L_head. What the later layers found out about the text reaches the head through h alone. (Section 4.1)
// L = L_head + L_late.
import { scope } from '../../core/index.js';
import { BertLayer } from '../../nn/index.js';
import type { MaskedBatch } from '../batch.js';
import { Collator } from '../collator.js';
import { behindSentence, throughLayers } from '../decoding.js';
import { encodeMasked, labelled, predict } from '../encoding.js';
import { condenserLoss, maskedLoss } from '../naive.js';
import { defineObjective } from '../objective.js';
import { integer, option, optional, yesOrNo, type OptionsOf } from '../options.js';
import { mlmOptions } from './mlm.js';
import { decoderNumbers, decoderScalars } from './retromae.js';

const options = {
  ...mlmOptions,
  skipFrom: option(
    undefined,
    optional(integer(0)),
    'inner layer whose states the head reads; 0: embeddings (default: half of the layers)',
  ),
  headLayers: option(2, integer(1, 12), 'layers of the head'),
  lateMlm: option(true, yesOrNo, "also the encoder's own masked language model"),
};

type Options = OptionsOf<typeof options>;

/** The states that the head reads: those behind this layer. */
const innerLayer = ({ skipFrom }: Options, layers: number): number => skipFrom ?? Math.floor(layers / 2);

export const condenser = defineObjective<Options, { readonly c_head: readonly BertLayer[] }, MaskedBatch>({
  name: 'condenser',
  title: 'Condenser',
  summary: 'a head over early states of the text and the late one of [CLS] predicts masked tokens',
  paper: 'https://arxiv.org/abs/2104.08253',
  options,
  contradiction: ({ skipFrom }, layers) =>
    skipFrom !== undefined && layers !== undefined && skipFrom >= layers
      ? { option: 'skipFrom', wanted: `below ${layers}, the layers of the encoder` }
      : undefined,
  scalars: decoderScalars,
  collator: ({ encoderMask }, texts) => new Collator({ ...texts, encoderMask, decoder: 'none' }),
  head: (config, random, { headLayers }) => ({
    c_head: Array.from({ length: headLayers }, () => new BertLayer(config, random)),
  }),
  losses: (encoder, { c_head }, batch, options, random) => {
    const inner = innerLayer(options, encoder.config.num_hidden_layers);
    const encoded = encodeMasked(encoder, batch, { inner, random });
    const { sequences, h, labels, share } = encoded;
    const late = predict(encoder, encoded.hidden.gather(encoded.masked), labels, share);
    const head = scope(() => {
      // The shortcut: early states of all tokens, and of the late ones [CLS]'s alone.
      const short = behindSentence(h, encoded.inner!, sequences);
      const { rows } = labelled(batch.encoderLabels);
      return predict(encoder, throughLayers(c_head, short, rows, sequences, random), labels, share);
    });
    const loss = options.lateMlm ? late.loss.add(head.loss) : head.loss;
    return { loss, h, ...decoderNumbers(late, head) };
  },
  composition: (encoder, { c_head }, batch, options) => {
    const { loss, states, h } = maskedLoss(encoder, batch);
    const inner = states[innerLayer(options, encoder.config.num_hidden_layers)];
    const head = condenserLoss(encoder, c_head, batch, h, inner);
    return { loss: options.lateMlm ? head.add(loss) : head, h };
  },
  samples: [{}, { skipFrom: 0, headLayers: 1 }, { lateMlm: false }],
});
