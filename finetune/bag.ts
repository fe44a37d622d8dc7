// A bag of words that finds before it is trained: each word a random direction, as long as the word is rare.
import type { Random } from '../core/index.js';
import type { WordPiece } from '../data/pure.js';
import { assign, StaticModel } from '../nn/index.js';
import { passageOf, type Examples } from '../retromae/index.js';

/**
 * A static encoder whose rows have IDF's lengths, log(1 + (N - n + 0.5) / (n + 0.5)) for a word of n of N documents (Robertson and
 * Zaragoza, 2009), and random directions, near to orthogonal: its inner products count what two texts share.
 * @param texts what documents are counted in: examples of one document in a row
 */
export async function bagOfWords(
  tokenizer: Pick<WordPiece, 'size' | 'unk' | 'isSpecial'>,
  texts: Examples,
  width: number,
  random: Random,
): Promise<StaticModel> {
  const { size, unk } = tokenizer;
  const inDocuments = new Float64Array(size);
  const seen = new Int32Array(size).fill(-1);
  let documents = 0;
  for (let i = 0, current = -1; i < texts.length; i++) {
    const { ids, documentId = i } = passageOf(texts.at(i)!);
    if (documentId !== current) documents++;
    current = documentId;
    for (let at = 0; at < ids.length; at++)
      if (seen[ids[at]] !== documentId) {
        seen[ids[at]] = documentId;
        inDocuments[ids[at]]++;
      }
  }
  const lengths = Float64Array.from(inDocuments, (n, id) =>
    tokenizer.isSpecial(id) ? 0 : Math.log(1 + (documents - n + 0.5) / (n + 0.5)),
  );
  const model = new StaticModel({ words: size, dim: width, unk }, random);
  const { weight } = model.embedding;
  const rows = await weight.read();
  assign(
    weight,
    rows.map((value, i) => value * lengths[Math.floor(i / width)]),
  );
  return model;
}
