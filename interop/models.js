// The models that are compared: one of each kind, in folders, with weights drawn at random (as spread as trained ones are).
import { join } from 'node:path';
import * as r from '../dist/node/index.js';

const shape = (hidden, layers) => ({
  ...{
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: hidden / 64,
    intermediate_size: 4 * hidden,
  },
  ...{ max_position_embeddings: 128, initializer_range: 0.06 },
});

/** Words of the longest text: with them a text is below the 128 tokens of the models. */
const WORDS = 60;

/** Paragraphs of the State of the Union addresses, cut to 1 .. 60 words; or, to be cut by the programs, whole ones that are longer. */
export async function someTexts(count, { long = false } = {}) {
  const paragraphs = (await r.sotu()).flatMap(({ text }) => text.split(/\n+/)).map((text) => text.trim().split(' '));
  const fitting = paragraphs.filter(({ length }) => (long ? length > 2 * WORDS : length > WORDS));
  const step = Math.floor(fitting.length / count);
  return Array.from({ length: count }, (_, i) => {
    const words = fitting[i * step];
    return (long ? words : words.slice(0, 1 + ((i * 13) % WORDS))).join(' ');
  });
}

/** Writes each model and its exports below `dir`. */
export async function makeModels(dir) {
  const tokenizer = await r.trainWordPiece(
    (await r.sotu()).map(({ text }) => text),
    { vocabSize: 8192 },
  );
  const random = new r.Random(7);
  const config = (hidden, layers) => r.bertConfig({ ...shape(hidden, layers), vocab_size: tokenizer.size });
  const save = (name, model) => r.saveModel(join(dir, name), model, tokenizer, { maxLength: 128 });
  await save('tiny', new r.BertForMaskedLM(config(128, 2), random));
  await save('mini', new r.BertForMaskedLM(config(256, 4), random));
  const dupmae = new r.BertForMaskedLM(config(128, 2), random);
  const representation = new r.Representation(dupmae.config, random, { k: 64, activation: 'log1p_relu' });
  await save('dupmae', Object.assign(dupmae, { cls_projection: representation }));
  await r.saveCross(join(dir, 'cross'), new r.CrossEncoder(config(256, 4), random), tokenizer, { maxLength: 128 });
  const table = new r.StaticModel({ words: tokenizer.size, dim: 256, unk: tokenizer.unk }, random);
  await r.saveStatic(join(dir, 'static'), table, tokenizer);
}
