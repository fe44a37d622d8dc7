// The encoder of a model folder, for the commands that retrieve.
import { loadModel } from '../hub/index.js';
import { countText, noCounts, type DataCounts } from '../data/index.js';
import type { Similarity } from '../nn/index.js';
import { BertEncoder, type Encoder, type Role } from '../retrieval/index.js';
import { say } from './common.js';

/** A folder's encoder, and what goes with its vectors. */
export interface FolderEncoder {
  readonly encoder: Encoder;
  /** How its vectors are compared. */
  readonly similarity: Similarity;
  /** What an index remembers of the model. */
  readonly fingerprint: string;
  /** What texts are to the encoder, prompts included. */
  measure(texts: Iterable<string>, role?: Role): DataCounts;
}

/**
 * Loads the encoder, and says what the folder lacks and how it makes vectors, where that is not from [CLS] alone.
 * @param given.maxLength tokens of the longest text, where a user wants other than the folder says
 */
export async function loadEncoder(dir: string, given: { readonly maxLength?: number } = {}): Promise<FolderEncoder> {
  const { model, tokenizer, notes, description, fingerprint, similarity, ...folder } = await loadModel(dir);
  notes.forEach(say);
  if (description) say(description);
  const encoder = new BertEncoder(model, tokenizer, { ...folder, maxLength: given.maxLength ?? folder.maxLength });
  const measure: FolderEncoder['measure'] = (texts, role = 'document') => {
    const counts = noCounts();
    const prompt = folder.prompts[role] ?? '';
    const limits = { unk: tokenizer.unk, room: encoder.maxLength - 2 };
    for (const text of texts) countText(counts, text, tokenizer.encode(prompt + text), limits);
    return counts;
  };
  return { encoder, similarity, fingerprint, measure };
}
