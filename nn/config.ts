// A BERT's dimensions, as Hugging Face's config.json names them.
import { shownValue } from './shown-value.js';

export interface BertConfig {
  vocab_size: number;
  hidden_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  intermediate_size: number;
  max_position_embeddings: number;
  type_vocab_size: number;
  layer_norm_eps: number;
  hidden_dropout_prob: number;
  attention_probs_dropout_prob: number;
  /** The row of the word table that looking it up gives no gradient; null: there is none. */
  pad_token_id: number | null;
  /** Standard deviation of the initial weights: 0.02 for BERT; narrow models learn sooner with some 0.5 / sqrt(hidden). */
  initializer_range: number;
}

const defaults = {
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  pad_token_id: 0,
  initializer_range: 0.02,
};

/** What each field must be; beyond 2^24 a float32 is no id any more, and no BERT has come near it. */
const COUNT: Rule = [(x) => Number.isInteger(x) && x >= 1 && x <= 2 ** 24, 'an integer of at least 1 and at most 2^24'];
const RATE: Rule = [(x) => x >= 0 && x < 1, 'in [0, 1)'];
const POSITIVE: Rule = [(x) => x > 0 && x < Infinity, 'more than 0'];

type Rule = readonly [fits: (x: number) => boolean, wanted: string];

const rules: Readonly<Record<Exclude<keyof BertConfig, 'pad_token_id'>, Rule>> = {
  vocab_size: COUNT,
  hidden_size: COUNT,
  num_hidden_layers: COUNT,
  num_attention_heads: COUNT,
  intermediate_size: COUNT,
  max_position_embeddings: COUNT,
  type_vocab_size: COUNT,
  layer_norm_eps: POSITIVE,
  hidden_dropout_prob: RATE,
  attention_probs_dropout_prob: RATE,
  initializer_range: POSITIVE,
};

/**
 * Checks dimensions and fills in what has a default.
 * @param where named in errors: a file, or the flags it came from
 * @throws naming place and field: missing or no positive integer, heads that do not divide the hidden size, or a rate that is
 *   not in [0, 1)
 */
export function bertConfig(given: Partial<BertConfig>, where = 'config'): BertConfig {
  const config = {
    ...defaults,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  } as BertConfig;
  for (const [name, [fits, wanted]] of Object.entries(rules)) {
    const value: unknown = config[name as keyof BertConfig];
    if (typeof value !== 'number' || !fits(value))
      throw new Error(`${where}: ${name} is ${shownValue(value)}; it must be ${wanted}.`);
  }
  const { hidden_size: hidden, num_attention_heads: heads, pad_token_id: pad, vocab_size: words } = config;
  if (hidden % heads !== 0)
    throw new Error(
      `${where}: hidden size ${hidden} is not divisible by ${heads} heads. Choose a multiple of ${heads}.`,
    );
  if (pad !== null && !(Number.isInteger(pad) && pad >= 0 && pad < words))
    throw new Error(
      `${where}: pad_token_id is ${shownValue(pad)}; it must be null or an id below vocab_size, ${words}.`,
    );
  return config;
}

/** What else in a config.json changes the computation: the values that are built here, besides none; GELU is the exact one. */
const built: Readonly<Record<string, readonly unknown[]>> = {
  model_type: ['bert'],
  hidden_act: ['gelu', 'gelu_python'],
  position_embedding_type: ['absolute', null],
  is_decoder: [false, null],
  is_encoder_decoder: [false, null],
  add_cross_attention: [false, null],
  pruned_heads: [null],
  quantization_config: [null],
};

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Reads a parsed config.json. @throws for models that are not BERT, or that use what is not built here, by the field */
export function configFromHuggingFace(json: unknown, file: string): BertConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${file}: expected a JSON object.`);
  const raw = new Map(Object.entries(json as Record<string, unknown>));
  for (const [name, values] of Object.entries(built)) {
    const value = raw.get(name);
    if (value === undefined || values.includes(value) || (values[0] === null && isEmpty(value))) continue;
    const wanted = values.filter((each) => each !== null).map(shownValue);
    throw new Error(
      `${file}: ${name} is ${shownValue(value)}; only ${wanted.join(' or ') || 'a model without it'} is supported.`,
    );
  }
  const known = ([name]: readonly [string, unknown]) => Object.hasOwn(rules, name) || name === 'pad_token_id';
  return bertConfig(Object.fromEntries([...raw].filter(known)), file);
}

/** The whole config.json that transformers, sentence-transformers and transformers.js read. */
export function configToHuggingFace(config: BertConfig): Record<string, unknown> {
  return {
    architectures: ['BertForMaskedLM'],
    model_type: 'bert',
    ...config,
    hidden_act: 'gelu',
    position_embedding_type: 'absolute',
    tie_word_embeddings: true,
    torch_dtype: 'float32',
  };
}
