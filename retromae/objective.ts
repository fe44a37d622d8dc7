// One objective: its options, what it reports, its batches, its head and its losses in one row. The twin of `defineOp`.
import type { Random, Tensor } from '../core/index.js';
import type { Shown } from '../data/pure.js';
import type { BertConfig, BertForMaskedLM, Losses } from '../nn/index.js';
import type { Batch } from './batch.js';
import type { Generators } from './collator.js';
import type { Example, Passage } from './example.js';
import type { MaskingVocabulary } from './masking.js';
import { PairCollator, type Pair } from './pairs.js';
import { completeOptions, wrongOption, type OptionTable } from './options.js';

/** A number that an objective reports of every step: log, TensorBoard, charts and report iterate these. */
export interface Scalar {
  /** A cross-entropy in nats; the share, 0 .. 1, that is predicted right; or any other number. */
  readonly unit: 'nats' | 'accuracy' | 'number';
  /** Whose it is, in charts and the report: "encoder", "bag of words". */
  readonly label: string;
  /** Its path in TensorBoard: "loss/encoder". */
  readonly tag: string;
}

export type Scalars = Readonly<Record<string, Scalar>>;

/** What records of a step have of their own, and `losses` returns beside the scalars: no scalar may be called so. */
export const reservedNames: readonly string[] = [
  ...['type', 'step', 'loss', 'h', 'gradientNorm', 'lr'],
  ...['tokens', 'seconds', 'dataSeconds', 'tokensPerSecond', 'elapsed'],
];

/** What the collator of every objective must know of the texts. */
export interface TextRules {
  readonly tokenizer: MaskingVocabulary;
  /** Longest sequence, [CLS] and [SEP] included. */
  readonly maxLength: number;
}

/** Makes batches, and keeps nothing between them: a batch is a function of the examples and their generators. */
export interface Collates<B, E = Example> {
  collate(examples: readonly E[], generators: Generators): B;
}

/** Two options that do not go together: which to change, and what it would have to be. */
export interface Contradiction {
  readonly option: string;
  readonly wanted: string;
}

/**
 * A contrastive loss in its two halves: what each text gives by itself, of whatever part of a batch, and what is between the
 * texts of a whole batch. So it can be computed in chunks, and joined with other losses.
 */
export interface Halves<O, H, B> {
  /** Whether what is between texts is all: then another objective can be joined with it. */
  readonly pure: boolean;
  /** The sentence vectors [B, H], and losses of the texts themselves. */
  texts(encoder: BertForMaskedLM, head: H, batch: B, options: O, random?: Random): { h: Tensor; losses?: Losses };
  /** The loss between the texts, and its scalars. */
  between(h: Tensor, batch: B, head: H, options: O): Losses;
  /** The same loss written naively. */
  naive(h: Tensor, batch: B, head: H, options: O): Tensor;
}

/** @typeParam O options @typeParam H head: modules that are trained beside the encoder @typeParam B batch */
export interface ObjectiveSpec<O extends object, H extends object, B extends Batch> {
  readonly name: string;
  /** What reports and model cards call it. */
  readonly title: string;
  /** What it has a model do, in one line. */
  readonly summary?: string;
  /** Address of the paper, or of whatever describes it. */
  readonly paper?: string;
  readonly options: OptionTable<O>;
  /** @param layers of the encoder, where they are known */
  contradiction?(options: O, layers?: number): Contradiction | undefined;
  /** What `losses` returns beside `loss` and `h`. */
  readonly scalars: Scalars;
  /** Where an example becomes two texts: which. They stand side by side in batches, as texts 2i and 2i + 1. */
  pair?(passage: Passage, random: Random, options: O): Pair;
  /** What makes batches of texts. */
  collator(options: O, texts: TextRules): Collates<B>;
  /** Made after the encoder, from the same generator; thrown away after pre-training. */
  head(config: BertConfig, random: Random, options: O): H;
  /** Called before the first step, when the encoder has the weights that training begins with. */
  begin?(encoder: BertForMaskedLM, head: H): void;
  /** What of a batch a model has to work out, before the losses, and without a gradient. */
  prepare?(encoder: BertForMaskedLM, head: H, batch: B): Promise<B>;
  /**
   * `loss` is what to minimise, `h` the sentence vectors [B, H], for whoever joins losses; the others are the scalars.
   * @param random where dropout's randomness comes from; none: no dropout
   */
  losses(encoder: BertForMaskedLM, head: H, batch: B, options: O, random?: Random): Losses;
  /** Of a contrastive objective: `losses` in two. */
  readonly halves?: Halves<O, H, B>;
  /** How many texts, side by side, a loss is of: they stay in one chunk. 1 if not given. */
  readonly together?: number;
  /** The same loss, and h [B, 1, H], written naively: padded, every row computed, nothing fused, no dropout. For tests. */
  composition?(encoder: BertForMaskedLM, head: H, batch: B, options: O): { loss: Tensor; h: Tensor };
  /** Options to test it with. */
  readonly samples: readonly Partial<NoInfer<O>>[];
}

export interface Objective<
  O extends object = object,
  H extends object = object,
  B extends Batch = Batch,
> extends ObjectiveSpec<O, H, B> {
  /** Options with defaults, checked. @throws naming the option, what it must be, and what it was */
  complete(given: Partial<O>, shown?: Shown, layers?: number): O;
  /** What makes batches of texts, where `collator` makes those of pairs. */
  textCollator(options: O, texts: TextRules): Collates<B>;
}

/** Makes an objective of its row. @throws if one of its scalars has a name that records use themselves */
export function defineObjective<O extends object, H extends object, B extends Batch>(
  spec: ObjectiveSpec<O, H, B>,
): Objective<O, H, B> {
  const taken = Object.keys(spec.scalars).find((name) => reservedNames.includes(name));
  if (taken) throw new Error(`${spec.name}: a scalar is called ${taken}, as every record has one. Rename it.`);
  const { pair, collator } = spec;
  return {
    ...spec,
    textCollator: collator,
    collator: (options, texts) => {
      const made = collator(options, texts);
      return pair ? new PairCollator(made, (passage, random) => pair(passage, random, options)) : made;
    },
    complete: (given, shown = (name) => `${spec.name}: ${name}`, layers) => {
      const options = completeOptions(spec.options, given, shown);
      const wrong = spec.contradiction?.(options, layers);
      if (wrong) throw wrongOption(shown, wrong.option, options[wrong.option as keyof O], wrong.wanted);
      return options;
    },
  };
}
