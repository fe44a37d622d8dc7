// The encoder of a model folder, for the commands that retrieve.
import { loadModel } from '../hub/index.js';
import { BertEncoder, type Encoder } from '../retrieval/index.js';
import { say } from './common.js';

/**
 * Loads the encoder, and says what the folder lacks.
 * @param given what a user wants other than the folder says
 */
export async function loadEncoder(
  dir: string,
  given: { readonly maxLength?: number; readonly similarity?: string } = {},
): Promise<Encoder> {
  const { model, tokenizer, notes, ...folder } = await loadModel(dir);
  notes.forEach(say);
  const { maxLength = folder.maxLength, similarity = folder.similarity } = given;
  return new BertEncoder(model, tokenizer, {
    maxLength,
    pooling: folder.pooling,
    normalize: similarity === 'cosine',
  });
}
