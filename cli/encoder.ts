// The encoder of a model folder, for the commands that retrieve.
import { isCross, isStatic, loadModel, loadStatic } from '../hub/index.js';
import { countText, noCounts, type DataCounts, type WordPiece } from '../data/index.js';
import { representations } from '../nn/index.js';
import type { BertForMaskedLM, Representation, RepresentationName, Similarity } from '../nn/index.js';
import { BertEncoder, DupmaeEncoder, ModelEncoder, vectorFormats } from '../retrieval/index.js';
import type { Encoder, EncoderOptions, KeepingOptions, Role, TextTokenizer } from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { say } from './common.js';
import { UsageError, type Flags } from './flags.js';

/** What texts are made of. */
export const representFlag = {
  represent: {
    type: 'string',
    choices: representations,
    help: 'what texts are made of: a pooling, or the dense numbers and words of DupMAE (default: what the model folder says)',
  },
} as const satisfies Flags;

/** How vectors are kept. */
export const vectorFlags = {
  vectors: {
    type: 'string',
    choices: vectorFormats,
    preset: 'f32',
    help: 'how each number of a vector is kept: whole, as a half, a byte, or a bit (four times as many are looked at again)',
  },
  dim: {
    type: 'number',
    rule: rules.integer(1),
    help: 'keep the first N numbers of each vector, as Matryoshka models are trained for (default: all)',
  },
} as const satisfies Flags;

/**
 * How vectors are to be kept.
 * @throws UsageError if the model makes fewer numbers, or keeps words instead
 */
export function keepingOf(
  { vectors, dim }: { readonly vectors?: string; readonly dim?: number },
  { encoder, represent }: Pick<FolderEncoder, 'encoder' | 'represent'>,
): Required<KeepingOptions> {
  if (represent === 'dupmae' && (vectors !== undefined || dim !== undefined))
    throw new UsageError(
      `--${vectors === undefined ? 'dim' : 'vectors'} is for vectors, but texts are made to numbers and words (dupmae). Leave it out.`,
    );
  if (dim !== undefined && dim > encoder.dim)
    throw new UsageError(`--dim is ${dim}, but the model makes ${encoder.dim} numbers. Give at most as many.`);
  return { format: vectorFormats.find((name) => name === vectors) ?? 'f32', dim: dim ?? encoder.dim };
}

/** @throws UsageError for a similarity that the representation has not */
export function refuseSimilarity({ represent, similarity = 'dot' }: { represent?: string; similarity?: string }): void {
  if (represent === 'dupmae' && similarity !== 'dot')
    throw new UsageError(
      `--similarity is ${similarity}, but --represent dupmae is compared by dot product alone. Leave it out.`,
    );
}

/** The encoder of a model: of DupMAE's representation, where that is given; by the mean, where words have weights. */
export const newEncoder = (
  model: BertForMaskedLM,
  tokenizer: TextTokenizer,
  representation: Representation | undefined,
  options: EncoderOptions,
): Encoder =>
  representation
    ? new DupmaeEncoder(model, tokenizer, representation, options)
    : new BertEncoder(model, tokenizer, { ...(model.word_weights && { pooling: 'mean' }), ...options });

/** A folder's encoder, and what goes with its vectors. */
export interface FolderEncoder {
  readonly encoder: Encoder;
  /** How its vectors are compared. */
  readonly similarity: Similarity;
  /** What an index remembers of the model. */
  readonly fingerprint: string;
  /** What texts are made of: a pooling by its name, or 'dupmae'. */
  readonly represent: string;
  /** What texts are to the encoder, prompts included. */
  measure(texts: Iterable<string>, role?: Role): DataCounts;
}

/**
 * Loads the encoder, and says what the folder lacks and how it makes vectors, where that is not from [CLS] alone.
 * @param given.maxLength tokens of the longest text, where a user wants other than the folder says
 * @param given.represent what texts shall be made of, likewise
 * @throws as `loadModel`, or if the folder has a cross-encoder, whose states are no vectors of texts
 */
export async function loadEncoder(
  dir: string,
  given: { readonly maxLength?: number; readonly represent?: string } = {},
): Promise<FolderEncoder> {
  if (await isCross(dir))
    throw new Error(
      `${dir}: is a cross-encoder, which scores pairs and makes no vectors. Give it to \`retromae rerank\`, and a bi-encoder here.`,
    );
  const asked = given.represent as RepresentationName | undefined;
  const { encoder, tokenizer, notes, description, fingerprint, similarity, represent, prompts } = (await isStatic(dir))
    ? await staticEncoder(dir, given)
    : await bertEncoder(dir, given.maxLength, asked);
  notes.forEach(say);
  if (description) say(description);
  const measure: FolderEncoder['measure'] = (texts, role = 'document') =>
    countsOf(texts, tokenizer, { prompt: prompts[role], maxLength: encoder.maxLength });
  return { encoder, similarity, fingerprint, represent, measure };
}

/** What texts are to an encoder with that tokenizer, each after the prompt. */
export function countsOf(
  texts: Iterable<string>,
  tokenizer: WordPiece,
  { prompt, maxLength }: { readonly prompt: string; readonly maxLength: number },
): DataCounts {
  const counts = noCounts();
  const limits = { unk: tokenizer.unk, room: maxLength - 2 };
  for (const text of texts) countText(counts, text, tokenizer.encode(prompt + text), limits);
  return counts;
}

async function bertEncoder(dir: string, maxLength: number | undefined, represent: RepresentationName | undefined) {
  const { model, ...loaded } = await loadModel(dir, { represent });
  const options = { ...loaded, maxLength: maxLength ?? loaded.maxLength };
  return { ...loaded, encoder: newEncoder(model, loaded.tokenizer, loaded.representation, options) };
}

async function staticEncoder(dir: string, given: { readonly maxLength?: number; readonly represent?: string }) {
  if (given.represent !== undefined)
    throw new UsageError(
      `--represent is ${given.represent}, but ${dir} is a static encoder, without hidden states. Leave it out.`,
    );
  const { model, ...loaded } = await loadStatic(dir);
  const options = { ...loaded, maxLength: given.maxLength ?? loaded.maxLength };
  return { ...loaded, represent: 'static', encoder: new ModelEncoder(model, loaded.tokenizer, options) };
}
