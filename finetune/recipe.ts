// The recipe of `retromae adapt`: one for every corpus, found on SciFact's training claims, which nothing reports, and no other
// judgements. docs/design/finetuning.md has what was tried.
import type { PretrainSettings } from '../train/index.js';
import type { FinetuneSettings } from './settings.js';

/** Words alone, trained on the text that will be searched. */
export const wordsRecipe = {
  vocabSize: 16384,
  width: 768,
  batch: 1024,
  lr: '6e-3',
  tokenDrop: 0.5,
  temperature: 0.05,
  pairs: 'title:0.2,cloze:0.4,crop:0.4',
  seq: 256,
  /** Where little text is passed over so often, more brings nothing. */
  mostEpochs: 60,
} as const satisfies Partial<FinetuneSettings>;

/** A BERT that begins with such words: RetroMAE, then contrast. */
export const transformerRecipe = {
  width: 256,
  retromae: {
    objective: 'retromae',
    ...{ seq: 256, batch: 16, lr: '5e-4', dropout: 0, encoderMask: 0.3, decoderMask: 0.5, evalEvery: 0 },
    ...{ saveEvery: 0, saveMinutes: 5, keep: 1 },
  },
  contrast: {
    ...{ batch: 256, lr: '5e-4', tokenDrop: 0.5, temperature: 0.05, pairs: wordsRecipe.pairs, seq: 256 },
  },
} as const satisfies {
  width: number;
  retromae: Partial<PretrainSettings>;
  contrast: Partial<FinetuneSettings>;
};

/** BM25's share where the two are fused (scores scaled by the best): anything from 0.5 to 0.7 is as good. */
export const FUSION_WEIGHT = 0.6;
