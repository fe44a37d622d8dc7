// A BERT that begins with the words of a static encoder: its vectors are near those of the bag of words, from the first step.
import { randn, tensor, type Random } from '../core/index.js';
import type { BertForMaskedLM } from './bert.js';
import { allTensors } from './module.js';
import type { StaticModel } from './static.js';
import { assign } from './weights.js';

/** Deviation of the numbers of a word, and of a position: next to words, positions hardly count. */
const WORD = 0.05;
const POSITION = 0.005;
/** What the layers write to begin with, as a share of what they would. */
const QUIET = 0.1;

/**
 * Layer norm leaves of a word's vector the direction alone, so its length, which says how much the word counts (as IDF does),
 * becomes the word's weight in the mean: `word_weights`. Positions and types are small, and so is what the layers add to the
 * residual stream; what comes out is close to what went in.
 * @throws if width or vocabulary are not the same
 */
export async function initWords(
  bert: BertForMaskedLM,
  words: StaticModel,
  random: Random,
  weighted = true,
): Promise<void> {
  const { vocab_size: size, hidden_size: width } = bert.config;
  const { words: rows, dim } = words.config;
  if (rows !== size || dim !== width)
    throw new Error(
      `the static encoder has ${rows} words of ${dim} numbers, the BERT ${size} of ${width}. Ask for a BERT of the same width and vocabulary.`,
    );
  const table = await words.embedding.weight.read();
  const lengths = Float64Array.from({ length: size }, (_, row) =>
    Math.hypot(...table.subarray(row * width, (row + 1) * width)),
  );
  const scale = WORD * Math.sqrt(width);
  const { word_embeddings, position_embeddings, token_type_embeddings } = bert.bert.embeddings;
  const fresh = await randn([size, width], random, WORD).read();
  // Words without a vector ([CLS], [MASK] …) have one that is drawn.
  assign(
    word_embeddings.weight,
    Float32Array.from(table, (value, i) => {
      const length = lengths[Math.floor(i / width)];
      return length > 0 ? (value / length) * scale : fresh[i];
    }),
  );
  await scaled(position_embeddings.weight, POSITION / bert.config.initializer_range);
  await scaled(token_type_embeddings.weight, POSITION / bert.config.initializer_range);
  for (const [name, weight] of allTensors({ layers: bert.bert.encoder.layer }))
    if (name.endsWith('output.dense.weight')) await scaled(weight, QUIET);
  if (!weighted) return;
  const known = lengths.filter((length) => length > 0);
  const mean = known.reduce((sum, length) => sum + length, 0) / Math.max(1, known.length);
  const weights = Float32Array.from(lengths, (length) => length / mean);
  Object.assign(bert, { word_weights: tensor(weights, [size, 1], { requiresGrad: true }) });
}

async function scaled(weight: Parameters<typeof assign>[0], factor: number): Promise<void> {
  assign(
    weight,
    Float32Array.from(await weight.read(), (value) => value * factor),
  );
}
