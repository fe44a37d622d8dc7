// How the folders of shared/golden/objectives are read: a row a folder, from its inputs to batches and its names to ours.
import { Ids, Random, Sequences, type Tensor } from '../../core/index.js';
import { BertForMaskedLM, CrossEncoder, Representation, type BertConfig, type Losses } from '../../nn/index.js';
import {
  fromPadded,
  infoNce,
  klDistillation,
  marginMse,
  objectiveNamed,
  ownScores,
  PretrainModel,
  rankPassages,
  type Batch,
  type DecoderBatch,
  type ObjectiveName,
  type PassageRanking,
} from '../../retromae/index.js';

/** Named nested lists of integers: inputs.json. */
export type Inputs = Readonly<Record<string, unknown>>;

/** What an objective's config.json says of it. */
export type Settings = Readonly<Record<string, unknown>>;

/** What is trained, with initial weights, and its losses of the folder's batch. */
export interface Trained {
  readonly model: object;
  losses(): Losses;
}

/** An objective and its options. */
export interface Variant {
  readonly objective: ObjectiveName;
  readonly options: object;
}

interface RowOf {
  /** Our names of its losses, by theirs; the total is `loss` everywhere. */
  readonly losses: Readonly<Record<string, string>>;
}

/** A folder of an objective. */
interface ObjectiveRow extends RowOf {
  /** Of a variant of losses.json. */
  variant(name: string, settings: Settings): Variant;
  batch(inputs: Inputs): Batch;
}

/** A folder of whatever else is trained. */
interface OtherRow extends RowOf {
  build(config: BertConfig, inputs: Inputs, name: string, settings: Settings): Trained;
}

export type Row = ObjectiveRow | OtherRow;

/** What is trained in a variant of a folder. */
export function trainedBy(row: Row, config: BertConfig, inputs: Inputs, name: string, settings: Settings): Trained {
  if ('build' in row) return row.build(config, inputs, name, settings);
  const { objective, options } = row.variant(name, settings);
  const model = new PretrainModel(objectiveNamed(objective), config, new Random(0), options);
  const batch = row.batch(inputs);
  return { model, losses: () => model.losses(batch) };
}

type Matrix = number[][];
const matrix = (inputs: Inputs, name: string): Matrix => {
  const found = inputs[name];
  if (!Array.isArray(found) || !found.every(Array.isArray)) throw new Error(`inputs.json: ${name} is no matrix.`);
  return found as Matrix;
};

/** Rows 2i and 2i + 1 from two matrices, padded to the same width. */
function interleaved(first: Matrix, second: Matrix): Matrix {
  const width = Math.max(first[0].length, second[0].length);
  const wide = (row: number[]) => [...row, ...Array.from({ length: width - row.length }, () => 0)];
  return first.flatMap((row, i) => [wide(row), wide(second[i])]);
}

/** Each text of a batch of pairs belongs to the document of its pair. */
const paired = <B extends Batch>(batch: B): B => ({
  ...batch,
  documents: Int32Array.from({ length: batch.offsets.length - 1 }, (_, text) => text >> 1),
});

/** Texts of which only the ids matter. */
const plain = (ids: Matrix, mask: Matrix): Batch => {
  const padded = { input_ids: ids, attention_mask: mask, encoder_input_ids: ids, encoder_labels: ids };
  const { offsets, ids: packed } = fromPadded(padded);
  return { offsets, ids: packed };
};

/** Texts that are masked for the encoder, and for a basic decoder where that is there. */
const masked = (inputs: Inputs, basic?: { ids: string; labels: string }): DecoderBatch =>
  fromPadded({
    input_ids: matrix(inputs, 'input_ids'),
    attention_mask: matrix(inputs, 'encoder_attention_mask'),
    encoder_input_ids: matrix(inputs, 'encoder_input_ids'),
    encoder_labels: matrix(inputs, 'encoder_labels'),
    ...(basic && {
      basic_decoder_input_ids: matrix(inputs, basic.ids),
      basic_decoder_labels: matrix(inputs, basic.labels),
    }),
  });

/** The columns of a padded matrix that are tokens, row after row. */
const packed = (rows: Matrix, mask: Matrix): Int32Array =>
  Int32Array.from(rows.flatMap((row, b) => row.filter((_, p) => mask[b][p] === 1)));

/** Both views of [2, B, T], side by side. */
const views = (inputs: Inputs, name: string): Matrix => {
  const [first, second] = inputs[name] as [Matrix, Matrix];
  return interleaved(first, second);
};

const reachOf = (settings: Settings, variant: string): number => {
  const { window } = (settings.variants as Record<string, { window: number | null }>)[variant];
  return window ?? 0;
};

export const rows: Readonly<Record<string, Row>> = {
  mlm: {
    variant: () => ({ objective: 'mlm', options: {} }),
    batch: (inputs) => masked(inputs),
    losses: { encoder_mlm: 'encoder' },
  },
  autoregressive: {
    variant: (name, settings) => ({ objective: 'autoregressive', options: { reach: reachOf(settings, name) } }),
    batch: (inputs) => masked(inputs),
    losses: { encoder_mlm: 'encoder', decoder: 'decoder' },
  },
  seed: {
    variant: (name, settings) => {
      const { layers } = (settings.variants as Record<string, { layers: number }>)[name];
      const weights = { mlmWeight: settings.encoder_weight, seedWeight: settings.decoder_weight };
      return { objective: 'seed', options: { reach: reachOf(settings, name), seedLayers: layers, ...weights } };
    },
    batch: (inputs) => masked(inputs),
    losses: { encoder_mlm: 'encoder', decoder: 'decoder' },
  },
  tsdae: {
    variant: (name) => ({ objective: 'tsdae', options: { tied: name === 'tied' } }),
    batch: (inputs) => {
      const [ids, mask] = [matrix(inputs, 'input_ids'), matrix(inputs, 'attention_mask')];
      return { ...plain(ids, mask), kept: packed(matrix(inputs, 'keep'), mask) };
    },
    losses: { decoder: 'decoder' },
  },
  condenser: {
    variant: (name, { skip_from: skipFrom, n_head_layers: headLayers }) => ({
      objective: 'condenser',
      options: { skipFrom, headLayers, lateMlm: name === 'late_mlm' },
    }),
    batch: (inputs) => masked(inputs),
    losses: { head_mlm: 'decoder', late_mlm: 'encoder' },
  },
  cocondenser: {
    variant: (_, { skip_from: skipFrom, n_head_layers: headLayers }) => ({
      objective: 'cocondenser',
      options: { skipFrom, headLayers },
    }),
    batch: (inputs) => paired(masked(inputs)),
    losses: { head_mlm: 'decoder', late_mlm: 'encoder', contrastive: 'contrast' },
  },
  cotmae: {
    variant: (_, { n_head_layers: headLayers }) => ({ objective: 'cotmae', options: { headLayers } }),
    batch: (inputs) => {
      // Theirs gives each text what is to be rebuilt from it; ours, each text as it is to be rebuilt.
      const neighbour = inputs.neighbour as number[];
      const own = (name: string) => neighbour.map((other) => matrix(inputs, name)[other]);
      const decoder = { decoder_input_ids: own('decoder_input_ids'), decoder_labels: own('decoder_labels') };
      return masked({ ...inputs, ...decoder }, { ids: 'decoder_input_ids', labels: 'decoder_labels' });
    },
    losses: { encoder_mlm: 'encoder', decoder_mlm: 'decoder' },
  },
  simcse: {
    variant: (name, { temperature }) => ({
      objective: 'simcse',
      options: { temperature, projected: name === 'projected' },
    }),
    batch: (inputs) => paired(plain(views(inputs, 'input_ids'), views(inputs, 'attention_mask'))),
    losses: { contrastive: 'contrast' },
  },
  ict: {
    variant: (_, { temperature }) => ({ objective: 'ict', options: { temperature } }),
    batch: (inputs) => {
      const both = (name: string) => interleaved(matrix(inputs, `query_${name}`), matrix(inputs, `passage_${name}`));
      return paired(plain(both('input_ids'), both('attention_mask')));
    },
    losses: { contrastive: 'contrast' },
  },
  diffcse: {
    variant: (_, { temperature, lambda }) => ({
      objective: 'diffcse',
      options: { temperature, detectWeight: lambda, countPadding: true },
    }),
    batch: (inputs) => {
      const mask = views(inputs, 'attention_mask');
      const batch = paired(plain(views(inputs, 'input_ids'), mask));
      return { ...batch, generated: packed(views(inputs, 'generator_predictions'), mask) };
    },
    losses: { contrastive: 'contrast', replaced_token_detection: 'detection' },
  },
  dupmae_representation: {
    build: (config, inputs, name, { k, group }) => {
      const { bert, cls } = new BertForMaskedLM(config, new Random(0));
      const activation = name === 'raw' ? 'raw' : 'log1p_relu';
      const cls_projection = new Representation(config, new Random(0), { k: k as number, activation });
      const vectors = (side: string) => {
        const { ids, offsets } = plain(matrix(inputs, `${side}_input_ids`), matrix(inputs, `${side}_attention_mask`));
        return cls_projection.vectors({ bert, cls }, new Ids(ids), new Sequences(offsets));
      };
      const positives = matrix(inputs, 'query_input_ids').map((_, query) => (group as number) * query);
      return {
        model: { bert, cls, cls_projection },
        losses: () => {
          const scores = vectors('query').matmul(cls_projection.kept(vectors('passage')).transpose());
          const { loss } = infoNce(scores, positives);
          return { loss, contrast: loss };
        },
      };
    },
    losses: { contrastive: 'contrast' },
  },
  dpr: {
    build: (config, inputs, name, { variants }) => {
      const how = (variants as Record<string, RankingSettings>)[name];
      const [keys, known] = [inputs.passage_keys as number[], matrix(inputs, 'known_positives')];
      return ranked(config, inputs, how.pooling ?? 'cls', (q, p) => {
        const isOut = how.ignore_false_negatives ? (i: number, j: number) => known[i].includes(keys[j]) : undefined;
        const { loss } = rankPassages(q, p, how, isOut);
        return { loss, contrast: loss };
      });
    },
    losses: { contrastive: 'contrast' },
  },
  matryoshka: {
    build: (config, inputs, name, { variants, dims, weights }) => {
      const how = (variants as Record<string, RankingSettings>)[name];
      const widths = (dims as number[]).map((dim, i) => ({ dim, weight: (weights as number[])[i] }));
      return ranked(config, inputs, 'cls', (q, p) => {
        const each = widths.map(({ dim }) => [
          `contrast${dim}`,
          rankPassages(q, p, { ...how, dims: [{ dim, weight: 1 }] }).loss,
        ]);
        return { loss: rankPassages(q, p, { ...how, dims: widths }).loss, ...Object.fromEntries(each) };
      });
    },
    losses: Object.fromEntries([8, 15, 16, 30, 32, 24, 12, 7].map((dim) => [`contrastive_${dim}`, `contrast${dim}`])),
  },
  symmetric: {
    build: (config, inputs, name, { temperature, group }) =>
      ranked(config, inputs, 'cls', (q, p) => {
        const size = group as number;
        const positives = Array.from({ length: q.shape[0] }, (_, i) => size * i);
        const passages = name === 'positives' ? p.gather(positives) : p;
        const how = { similarity: 'cosine', temperature: temperature as number } as const;
        const { loss: contrast } = rankPassages(q, passages, how);
        return { loss: rankPassages(q, passages, { ...how, symmetric: true }).loss, contrast };
      }),
    losses: { query_to_passage: 'contrast' },
  },
  kd: {
    build: (config, inputs, name, { variants }) => {
      const { temperature = 1, contrastive_weight: weight = 0 } = (variants as Record<string, Record<string, number>>)[
        name
      ];
      const teacher = inputs.teacher_scores as number[][];
      return ranked(config, inputs, 'cls', (q, p) => {
        const scores = ownScores(q, p, 'dot');
        if (name === 'margin_mse') return { loss: marginMse(scores, teacher) } as Losses;
        if (name === 'kl_batch_mean') {
          const loss = klDistillation(scores, teacher, { temperature });
          return { loss, kl: loss };
        }
        const kl = klDistillation(scores, teacher, { mean: 'elements' });
        const { loss: contrast } = rankPassages(q, p, { similarity: 'dot', temperature: 1 });
        return { loss: kl.add(contrast.mul(weight)), kl, contrast };
      });
    },
    losses: { kl: 'kl', contrastive: 'contrast' },
  },
  crossencoder: {
    build: (config, inputs, _, { group }) => {
      const model = new CrossEncoder(config, new Random(0));
      const mask = matrix(inputs, 'attention_mask');
      const pairs = {
        ...plain(matrix(inputs, 'input_ids'), mask),
        types: packed(matrix(inputs, 'token_type_ids'), mask),
      };
      const count = mask.length / (group as number);
      const first = Array.from({ length: count }, () => 0);
      return {
        model,
        losses: () => ({ loss: infoNce(model.scores(pairs).reshape([count, group as number]), first).loss }),
      };
    },
    losses: {},
  },
};

interface RankingSettings extends PassageRanking {
  readonly pooling?: 'cls' | 'mean';
  readonly ignore_false_negatives?: boolean;
}

/** A bi-encoder, and a loss of its vectors of queries and passages. */
function ranked(
  config: BertConfig,
  inputs: Inputs,
  pooling: 'cls' | 'mean',
  losses: (queries: Tensor, passages: Tensor) => Losses,
): Trained {
  const model = new BertForMaskedLM(config, new Random(0));
  const vectors = (side: string) => {
    const { ids, offsets } = plain(matrix(inputs, `${side}_input_ids`), matrix(inputs, `${side}_attention_mask`));
    return model.encode(new Ids(ids), new Sequences(offsets), { pooling });
  };
  return { model, losses: () => losses(vectors('query'), vectors('passage')) };
}
