// TSDAE (Wang et al., 2021, arXiv 2104.06979; sentence-transformers' DenoisingAutoEncoderLoss).
//
// 60 % of the words of a text are deleted; the encoder reads what is left, and h is its last hidden state of [CLS].
// A decoder writes the whole text from left to right. Of the encoder it sees h alone, by cross-attention: equation 4.
// L = cross-entropy of the tokens of the text.
//
// Tied, as in the paper (section 3.1), the decoder's layers, embeddings and head are the encoder's; only its cross-attention
// is its own. Untied, it begins as a copy of them.
import { Ids, Sequences, type Random } from '../../core/index.js';
import { BertEmbeddings, BertHead, BertLayer, copyWeights, CrossAttention } from '../../nn/index.js';
import type { BertConfig, BertForMaskedLM } from '../../nn/index.js';
import { causalBits, nextTokens } from '../causal.js';
import { DeletionCollator, keptTokens, type DeletedBatch } from '../deletion.js';
import { predict } from '../encoding.js';
import { naiveEncode } from '../naive.js';
import { naiveTsdae } from '../naive-causal.js';
import { defineObjective, type Scalars } from '../objective.js';
import { option, share, yesOrNo, type OptionsOf } from '../options.js';

const options = {
  deletion: option(0.6, share, 'share of the tokens deleted for the encoder'),
  tied: option(true, yesOrNo, "the decoder's weights are the encoder's"),
};

type Options = OptionsOf<typeof options>;

class DecoderLayer extends BertLayer {
  readonly crossattention: CrossAttention;

  constructor(config: BertConfig, random: Random) {
    super(config, random);
    this.crossattention = new CrossAttention(config, random);
  }
}

interface CrossLayer {
  readonly crossattention: CrossAttention;
}

/** By Hugging Face's names: of a tied decoder, what is its own. */
interface Decoder {
  readonly bert: {
    readonly embeddings?: BertEmbeddings;
    readonly encoder: { readonly layer: readonly CrossLayer[] };
  };
  readonly cls?: BertHead;
}

function decoderFor(config: BertConfig, random: Random, { tied }: Options): Decoder {
  const layers = <T>(make: () => T) => ({ layer: Array.from({ length: config.num_hidden_layers }, make) });
  if (tied) return { bert: { encoder: layers(() => ({ crossattention: new CrossAttention(config, random) })) } };
  return {
    bert: {
      embeddings: new BertEmbeddings(config, random),
      encoder: layers(() => new DecoderLayer(config, random)),
    },
    cls: new BertHead(config, random),
  };
}

/** Whose embeddings, layers and head the decoder computes with. */
const modelOf = (encoder: BertForMaskedLM, decoder: Decoder): BertForMaskedLM =>
  decoder.cls ? ({ ...decoder, config: encoder.config } as unknown as BertForMaskedLM) : encoder;

const crossOf = ({ bert }: Decoder): CrossAttention[] => bert.encoder.layer.map(({ crossattention }) => crossattention);

export const tsdae = defineObjective<Options, { readonly decoder: Decoder }, DeletedBatch>({
  name: 'tsdae',
  title: 'TSDAE',
  paper: 'https://arxiv.org/abs/2104.06979',
  options,
  scalars: {
    decoder: { unit: 'nats', label: 'decoder', tag: 'loss/decoder' },
    decoderAccuracy: { unit: 'accuracy', label: 'decoder', tag: 'accuracy/decoder' },
  } satisfies Scalars,
  collator: ({ deletion }, texts) => new DeletionCollator(texts, deletion),
  head: (config, random, own) => ({ decoder: decoderFor(config, random, own) }),
  begin: ({ bert, cls }, { decoder }) => {
    const { embeddings, encoder } = bert;
    if (decoder.cls) copyWeights({ bert: { embeddings, encoder }, cls }, decoder);
  },
  losses: (encoder, { decoder }, batch, _options, random) => {
    const left = keptTokens(batch);
    const h = encoder.encode(new Ids(left.ids), new Sequences(left.offsets), { random });
    const { sequences, ids, next, share } = nextTokens(batch);
    const model = modelOf(encoder, decoder);
    const cross = crossOf(decoder);
    const pass = { queries: sequences, keys: sequences, visible: causalBits(sequences), random };
    let x = model.bert.embeddings.forward(new Ids(ids), sequences, random);
    model.bert.encoder.layer.forEach((layer, i) => {
      x = layer.forward(x, x, pass, (y) => cross[i].forward(y, h, sequences, random));
    });
    const { loss, accuracy } = predict(model, x, next, share);
    return { loss, h, decoder: loss, decoderAccuracy: accuracy };
  },
  composition: (encoder, { decoder }, batch) => {
    const h = naiveEncode(encoder, keptTokens(batch));
    return { loss: naiveTsdae(modelOf(encoder, decoder), crossOf(decoder), batch, h), h };
  },
  samples: [{}, { tied: false, deletion: 0.3 }],
});
