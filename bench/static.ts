// Sentences and tokens a second of a static encoder, with tokenisation and without, beside BERT mini at 128 tokens.
import { parseArgs } from 'node:util';
import { Random, setBackend } from '../core/index.js';
import { loadTokenizer, sotu, trainWordPiece, type WordPiece } from '../data/index.js';
import { openBackend } from '../kernels/open.js';
import { BertForMaskedLM, StaticModel } from '../nn/index.js';
import { BertEncoder, ModelEncoder, type TextTokenizer } from '../retrieval/index.js';
import { machine } from './measure.js';
import { configOf, sizes } from './models.js';

const ROUNDS = 5;
/** Texts of so many words each: sentences, as sentence-transformers counts a second's, and what fills 128 tokens. */
const [SENTENCE, PASSAGE] = [20, 128];
const [SENTENCES, PASSAGES] = [20_000, 128];

interface Row {
  name: string;
  threads: number;
  medianMs: number;
  textsPerSecond: number;
  tokensPerSecond: number;
}

/**
 * `static [--vocab FILE] [--dims N] [--json]`: texts are the State of the Union addresses, cut after so many words. Without
 * `--vocab`, a vocabulary of 8,192 is learnt from them. Weights are random, which no time depends on.
 */
export async function staticEncoding(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { vocab: { type: 'string' }, dims: { type: 'string', default: '256' }, json: { type: 'boolean' } },
  });
  const corpus = (await sotu()).map(({ text }) => text);
  const tokenizer =
    values.vocab === undefined ? await trainWordPiece(corpus, { vocabSize: 8192 }) : await loadTokenizer(values.vocab);
  const words = corpus.join(' ').split(/\s+/);
  const cut = (length: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => words.slice(i * length, (i + 1) * length).join(' '));
  const [sentences, passages] = [cut(SENTENCE, SENTENCES), cut(PASSAGE, PASSAGES)];
  const known = tokenised(sentences, tokenizer);
  const rows = [
    await measure('tokenisation alone', 1, sentences, async () => {
      let tokens = 0;
      for (const text of sentences) tokens += tokenizer.encode(text).length;
      return tokens;
    }),
  ];
  for (const threads of [1, undefined]) {
    const backend = await openBackend('wasm', { threads });
    setBackend(backend);
    const table = new StaticModel(
      { words: tokenizer.size, dim: Number(values.dims), unk: tokenizer.unk },
      new Random(1),
    );
    const bert = new BertForMaskedLM(configOf(sizes.mini, tokenizer.size, 128, 0), new Random(1));
    const contenders = [
      ['static', sentences, new ModelEncoder(table, tokenizer)],
      ['static, ids known', sentences, new ModelEncoder(table, known)],
      ['BERT mini, 128 tokens', passages, new BertEncoder(bert, tokenizer)],
    ] as const;
    for (const [name, texts, encoder] of contenders)
      rows.push(await measure(name, backend.threads, texts, () => tokensOf(encoder, texts)));
    await backend.close();
  }
  if (values.json) return console.log(JSON.stringify(rows));
  console.log(`${machine()}; ${tokenizer.size} words, ${values.dims} numbers; medians of ${ROUNDS} rounds`);
  console.log(`${''.padEnd(24)}threads      texts/s     tokens/s`);
  for (const { name, threads, textsPerSecond, tokensPerSecond } of rows)
    console.log(`${name.padEnd(24)}${String(threads).padStart(7)}${shown(textsPerSecond)}${shown(tokensPerSecond)}`);
}

const shown = (value: number): string => Math.round(value).toLocaleString('en-US').padStart(13);

/** A tokenizer that has seen these texts, and only looks them up. */
function tokenised(texts: readonly string[], tokenizer: WordPiece): TextTokenizer {
  const ids = new Map(texts.map((text) => [text, tokenizer.encode(text)]));
  return { cls: tokenizer.cls, sep: tokenizer.sep, encode: (text) => ids.get(text)! };
}

async function tokensOf(encoder: ModelEncoder, texts: readonly string[]): Promise<number> {
  let tokens = 0;
  await encoder.encode(texts, { onProgress: (_, done) => (tokens = done) });
  return tokens;
}

/** The first round warms up and does not count. */
async function measure(
  name: string,
  threads: number,
  texts: readonly string[],
  run: () => Promise<number>,
): Promise<Row> {
  const times: number[] = [];
  let tokens = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const begun = performance.now();
    tokens = await run();
    if (round > 0) times.push(performance.now() - begun);
  }
  const medianMs = times.sort((a, b) => a - b)[ROUNDS >> 1];
  const perSecond = (count: number): number => (1000 * count) / medianMs;
  return { name, threads, medianMs, textsPerSecond: perSecond(texts.length), tokensPerSecond: perSecond(tokens) };
}
