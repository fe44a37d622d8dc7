// A BERT's dimensions, as Hugging Face's config.json names them.

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
  pad_token_id: number;
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

const required = [
  'vocab_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
] as const;

/**
 * Checks dimensions and fills in what has a default.
 * @param where named in errors: a file, or the flags it came from
 * @throws if a dimension is missing or no positive integer, heads do not divide the hidden size, or a rate is not in [0, 1)
 */
export function bertConfig(given: Partial<BertConfig>, where = 'config'): BertConfig {
  const config = {
    ...defaults,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  } as BertConfig;
  for (const name of [...required, 'type_vocab_size'] as const)
    if (!Number.isInteger(config[name]) || config[name] < 1)
      throw new Error(`${where}: ${name} is ${config[name]}; it must be an integer of at least 1.`);
  const { hidden_size: hidden, num_attention_heads: heads } = config;
  if (hidden % heads !== 0)
    throw new Error(
      `${where}: hidden size ${hidden} is not divisible by ${heads} heads. Choose a multiple of ${heads}.`,
    );
  if (!(config.initializer_range > 0))
    throw new Error(`${where}: initializer_range is ${config.initializer_range}; it must be more than 0.`);
  for (const name of ['hidden_dropout_prob', 'attention_probs_dropout_prob'] as const)
    if (!(config[name] >= 0 && config[name] < 1))
      throw new Error(`${where}: ${name} is ${config[name]}; it must be in [0, 1).`);
  return config;
}

/** Reads a parsed config.json. @throws for models that are not BERT, or that use what is not built here */
export function configFromHuggingFace(json: unknown, file: string): BertConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Error(`${file}: expected a JSON object.`);
  const raw = json as Record<string, unknown>;
  if (raw.model_type !== undefined && raw.model_type !== 'bert')
    throw new Error(`${file}: model_type is ${JSON.stringify(raw.model_type)}; only "bert" is supported.`);
  if (raw.hidden_act !== undefined && raw.hidden_act !== 'gelu')
    throw new Error(`${file}: hidden_act is ${JSON.stringify(raw.hidden_act)}; only "gelu" (exact) is supported.`);
  if (raw.position_embedding_type !== undefined && raw.position_embedding_type !== 'absolute')
    throw new Error(`${file}: position_embedding_type must be "absolute".`);
  const known = [...required, ...Object.keys(defaults)];
  return bertConfig(Object.fromEntries(Object.entries(raw).filter(([name]) => known.includes(name))), file);
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
