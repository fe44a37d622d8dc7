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
      t.throws(
        () => bertConfig({ ...base, [name]: value }, 'flags'),
        new RegExp(`^flags: ${name} is ${value}; it must be an integer of at least 1`.replace('.', '\\.')),
      );
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
  t.throws(read({ hidden_act: 'gelu_new' }), /hidden_act is "gelu_new"; only "gelu" \(exact\) is supported/);
  t.throws(read({ position_embedding_type: 'relative_key' }), /position_embedding_type must be "absolute"/);
  t.throws(read({ num_attention_heads: 7 }), /hidden size 768 is not divisible by 7 heads/);
  t.throws(read({ vocab_size: null }), /vocab_size is null/);
  for (const json of [null, [], 'text', 5])
    t.throws(() => configFromHuggingFace(json, 'x'), /x: expected a JSON object/);
});

void t.test('a config.json with the least that loads, and with more than is needed', async (t) => {
  t.same(configFromHuggingFace({ model_type: 'bert', ...base }, 'x'), bertConfig(base));
  const more = { ...base, hidden_act: 'gelu', classifier_dropout: null, use_cache: true, vocab: 3 };
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
