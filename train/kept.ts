// What a run keeps of a model: the files of its folder, and the tensors that a checkpoint puts back.
import type { WordPiece } from '../data/index.js';
import { encoderOf, headOf, modelFiles, type Files, type ModelFilesOptions } from '../hub/index.js';
import type { BertForMaskedLM } from '../nn/index.js';

export interface Kept {
  /** The model folder, weights last. */
  files(): Promise<Files>;
  /** A module of what its model.safetensors holds: paths are names there. */
  readonly weights: object;
  /** A module of all else that is trained: its tensors are in a file of the checkpoint's own. */
  readonly head: object;
}

/** @param options.pooling by default the mean where the model has weights of words, else [CLS] */
export const keptBert = (model: BertForMaskedLM, tokenizer: WordPiece, options: ModelFilesOptions): Kept => ({
  files: () => modelFiles(model, tokenizer, { pooling: model.word_weights ? 'mean' : 'cls', ...options }),
  weights: encoderOf(model),
  head: headOf(model),
});
