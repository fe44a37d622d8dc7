// One objective: its options, what it reports, its batches, its head and its losses in one row. The twin of `defineOp`.
import type { Random, Tensor } from '../core/index.js';
import type { Shown } from '../data/pure.js';
import type { BertConfig, BertForMaskedLM, Losses } from '../nn/index.js';
import type { Batch } from './batch.js';
import type { Generators } from './collator.js';
import type { Example } from './example.js';
import type { MaskingVocabulary } from './masking.js';
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
export interface Collates<B> {
  collate(examples: readonly Example[], generators: Generators): B;
}

/** Two options that do not go together: which to change, and what it would have to be. */
export interface Contradiction {
  readonly option: string;
  readonly wanted: string;
}

/** @typeParam O options @typeParam H head: modules that are trained beside the encoder @typeParam B batch */
export interface ObjectiveSpec<O extends object, H extends object, B extends Batch> {
  readonly name: string;
  /** What reports and model cards call it. */
  readonly title: string;
  /** Address of the paper, or of whatever describes it. */
  readonly paper?: string;
  readonly options: OptionTable<O>;
  contradiction?(options: O): Contradiction | undefined;
  /** What `losses` returns beside `loss` and `h`. */
  readonly scalars: Scalars;
  collator(options: O, texts: TextRules): Collates<B>;
  /** Made after the encoder, from the same generator; thrown away after pre-training. */
  head(config: BertConfig, random: Random, options: O): H;
  /**
   * `loss` is what to minimise, `h` the sentence vectors [B, H], for whoever joins losses; the others are the scalars.
   * @param random where dropout's randomness comes from; none: no dropout
   */
  losses(encoder: BertForMaskedLM, head: H, batch: B, options: O, random?: Random): Losses;
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
  complete(given: Partial<O>, shown?: Shown): O;
}

/** Makes an objective of its row. @throws if one of its scalars has a name that records use themselves */
export function defineObjective<O extends object, H extends object, B extends Batch>(
  spec: ObjectiveSpec<O, H, B>,
): Objective<O, H, B> {
  const taken = Object.keys(spec.scalars).find((name) => reservedNames.includes(name));
  if (taken) throw new Error(`${spec.name}: a scalar is called ${taken}, as every record has one. Rename it.`);
  return {
    ...spec,
    complete: (given, shown = (name) => `${spec.name}: ${name}`) => {
      const options = completeOptions(spec.options, given, shown);
      const wrong = spec.contradiction?.(options);
      if (wrong) throw wrongOption(shown, wrong.option, options[wrong.option as keyof O], wrong.wanted);
      return options;
    },
  };
}
