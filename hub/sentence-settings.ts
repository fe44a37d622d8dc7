// What sentence-transformers' files say beside the modules: longest text, prompts, similarity, width.
import { join } from 'node:path';
import type { JsonFields } from '../data/index.js';
import { similarities, type Similarity } from '../nn/index.js';
import { fieldsIfThere, within } from './fields.js';
import { fileNames } from './model-files.js';

/** The file beside config.json by its names through the years; the first that is there and says anything counts. */
const ENCODER_FILES = ['bert', 'roberta', 'distilbert', 'camembert', 'albert', 'xlm-roberta', 'xlnet'].map(
  (name) => `sentence_${name}_config.json`,
);

/** What may stand in the arguments that a folder gives to transformers, as it changes no vector here. */
const HARMLESS = new Set(['add_pooling_layer', 'attn_implementation', 'dtype', 'torch_dtype', 'trust_remote_code']);

export interface EncoderSettings {
  /** Tokens of the longest text, [CLS] and [SEP] included. */
  readonly maxLength: number;
  /** Whether texts are put in lower case before the tokenizer does its own. */
  readonly lowercase: boolean;
}

/**
 * How texts come to the encoder.
 * @param folder where the encoder is
 * @param positions rows of its position table
 * @throws naming file and field: of another kind, or what is not built here
 */
export async function encoderSettings(folder: string, positions: number): Promise<EncoderSettings> {
  const fields = await encoderFields(folder);
  fields.oneOf('transformer_task', 'feature-extraction');
  fields.oneOf('module_output_name', 'token_embeddings');
  within(within(fields, 'modality_config'), 'text').oneOf('method_output_name', 'last_hidden_state');
  for (const name of ['query_length', 'document_length', 'query_expansion', 'processing_kwargs']) {
    const value = fields.get(name) ?? {};
    if (typeof value !== 'object' || Object.keys(value).length > 0)
      throw fields.refuse(name, 'none, as it is not built here');
  }
  for (const name of ['model_args', 'model_kwargs', 'config_args', 'config_kwargs'])
    refuseOthers(within(fields, name), HARMLESS);
  const tokenizer = ['tokenizer_args', 'processor_kwargs'].map((name) => within(fields, name));
  tokenizer.forEach((given) => refuseOthers(given, new Set(['model_max_length', 'trust_remote_code'])));
  const asked =
    tokenizer.map((given) => given.integer('model_max_length', LEAST)).find((length) => length !== undefined) ??
    fields.integer('max_seq_length', LEAST);
  const ofTokenizer = async () =>
    (await fieldsIfThere(join(folder, fileNames.tokenizerConfig))).number('model_max_length', LEAST) ?? Infinity;
  return {
    maxLength: Math.floor(Math.min(asked ?? (await ofTokenizer()), positions)),
    lowercase: fields.boolean('do_lower_case') ?? false,
  };
}

/** [CLS], a token, [SEP]. */
const LEAST = 3;

async function encoderFields(folder: string): Promise<JsonFields> {
  for (const name of ENCODER_FILES) {
    const fields = await fieldsIfThere(join(folder, name));
    if (fields.entries().length > 0) return fields;
  }
  return fieldsIfThere(join(folder, fileNames.sentence));
}

function refuseOthers(given: JsonFields, known: ReadonlySet<string>): void {
  const [name] = given.entries().find(([key]) => !known.has(key)) ?? [];
  if (name !== undefined) throw given.refuse(name, 'none, as it is not honoured here');
}

export interface VectorSettings {
  readonly similarity: Similarity;
  readonly prompts: Readonly<Record<'query' | 'document', string>>;
  /** Numbers of a vector that are kept; all, if it is not given. */
  readonly width: number | undefined;
  readonly notes: readonly string[];
}

/** How vectors are asked for and compared. @throws naming file and field: of another kind, or what is not built here */
export async function vectorSettings(dir: string): Promise<VectorSettings> {
  const fields = await fieldsIfThere(join(dir, fileNames.sentenceTransformers));
  fields.oneOf('model_type', 'SentenceTransformer');
  const all = within(fields, 'prompts');
  const prompts = { query: all.text('query') ?? '', document: all.text('document') ?? '' };
  const names = all.entries().map(([name]) => name);
  const named = fields.text('default_prompt_name') ?? '';
  if (named !== '' && !['query', 'document', ...names].includes(named))
    throw fields.refuse('default_prompt_name', `one of prompts: ${names.join(', ') || 'there are none'}`);
  // sentence-transformers looks for "passage" and "corpus" too, but after a "document" that is always there.
  const unread = names.filter((name) => !Object.hasOwn(prompts, name) && (all.text(name) ?? '') !== '');
  const notes = unread.length
    ? [`${fields.file}: the prompts ${unread.join(', ')} are not used; query and document are those that count.`]
    : [];
  return {
    similarity: fields.oneOf('similarity_fn_name', ...similarities),
    prompts,
    width: fields.integer('truncate_dim', 1),
    notes,
  };
}
