// What contrastive objectives share: pairs of texts, their vectors, InfoNCE between them; and any other loss beside it.
import { Ids, Sequences, type Random, type Tensor } from '../core/index.js';
import type { BertConfig, Losses } from '../nn/index.js';
import type { Batch } from './batch.js';
import { TextCollator } from './collator.js';
import type { Passage } from './example.js';
import { comparePairs, contrastWeight, type Comparison } from './info-nce.js';
import { naiveComparison, naiveEncode } from './naive.js';
import { defineObjective, type Halves, type Objective, type ObjectiveSpec, type Scalars } from './objective.js';
import { type OptionTable } from './options.js';
import type { Pair } from './pairs.js';
import { naiveKept, naiveVectors, representing, wrongRepresentation } from './representing.js';
import type { RepresentOptions, Representing } from './representing.js';

export const contrastScalars = {
  contrast: { unit: 'nats', label: 'contrast', tag: 'loss/contrast' },
  retrieved: { unit: 'accuracy', label: 'partner found', tag: 'accuracy/contrast' },
} satisfies Scalars;

type Similarity = Pick<Comparison, 'similarity' | 'temperature'> & { symmetric?: boolean } & Partial<RepresentOptions>;

/** @typeParam O options @typeParam H head, of modules between h and what is compared */
export interface ContrastiveSpec<O extends Similarity, H extends object> {
  readonly name: string;
  readonly title: string;
  readonly summary?: string;
  readonly paper: string;
  readonly options: OptionTable<O>;
  contradiction?: ObjectiveSpec<O, H, Batch>['contradiction'];
  pair(passage: Passage, random: Random, options: O): Pair;
  readonly among: Comparison['among'];
  head?(config: BertConfig, random: Random, options: O): H;
  /** From sentence vectors [B, H] to what is compared, [B, D]; by default these. Not with `representOptions`. Of plain ops: it is its own composition. */
  project?(h: Tensor, head: H, options: O): Tensor;
  readonly samples: readonly Partial<NoInfer<O>>[];
}

/**
 * An objective that compares two texts of each example, all others of the batch being negatives.
 * @returns one that can also be joined with one that is not contrastive: see `join`
 */
export function defineContrastive<O extends Similarity, H extends object>(
  spec: ContrastiveSpec<O, H>,
): Objective<O, H & Representing, Batch> {
  const { among, head = () => ({}) as H, project = (h: Tensor) => h } = spec;
  const how = ({ similarity, temperature, symmetric = false }: O) => ({ similarity, temperature, symmetric, among });
  const halves: Halves<O, H & Representing, Batch> = {
    pure: true,
    texts: (encoder, { cls_projection: own }, { ids, offsets }, _options, random) => {
      const texts = [new Ids(ids), new Sequences(offsets)] as const;
      return { h: own ? own.vectors(encoder, ...texts, { random }) : encoder.encode(...texts, { random }) };
    },
    between: (h, { documents }, own, options) => {
      const passages = own.cls_projection && ((all: Tensor) => own.cls_projection!.kept(all));
      const compared = comparePairs(project(h, own, options), documents!, { ...how(options), passages });
      return { loss: compared.loss, contrast: compared.loss, retrieved: compared.accuracy };
    },
    naive: (h, { documents }, own, options) => {
      const passages = own.cls_projection && ((all: Tensor) => naiveKept(own.cls_projection!, all));
      return naiveComparison(project(h, own, options), documents!, { ...how(options), passages });
    },
  };
  return defineObjective<O, H & Representing, Batch>({
    ...spec,
    contradiction: (options, layers) => spec.contradiction?.(options, layers) ?? wrongRepresentation(options),
    scalars: contrastScalars,
    collator: (_, texts) => new TextCollator(texts),
    head: (config, random, options) => ({
      ...head(config, random, options),
      ...representing(config, random, options),
    }),
    halves,
    losses: (encoder, own, batch, options, random) => {
      const { h } = halves.texts(encoder, own, batch, options, random);
      return { ...halves.between(h, batch, own, options), h };
    },
    composition: (encoder, own, batch, options) => {
      const h = own.cls_projection
        ? naiveVectors(encoder, own.cls_projection, batch)
        : naiveEncode(encoder, batch).reshape([-1, encoder.config.hidden_size]);
      return { loss: halves.naive(h, batch, own, options), h: h.reshape([h.shape[0], 1, h.shape[1]]) };
    },
  });
}

/**
 * Two objectives over the same pairs: L = L of the first, of each text as the second pairs them, + weight L of the second,
 * which compares the sentence vectors h that the first has of its (masked) texts, or DupMAE's representation of the whole
 * texts. coCondenser is made so.
 * @throws if the first is contrastive, or the second is not
 */
export function join(first: Objective, second: Objective, row: Partial<ObjectiveSpec<object, object, Batch>> = {}) {
  const { halves, pair } = second;
  if (first.halves || !halves?.pure || !pair)
    throw new Error(
      `objective ${first.name}+${second.name}: it must be one that is not contrastive, + one that is, such as retromae+crop.`,
    );
  // Each takes its own of the options and of the modules.
  const alone: Halves<object, object, Batch> = {
    pure: false,
    texts: (encoder, head, batch, options, random) => {
      const { h, ...losses } = first.losses(encoder, head, batch, options, random);
      return { h: isRepresented(head) ? halves.texts(encoder, head, batch, options, random).h : h!, losses };
    },
    between: (h, batch, head, options) => {
      const { loss, ...numbers } = halves.between(h, batch, head, options);
      return { loss: loss.mul(weightOf(options)), ...numbers };
    },
    naive: (h, batch, head, options) => halves.naive(h, batch, head, options).mul(weightOf(options)),
  };
  return defineObjective<object, object, Batch>({
    name: `${first.name}+${second.name}`,
    title: `${first.title} + ${second.title}`,
    summary: `${first.summary}; and ${second.summary}`,
    paper: first.paper,
    options: { ...first.options, ...second.options, contrastWeight },
    contradiction: (options, layers) =>
      first.contradiction?.(options, layers) ?? second.contradiction?.(options, layers),
    scalars: { ...first.scalars, ...second.scalars },
    pair,
    together: first.together,
    collator: (options, texts) => first.textCollator(options, texts),
    head: (config, random, options) => ({
      ...first.head(config, random, options),
      ...second.head(config, random, options),
    }),
    halves: alone,
    losses: (encoder, head, batch, options, random) => {
      const { h, losses } = alone.texts(encoder, head, batch, options, random);
      return both(losses!, alone.between(h, batch, head, options), h);
    },
    composition: (encoder, head, batch, options) => {
      const { loss, h: own } = first.composition!(encoder, head, batch, options);
      const h = isRepresented(head) ? second.composition!(encoder, head, batch, options).h : own;
      const between = alone.naive(h.reshape([h.shape[0], h.shape[2]]), batch, head, options);
      return { loss: loss.add(between), h };
    },
    samples: [{}, { contrastWeight: 0.5 }],
    ...row,
  });
}

/** Whether DupMAE's representation is compared: of the whole texts, where an h may be of masked ones. */
const isRepresented = (head: Representing): boolean => head.cls_projection !== undefined;

const weightOf = (options: object): number => (options as { contrastWeight: number }).contrastWeight;

const both = ({ loss, ...mine }: Losses, { loss: other, ...theirs }: Losses, h: Tensor): Losses => ({
  loss: loss.add(other),
  ...mine,
  ...theirs,
  h,
});
