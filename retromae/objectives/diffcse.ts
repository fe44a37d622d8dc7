// DiffCSE (Chuang et al., 2022, arXiv 2204.10298; voidism/DiffCSE): SimCSE, and a vector must tell what was changed in its text.
//
// Each text twice, by dropout; z = BN(W' relu(BN(W h))) of all 2B texts together;  L_cl as SimCSE, of cos(z, z') / 0.05.
// A frozen generator fills in the masked text, its choice at every position; a discriminator, a second BERT that has z in the
// place of [CLS], says of each position whether it was replaced: L_rtd, the cross-entropy of "no" and "yes". (Section 3)
// L = L_cl + 0.005 L_rtd, whose gradient reaches the encoder through z.
//
// Generator and discriminator begin as copies of the encoder. BatchNorm needs the whole batch: there are no chunks of it.
import { Ids, Sequences, type Random, type Tensor } from '../../core/index.js';
import { BatchNorm, BertForMaskedLM, BertModel, copyWeights, freeze, Linear, type BertConfig } from '../../nn/index.js';
import type { MaskedBatch } from '../batch.js';
import { Collator } from '../collator.js';
import { contrastScalars } from '../contrastive.js';
import { detectReplaced, replacedTokens, type Detector } from '../detection.js';
import { mostLikely } from '../generator.js';
import { comparePairs, similarityOptions, type Comparison } from '../info-nce.js';
import { naiveComparison, naiveEncode } from '../naive.js';
import { naiveDetection } from '../naive-detection.js';
import { defineObjective, type Scalars } from '../objective.js';
import { notNegative, option, share, yesOrNo, type OptionsOf } from '../options.js';
import { twice } from '../pairs.js';

const options = {
  temperature: similarityOptions.temperature,
  generatorMask: option(0.3, share, 'share of tokens masked for the generator'),
  detectWeight: option(0.005, notNegative, 'weight of the detection of replaced tokens'),
  countPadding: option(
    false,
    yesOrNo,
    "detection counts padding as tokens that were not replaced, as the authors' does",
  ),
};

type Options = OptionsOf<typeof options>;

interface Head extends Detector {
  readonly mlp: { readonly net: readonly [Weights, BatchNorm, object, Weights, BatchNorm] };
  readonly generator: BertForMaskedLM;
}

/** A matrix without a bias. */
interface Weights {
  readonly weight: Tensor;
}

/** A batch with the generator's choices. */
interface DetectionBatch extends MaskedBatch {
  /** [N] at every position. */
  readonly generated?: Int32Array;
}

function headFor(config: BertConfig, random: Random): Head {
  const { hidden_size: width, initializer_range: deviation } = config;
  const matrix = (inputs: number, outputs: number): Weights => ({
    weight: new Linear(inputs, outputs, random, deviation).weight,
  });
  return {
    mlp: {
      // By the authors' names: the third is relu.
      net: [
        matrix(width, 2 * width),
        new BatchNorm(2 * width, true),
        {},
        matrix(2 * width, width),
        new BatchNorm(width, false),
      ],
    },
    discriminator: new BertModel(config, random),
    electra_head: new Linear(width, 2, random, deviation),
    generator: freeze(new BertForMaskedLM(config, random)),
  };
}

/** z [2B, H] of h. */
const project = ({ mlp: { net } }: Head, h: Tensor): Tensor => {
  const [wide, first, , narrow, last] = net;
  const inner = first.forward(h.linear(wide.weight));
  return last.forward(inner.maximum(inner.detach().mul(0)).linear(narrow.weight));
};

const how = (temperature: number): Comparison => ({
  ...{ similarity: 'cosine', among: 'across', symmetric: false },
  temperature,
});

export const diffcse = defineObjective<Options, Head, DetectionBatch>({
  name: 'diffcse',
  title: 'DiffCSE',
  summary: 'SimCSE, and the vector tells which tokens of its text were replaced',
  paper: 'https://arxiv.org/abs/2204.10298',
  options,
  scalars: {
    ...contrastScalars,
    detection: { unit: 'nats', label: 'replaced', tag: 'loss/detection' },
    detected: { unit: 'accuracy', label: 'replaced', tag: 'accuracy/detection' },
  } satisfies Scalars,
  pair: twice,
  collator: ({ generatorMask }, texts) => new Collator({ ...texts, encoderMask: generatorMask, decoder: 'none' }),
  head: headFor,
  begin: ({ bert, cls }, { discriminator, generator }) => {
    copyWeights({ bert, cls }, generator);
    copyWeights(bert, discriminator);
  },
  prepare: async (_, { generator }, batch) => ({ ...batch, generated: await mostLikely(generator, batch) }),
  losses: (encoder, head, batch, { temperature, detectWeight, countPadding }, random) => {
    const h = encoder.encode(new Ids(batch.ids), new Sequences(batch.offsets), { random });
    const z = project(head, h);
    const { loss, accuracy } = comparePairs(z, batch.documents!, how(temperature));
    const detection = detectReplaced(
      head,
      z,
      replacedTokens(batch, encoder.config.pad_token_id ?? 0, countPadding),
      random,
    );
    return {
      loss: loss.add(detection.loss.mul(detectWeight)),
      h,
      contrast: loss,
      retrieved: accuracy,
      detection: detection.loss,
      detected: detection.accuracy,
    };
  },
  composition: (encoder, head, batch, { temperature, detectWeight, countPadding }) => {
    const h = naiveEncode(encoder, batch);
    const z = project(head, h.reshape([h.shape[0], h.shape[2]]));
    const detection = naiveDetection(encoder.config, head, z, batch, countPadding);
    return {
      loss: naiveComparison(z, batch.documents!, how(temperature)).add(detection.mul(detectWeight)),
      h,
    };
  },
  samples: [{ temperature: 0.3 }, { temperature: 0.3, detectWeight: 1 }],
});
