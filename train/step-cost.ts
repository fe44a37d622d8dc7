// What a step of each objective costs beside one of plain MLM: measured here and now, in turns, on text that is made up.
import { Random } from '../core/index.js';
import { AdamW, bertConfig } from '../nn/index.js';
import {
  Batches,
  objectiveNamed,
  PretrainModel,
  type Examples,
  type ObjectiveName,
  type Passage,
} from '../retromae/index.js';
import type { PretrainSettings } from './settings.js';

export interface StepCost {
  readonly objective: ObjectiveName;
  /** Time of a step, divided by that of an MLM step of as many examples: the median of the rounds. */
  readonly cost: number;
  /** Tokens of a batch, divided by those of MLM's. */
  readonly tokens: number;
}

const ROUNDS = 5;
const DOCUMENTS = 64;
const BLOCKS = 4;
/** Tokens of a sentence. */
const SENTENCE = 24;
/** Special tokens, and where words begin. */
const [CLS, SEP, MASK, WORDS] = [2, 3, 4, 5];

/** Documents of full blocks of words drawn at random: as much work as text is. */
function madeUp(words: number, length: number): Examples {
  const blocks = Array.from({ length: DOCUMENTS * BLOCKS }, (_, index): Passage => {
    const random = new Random(1, index);
    return {
      ids: Array.from({ length }, () => WORDS + random.below(words - WORDS)),
      sentences: Array.from({ length: Math.ceil(length / SENTENCE) }, (_, i) => i * SENTENCE),
      title: [],
      documentId: Math.floor(index / BLOCKS),
      siblings: {
        count: BLOCKS,
        place: index % BLOCKS,
        at: (place) => blocks[index - (index % BLOCKS) + place],
      },
    };
  });
  return { length: blocks.length, at: (index) => blocks[index] };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A model under an objective, and how to take a step with it. */
function stepper(name: ObjectiveName, settings: PretrainSettings, examples: Examples) {
  const { vocabSize, layers, hidden, heads, ffn, seq, batch, dropout } = settings;
  const config = bertConfig({
    ...{ vocab_size: vocabSize, hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads },
    ...{ intermediate_size: ffn || 4 * hidden, max_position_embeddings: seq },
    ...{ hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout },
  });
  const model = new PretrainModel(objectiveNamed(name), config, new Random(1));
  model.begin();
  const tokenizer = {
    ...{ size: vocabSize, cls: CLS, sep: SEP, mask: MASK },
    isContinuation: (id: number) => id % 4 === 0,
    isSpecial: (id: number) => id < WORDS,
  };
  const batches = new Batches(
    examples,
    model.objective.collator(model.options, { tokenizer, maxLength: seq }),
    batch,
    1,
  );
  const optimizer = new AdamW(model, { lr: 0, clip: 1 });
  let index = 0;
  let tokens = 0;
  const step = async (): Promise<number> => {
    const made = batches.at(index);
    tokens += made.ids.length;
    const started = performance.now();
    const prepared = await model.prepared(made);
    await optimizer.step(() => model.losses(prepared, batches.dropout(index)));
    index++;
    return performance.now() - started;
  };
  return { step, tokensPerStep: () => tokens / index };
}

/** Measures one objective after the other, each beside MLM, at the size of the settings. */
export async function* stepCosts(
  names: readonly ObjectiveName[],
  settings: PretrainSettings,
): AsyncGenerator<StepCost> {
  const examples = madeUp(settings.vocabSize, settings.seq - 2);
  const mlm = stepper('mlm', settings, examples);
  await mlm.step();
  for (const objective of names) {
    const own = stepper(objective, settings, examples);
    await own.step();
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const usual = await mlm.step();
      ratios.push((await own.step()) / usual);
    }
    yield { objective, cost: median(ratios), tokens: own.tokensPerStep() / mlm.tokensPerStep() };
  }
}
