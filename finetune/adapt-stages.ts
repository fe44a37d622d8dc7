// What a round of `retromae adapt` trains, one stage after the other: words; a BERT that begins with them, by RetroMAE; the same
// by contrast.
import { join } from 'node:path';
import { isThere } from '../data/index.js';
import { isStatic, loadModel, loadStatic, modelFiles, staticFiles, type Files, type ModelCard } from '../hub/index.js';
import { ModelEncoder, type Encoder } from '../retrieval/index.js';
import { objectiveNamed, type Scalars } from '../retromae/index.js';
import { pretrain, resume, type LoopSettings, type PretrainSettings, type RunHooks } from '../train/index.js';
import type { AdaptSettings } from './adapt.js';
import { finetuneOn, scalarsOf } from './finetune.js';
import { folderEncoder } from './folder-encoder.js';
import { untrainedWords } from './models.js';
import { FUSION_WEIGHT, transformerRecipe, wordsRecipe } from './recipe.js';
import { finetuneSettings, type FinetuneSettings } from './settings.js';

/** A run of its own, in a folder of its own. */
export interface AdaptStage {
  readonly name: string;
  readonly settings: LoopSettings & { readonly corpus: string };
  /** What its losses are called. */
  readonly scalars: Scalars;
  /** Trains, or goes on with what was broken off. */
  train(hooks: RunHooks<unknown>): Promise<{ readonly interrupted: boolean }>;
  /** What it came to. */
  encoder(): Promise<Encoder>;
  /** What it began with, where that finds by itself. */
  untrained?(): Promise<Encoder>;
}

/** Where a round is. */
export interface RoundPlace {
  /** Folder of the round, and of the one before it. */
  readonly round: string;
  readonly former?: string;
  /** The text without what is held out. */
  readonly corpus: string;
  /** From 1. */
  readonly number: number;
  readonly documents: number;
}

const WORDS = 'words';
const RETROMAE = 'retromae';
const CONTRAST = 'contrast';

export async function stagesOf(settings: AdaptSettings, place: RoundPlace): Promise<AdaptStage[]> {
  const words = wordsStage(settings, place);
  return settings.layers > 0 ? [words, await retromaeStage(settings, place), contrastStage(settings, place)] : [words];
}

/** What all stages of a round have in common; with a transformer, each has a third of the time. */
function common(settings: AdaptSettings, { corpus, number, documents }: RoundPlace) {
  const { minutes, steps, layers, backend, threads, workers, seed, maxUnknown } = settings;
  return {
    ...(steps === undefined ? { minutes: layers > 0 ? minutes / 3 : minutes } : { steps }),
    ...{ corpus, backend, threads, workers, seed: seed + number - 1, maxUnknown },
    atMost: (batch: number) => Math.max(2, Math.min(batch, Math.floor(documents / 2))),
  };
}

function wordsStage(settings: AdaptSettings, place: RoundPlace): AdaptStage {
  const { width, vocab, vocabSize, batch } = settings;
  const { atMost, ...shared } = common(settings, place);
  return finetuneStage(WORDS, {
    ...wordsRecipe,
    ...(place.former === undefined ? { width, vocab, vocabSize } : { width, model: join(place.former, WORDS) }),
    ...{ ...shared, out: join(place.round, WORDS), batch: atMost(batch) },
  });
}

/** Begins with the words, or, in a later round, with the BERT of the one before. */
async function retromaeStage(settings: AdaptSettings, place: RoundPlace): Promise<AdaptStage> {
  const { atMost, ...shared } = common(settings, place);
  const { layers, heads } = settings;
  const former = place.former === undefined ? undefined : join(place.former, CONTRAST);
  const begins =
    former !== undefined && (await isThere(join(former, 'model.safetensors')))
      ? { init: former }
      : { initWords: join(place.round, WORDS), layers, heads };
  const own: Partial<PretrainSettings> = {
    ...{ ...transformerRecipe.retromae, ...shared, ...begins },
    out: join(place.round, RETROMAE),
    batch: atMost(transformerRecipe.retromae.batch),
  };
  return {
    name: 'RetroMAE',
    settings: own as AdaptStage['settings'],
    scalars: objectiveNamed('retromae').scalars,
    train: async (hooks) =>
      (await isThere(join(own.out!, 'run.json'))) ? resume(own.out!, {}, hooks) : pretrain(own, hooks),
    encoder: async () => (await folderEncoder(own.out!)).encoder,
  };
}

function contrastStage(settings: AdaptSettings, place: RoundPlace): AdaptStage {
  const { atMost, ...shared } = common(settings, place);
  return finetuneStage(CONTRAST, {
    ...{ ...transformerRecipe.contrast, ...shared },
    model: join(place.round, RETROMAE),
    out: join(place.round, CONTRAST),
    batch: atMost(transformerRecipe.contrast.batch),
  });
}

function finetuneStage(name: string, given: Partial<FinetuneSettings>): AdaptStage {
  const settings = finetuneSettings(given);
  const { out } = settings;
  return {
    ...{ name, settings, scalars: scalarsOf(settings) },
    train: (hooks) => finetuneOn(settings, hooks),
    encoder: async () => (await folderEncoder(out)).encoder,
    ...(name === WORDS && {
      untrained: async () => {
        const { model: words, tokenizer } = await untrainedWords(settings);
        return new ModelEncoder(words, tokenizer);
      },
    }),
  };
}

/** The model folder of a stage, with a card that says how to search with it. */
export async function filesOfStage({ settings: { out } }: AdaptStage): Promise<Files> {
  const card: ModelCard = {
    method: 'learning from the text that it searches (`retromae adapt`)',
    text: `Best searched together with BM25, whose share is ${FUSION_WEIGHT}: \`retromae search --fuse weighted --fuse-weight ${FUSION_WEIGHT}\`.`,
  };
  if (await isStatic(out)) {
    const { model, tokenizer } = await loadStatic(out);
    return staticFiles(model, tokenizer, { card });
  }
  const { model, tokenizer, maxLength } = await loadModel(out);
  return modelFiles(model, tokenizer, { maxLength, pooling: model.word_weights ? 'mean' : 'cls', card });
}
