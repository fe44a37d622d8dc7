// A BERT's dimensions: defaults, what is refused, and config.json there and back.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { bertConfig, configFromHuggingFace, configToHuggingFace } from '../../nn/index.js';

const base = {
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
};

void t.test("what is not given is BERT's", async (t) => {
  t.match(bertConfig({ ...base, layer_norm_eps: undefined }), {
    ...base,
    type_vocab_size: 2,
    layer_norm_eps: 1e-12,
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    pad_token_id: 0,
    initializer_range: 0.02,
  });
  t.equal(bertConfig({ ...base, hidden_dropout_prob: 0 }).hidden_dropout_prob, 0, '0 is given');
});

void t.test('dimensions that make no BERT are refused, with the place they came from', async (t) => {
  for (const name of Object.keys(base))
    for (const value of [undefined, 0, -1, 1.5, NaN, '12'] as (number | undefined)[])
      t.throws(() => bertConfig({ ...base, [name]: value }, 'flags'), {
        message: new RegExp(
          `^flags: ${name} is ${typeof value === 'string' ? '"12"' : value}; it must be an integer of at least 1`,
        ),
      });
  t.throws(
    () => bertConfig({ ...base, hidden_size: 100 }),
    /config: hidden size 100 is not divisible by 12 heads. Choose a multiple of 12/,
  );
  for (const name of ['hidden_dropout_prob', 'attention_probs_dropout_prob'])
    for (const value of [-0.1, 1, NaN])
      t.throws(() => bertConfig({ ...base, [name]: value }), `config: ${name} is ${value}; it must be in [0, 1)`);
  for (const value of [0, -1, NaN])
    t.throws(() => bertConfig({ ...base, initializer_range: value }), /initializer_range is .* more than 0/);
});

void t.test('config.json of other models is refused', async (t) => {
  const read = (change: object) => () => configFromHuggingFace({ ...base, ...change }, 'dir/config.json');
  t.throws(read({ model_type: 'roberta' }), /^dir\/config.json: model_type is "roberta"; only "bert" is supported/);
  for (const name of ['gelu_new', 'gelu_fast', 'gelu_pytorch_tanh', 'gelu_10', 'quick_gelu', 'relu', 'silu', null, 3])
    t.throws(read({ hidden_act: name }), /config\.json: hidden_act is .*; only "gelu" or "gelu_python" is supported/);
  t.throws(
    read({ position_embedding_type: 'relative_key' }),
    /position_embedding_type is "relative_key"; only "absolute"/,
  );
  const others = { is_decoder: true, add_cross_attention: true, is_encoder_decoder: true };
  for (const [name, value] of Object.entries(others))
    t.throws(read({ [name]: value }), new RegExp(`config.json: ${name} is true; only false is supported`));
  t.throws(read({ pruned_heads: { 0: [1] } }), /pruned_heads is {"0":\[1\]}; only a model without it is supported/);
  t.throws(read({ quantization_config: { bits: 8 } }), /quantization_config is {"bits":8}; only a model without it/);
  t.throws(read({ num_attention_heads: 7 }), /hidden size 768 is not divisible by 7 heads/);
  t.throws(read({ vocab_size: null }), /vocab_size is null/);
  for (const json of [null, [], 'text', 5])
    t.throws(() => configFromHuggingFace(json, 'x'), /x: expected a JSON object/);
});

void t.test('values of another kind are told by file and field', async (t) => {
  const kinds = ['x', null, -1, [], {}, true, 1e300];
  for (const name of [...Object.keys(base), 'type_vocab_size', 'layer_norm_eps', 'hidden_dropout_prob', 'pad_token_id'])
    for (const value of kinds) {
      if ((name === 'layer_norm_eps' && value === 1e300) || (name === 'pad_token_id' && value === null)) continue;
      t.throws(() => configFromHuggingFace({ ...base, [name]: value }, 'dir/config.json'), {
        message: new RegExp(`^dir/config\\.json: ${name} is .*; it must be `),
      });
    }
  t.throws(
    () => configFromHuggingFace({ ...base, pad_token_id: 30522 }, 'x'),
    /pad_token_id is 30522; it must be null or/,
  );
  t.equal(configFromHuggingFace({ ...base, pad_token_id: null }, 'x').pad_token_id, null);
});

void t.test('a config.json with the least that loads, and with more than is needed', async (t) => {
  t.same(configFromHuggingFace({ model_type: 'bert', ...base }, 'x'), bertConfig(base));
  const harmless = { is_decoder: false, pruned_heads: {}, quantization_config: null, position_embedding_type: null };
  const more = { ...base, ...harmless, hidden_act: 'gelu_python', classifier_dropout: null, use_cache: true, vocab: 3 };
  t.same(configFromHuggingFace(more, 'x'), bertConfig(base));
});

void t.test('what is written is read back, and says all that other libraries ask for', async (t) => {
  const configs = fc
    .record({
      heads: fc.integer({ min: 1, max: 16 }),
      width: fc.integer({ min: 1, max: 64 }),
      rest: fc.record({
        vocab_size: fc.integer({ min: 1, max: 1e6 }),
        num_hidden_layers: fc.integer({ min: 1, max: 24 }),
        intermediate_size: fc.integer({ min: 1, max: 4096 }),
        max_position_embeddings: fc.integer({ min: 1, max: 4096 }),
        hidden_dropout_prob: fc.double({ min: 0, max: 0.99, noNaN: true }),
        initializer_range: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      }),
    })
    .map(({ heads, width, rest }) => ({ ...rest, num_attention_heads: heads, hidden_size: heads * width }));
  fc.assert(
    fc.property(configs, (given) => {
      const config = bertConfig(given);
      const json = JSON.parse(JSON.stringify(configToHuggingFace(config))) as unknown;
      assert.deepEqual(configFromHuggingFace(json, 'x'), config);
    }),
  );
  t.match(configToHuggingFace(bertConfig({ ...base, initializer_range: 0.05 })), {
    architectures: ['BertForMaskedLM'],
    model_type: 'bert',
    hidden_act: 'gelu',
    position_embedding_type: 'absolute',
    tie_word_embeddings: true,
    torch_dtype: 'float32',
    initializer_range: 0.05,
  });
});
