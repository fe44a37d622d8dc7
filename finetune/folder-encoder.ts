// What makes vectors of texts in a model folder, static or BERT.
import { isStatic, loadModel, loadStatic } from '../hub/index.js';
import type { Similarity } from '../nn/index.js';
import { BertEncoder, ModelEncoder, type Encoder } from '../retrieval/index.js';

/** @throws as `loadModel` and `loadStatic`, or for DupMAE's representation, which is more than one vector */
export async function folderEncoder(dir: string): Promise<{ encoder: Encoder; similarity: Similarity }> {
  if (await isStatic(dir)) {
    const { model, tokenizer, ...loaded } = await loadStatic(dir);
    return { encoder: new ModelEncoder(model, tokenizer, loaded), similarity: loaded.similarity };
  }
  const { model, tokenizer, representation, ...loaded } = await loadModel(dir);
  if (representation)
    throw new Error(`${dir}: makes DupMAE's representation, which does not teach here. Take another teacher.`);
  return { encoder: new BertEncoder(model, tokenizer, loaded), similarity: loaded.similarity };
}
