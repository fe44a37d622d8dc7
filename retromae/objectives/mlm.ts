// BERT's masked language model (Devlin et al., 2019, arXiv 1810.04805, section 3.1), on whole words.
//
// L = cross-entropy of the masked tokens, predicted from their last hidden states. What the other objectives add to.
import type { MaskedBatch } from '../batch.js';
import { Collator } from '../collator.js';
import { encodeMasked, predict } from '../encoding.js';
import { maskedLoss } from '../naive.js';
import { defineObjective, type Scalars } from '../objective.js';
import { option, share, type OptionsOf } from '../options.js';

export const mlmOptions = {
  encoderMask: option(0.3, share, 'share of tokens masked for the encoder'),
};

export const mlmScalars = {
  encoder: { unit: 'nats', label: 'encoder', tag: 'loss/encoder' },
  accuracy: { unit: 'accuracy', label: 'encoder', tag: 'accuracy/encoder' },
} satisfies Scalars;

export const mlm = defineObjective<OptionsOf<typeof mlmOptions>, object, MaskedBatch>({
  name: 'mlm',
  title: 'Masked language model',
  summary: 'predict masked tokens',
  paper: 'https://arxiv.org/abs/1810.04805',
  options: mlmOptions,
  scalars: mlmScalars,
  collator: ({ encoderMask }, texts) => new Collator({ ...texts, encoderMask, decoder: 'none' }),
  head: () => ({}),
  losses: (encoder, _head, batch, _options, random) => {
    const { hidden, h, masked, labels, share } = encodeMasked(encoder, batch, { random });
    const { loss, accuracy } = predict(encoder, hidden.gather(masked), labels, share);
    return { loss, h, encoder: loss, accuracy };
  },
  composition: (encoder, _head, batch) => {
    const { loss, h } = maskedLoss(encoder, batch);
    return { loss, h };
  },
  samples: [{}, { encoderMask: 0.15 }],
});
