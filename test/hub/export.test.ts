// What `exportOnnx` says of an encoder: how its hidden states become vectors, and what other programs have to do themselves.
import { join } from 'node:path';
import t from 'tap';
import { Random, setBackend, tensor } from '../../core/index.js';
import { exportOnnx, saveModel, saveStatic, type ModelFilesOptions } from '../../hub/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { bertConfig, BertForMaskedLM, StaticModel } from '../../nn/index.js';
import { WordPiece } from '../../data/index.js';

setBackend(new ReferenceBackend('float32'));
const tokenizer = WordPiece.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b']);
const config = bertConfig({
  ...{ vocab_size: 7, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8 },
  max_position_embeddings: 8,
});

void t.test('poolings, word weights and prompts', async (t) => {
  const dir = t.testdir({});
  const exported = async (name: string, options: Partial<ModelFilesOptions>, weighted = false) => {
    const model = new BertForMaskedLM(config, new Random(1));
    const word_weights = tensor([1, 1, 1, 1, 1, 2, 3], [7, 1]);
    if (weighted) Object.assign(model, { word_weights });
    await saveModel(join(dir, name), model, tokenizer, { maxLength: 8, ...options });
    const { pooling, normalize, notes } = await exportOnnx(join(dir, name));
    return { pooling, normalize, notes: notes.join('\n') };
  };
  t.match(await exported('cls', {}), { pooling: 'cls', normalize: true, notes: '' });
  t.match(await exported('dot', { similarity: 'dot' }), { pooling: 'cls', normalize: false, notes: '' });
  t.match(await exported('mean', { pooling: 'mean' }), { pooling: 'mean', normalize: true });
  const weighted = await exported('weighted', { pooling: 'mean' }, true);
  t.equal(weighted.pooling, undefined, 'transformers.js has no word for it');
  t.match(weighted.notes, /The graph ends with the hidden states; what follows is yours to do: .*weighted/);
  const prompts = { query: 'query: ', document: '' };
  t.match(
    (await exported('prompts', { prompts })).notes,
    /^Put "query: " before each query, as the folder asks for\.$/,
  );
  const table = new StaticModel({ words: 7, dim: 4, unk: 1 }, new Random(2));
  await saveStatic(join(dir, 'static'), table, tokenizer, { prompts });
  t.match((await exportOnnx(join(dir, 'static'))).notes.join(), /Put "query: " before each query/);
});
