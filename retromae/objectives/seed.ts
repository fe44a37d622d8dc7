// SEED-Encoder (Lu et al., 2021, arXiv 2102.09206; microsoft/SEED-Encoder): an auto-regressive decoder that is kept weak.
//
// encoder: BERT over the masked text; h = last hidden state of [CLS]; L_mlm.
// decoder: few pre-norm layers write the text from left to right. A token sees itself, the one before it and the first, and
// of the encoder h alone: the less the decoder can find out by itself, the more h has to tell (section 4.2). L_dec.
// L = 0.5 L_mlm + 0.5 L_dec.
//
// With `--reach 0` a token sees all before it: the strong decoder that the paper warns of.
import { crossEntropy, Ids } from '../../core/index.js';
import type { MaskedBatch } from '../batch.js';
import { causalBits, nextTokens } from '../causal.js';
import { Collator } from '../collator.js';
import { encodeMasked, predict, scaled } from '../encoding.js';
import { maskedLoss } from '../naive.js';
import { naiveSeed } from '../naive-causal.js';
import { defineObjective } from '../objective.js';
import { integer, notNegative, option, type OptionsOf } from '../options.js';
import { SeedDecoder } from '../seed-decoder.js';
import { reachOption } from './autoregressive.js';
import { mlmOptions } from './mlm.js';
import { decoderNumbers, decoderScalars } from './retromae.js';

const options = {
  ...mlmOptions,
  reach: { ...reachOption, preset: 2 },
  seedLayers: option(3, integer(1, 12), "layers of SEED's decoder"),
  mlmWeight: option(0.5, notNegative, "weight of the encoder's masked language model"),
  seedWeight: option(0.5, notNegative, "weight of SEED's decoder"),
};

type Options = OptionsOf<typeof options>;

export const seed = defineObjective<Options, { readonly decoder: SeedDecoder }, MaskedBatch>({
  name: 'seed',
  title: 'SEED-Encoder',
  summary: 'write the text from the sentence vector, with a decoder that sees two tokens back',
  paper: 'https://arxiv.org/abs/2102.09206',
  options,
  scalars: decoderScalars,
  collator: ({ encoderMask }, texts) => new Collator({ ...texts, encoderMask, decoder: 'none' }),
  head: (config, random, { seedLayers }) => ({ decoder: new SeedDecoder(config, seedLayers, random) }),
  losses: (encoder, { decoder }, batch, { reach, mlmWeight, seedWeight }, random) => {
    const encoded = encodeMasked(encoder, batch, { random });
    const own = predict(encoder, encoded.hidden.gather(encoded.masked), encoded.labels, encoded.share);
    const { sequences, ids, next, share } = nextTokens(batch);
    const table = encoder.bert.embeddings.word_embeddings;
    const words = table.forward(new Ids(ids).padded(encoder.config.pad_token_id));
    const states = decoder.forward(words, encoded.h, sequences, causalBits(sequences, reach), random);
    // The words' table alone, without the MLM head before it.
    const theirs = scaled(crossEntropy(states, table.weight, next), share);
    const loss = own.loss.mul(mlmWeight).add(theirs.loss.mul(seedWeight));
    return { loss, h: encoded.h, ...decoderNumbers(own, theirs) };
  },
  composition: (encoder, { decoder }, batch, { reach, mlmWeight, seedWeight }) => {
    const { loss, h } = maskedLoss(encoder, batch);
    const theirs = naiveSeed(encoder, decoder, batch, h, reach);
    return { loss: loss.mul(mlmWeight).add(theirs.mul(seedWeight)), h };
  },
  samples: [{}, { reach: 0, seedLayers: 1, mlmWeight: 1, seedWeight: 2 }],
});
