// What is trained: a BERT encoder with its masked-language-model head, and beside it what an objective needs.
import type { Random } from '../core/index.js';
import { shownValue } from '../data/pure.js';
import { BertForMaskedLM, type BertConfig, type BertLayer, type Losses, type Parted } from '../nn/index.js';
import { partsOf, type Batch, type DecoderBatch } from './batch.js';
import { join } from './contrastive.js';
import { gradientCache } from './gradient-cache.js';
import type { Objective } from './objective.js';
import * as objectives from './objectives/index.js';

/** An encoder under an objective. The modules of the objective's head are fields beside `bert` and `cls`. */
export class PretrainModel<
  O extends object = object,
  H extends object = object,
  B extends Batch = Batch,
> extends BertForMaskedLM {
  readonly options: O;
  readonly #objective: Objective<O, H, B>;
  readonly #head: H;

  /**
   * @param random what initial weights are drawn from: the encoder's first, so that they are the same under every objective
   * @param recompute whether the backward pass computes the encoder's activations again instead of keeping them
   * @throws if there is no such option, or it is not what it must be, or contradicts another, or a module of the head bears
   *   a name of the model's
   */
  constructor(
    objective: Objective<O, H, B>,
    config: BertConfig,
    random: Random,
    options: Partial<O> = {},
    recompute = false,
  ) {
    super(config, random, recompute);
    const unknown = Object.keys(options).find((name) => !(name in objective.options));
    if (unknown)
      throw new Error(
        `${objective.name}: there is no option ${unknown}; it has ${Object.keys(objective.options).join(', ')}.`,
      );
    this.options = objective.complete(options, undefined, config.num_hidden_layers);
    this.#objective = objective;
    this.#head = objective.head(config, random, this.options);
    const taken = Object.keys(this.#head).find((name) => name in this);
    if (taken)
      throw new Error(`${objective.name}: its head has a module called ${taken}, as the model has. Rename it.`);
    // So the paths of their parameters are the names that checkpoints have, the authors' ones included.
    Object.assign(this, this.#head);
  }

  get objective(): Objective<O, H, B> {
    return this.#objective;
  }

  /** To be called before training, when the encoder has the weights that it begins with: some heads begin with them too. */
  begin(): void {
    this.#objective.begin?.(this, this.#head);
  }

  /** A batch with what the losses need beside it; of most objectives it is as it was. To be awaited before `losses`. */
  prepared(batch: B): Promise<B> {
    const { prepare } = this.#objective;
    return prepare ? prepare(this, this.#head, batch) : Promise.resolve(batch);
  }

  /** The losses of a batch, as the objective has them. @param random of dropout; none: no dropout */
  losses(batch: B, random?: Random): Losses {
    return this.#objective.losses(this, this.#head, batch, this.options, random);
  }

  /**
   * The same in chunks of so many texts, by gradient caching: only one of them is in memory at a time.
   * @throws if the objective does not compare texts, or not in chunks
   */
  inChunks(batch: B, size: number, random?: Random): Parted {
    const { halves, name, together = 1 } = this.#objective;
    if (!halves) throw new Error(`${name}: only objectives that compare texts can be computed in chunks of a batch.`);
    const chunks = partsOf(batch, Math.ceil(size / together) * together);
    return {
      parts: (weight) =>
        gradientCache(
          {
            chunks,
            encode: (chunk, i) => halves.texts(this, this.#head, chunk, this.options, random?.fork(i)),
            loss: (h) => halves.between(h, batch, this.#head, this.options),
          },
          weight,
        ),
    };
  }
}

/** The name of an objective; or of two that are joined, one that is not contrastive and one that is: `retromae+crop`. */
export type ObjectiveName = keyof typeof objectives | `${string}+${string}`;

/** Every objective by its name; those that are joined are not among them. */
export const objectiveNames = Object.keys(objectives) as (keyof typeof objectives)[];

/** The objectives that another one can be joined with. */
export const contrastiveNames = objectiveNames.filter((name) => (objectives[name] as Objective).halves?.pure);

/** An objective by its name, its own types left aside. @throws if there is none, or two cannot be joined */
export function objectiveNamed(name: ObjectiveName): Objective {
  const [first, second, ...more] = String(name).split('+').map(single);
  if (more.length > 0) throw new Error(`objective ${name}: two can be joined, not more.`);
  return second ? join(first, second) : first;
}

function single(name: string): Objective {
  const found = objectiveNames.find((each) => each === name);
  if (found) return objectives[found] as Objective;
  throw new Error(`there is no objective ${shownValue(name)}. They are ${objectiveNames.join(', ')}.`);
}

type All<U> = (U extends unknown ? (each: U) => void : never) extends (all: infer I) => void ? I : never;

/** The options of all objectives. */
export type ObjectiveOptions = Partial<All<ReturnType<(typeof objectives)[keyof typeof objectives]['complete']>>>;

/** Options of an objective, the name of the one that is meant, and how to compute. */
export type RetroMaeOptions = ObjectiveOptions & { objective?: ObjectiveName; recompute?: boolean };

/**
 * A model under an objective that is given by its name, RetroMAE if none is, as version 0.1 has it. Options that this
 * objective does not have are left aside.
 */
export class RetroMae extends PretrainModel<ObjectiveOptions, Partial<objectives.Decoder>, DecoderBatch> {
  declare readonly c_head?: BertLayer;
  declare readonly c_head_more?: readonly BertLayer[];

  /** @throws if there is no objective of that name, or as `PretrainModel`, but for options that it does not have */
  constructor(
    config: BertConfig,
    random: Random,
    { objective = 'retromae', recompute, ...options }: RetroMaeOptions = {},
  ) {
    // Which of the options and layers there are, the name of the objective says, and only to people.
    const named = objectiveNamed(objective) as unknown as Objective<
      ObjectiveOptions,
      Partial<objectives.Decoder>,
      DecoderBatch
    >;
    const own = Object.entries(options).filter(([name]) => name in named.options);
    super(named, config, random, Object.fromEntries(own) as ObjectiveOptions, recompute);
  }
}
