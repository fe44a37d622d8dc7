// Tokens per second of our WordPiece, beside @huggingface/tokenizers in the same run, on one thread.
import { parseArgs } from 'node:util';
import {
  WordPiece,
  documents,
  loadTokenizer,
  sotu,
  toTokenizerConfig,
  toTokenizerJson,
  trainWordPiece,
} from '../data/index.js';

const ROUNDS = 5;
/** The peer needs seconds for the whole of a corpus; evenly spaced documents of about so many characters will do. */
const CHARACTERS = 2_000_000;

interface Row {
  name: string;
  backend: string;
  threads: number;
  shape: string;
  medianMs: number;
  tokensPerSecond: number;
}

/** Encodes all texts; returns the number of tokens. A contender is made anew every round, so no round finds words remembered. */
type Contender = { backend: string; make: () => (text: string) => number };

/**
 * `tokenize [FILE] [--vocab FILE] [--field NAME] [--json]`: FILE is a corpus as `documents` reads it; default are the
 * State of the Union addresses. Without `--vocab`, a vocabulary of 8,192 is trained on the corpus.
 */
export async function tokenize(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { vocab: { type: 'string' }, field: { type: 'string' }, json: { type: 'boolean' } },
  });
  const texts: string[] = [];
  const corpus = positionals[0] === undefined ? await sotu() : documents(positionals[0], { field: values.field });
  for await (const { text } of corpus) texts.push(text);
  const tokenizer =
    values.vocab === undefined ? await trainWordPiece(texts, { vocabSize: 8192 }) : await loadTokenizer(values.vocab);
  const sample = thinned(texts);
  const rows = measure(sample, [ours(tokenizer), await theirs(tokenizer)]);
  if (values.json) {
    console.log(JSON.stringify(rows));
    return;
  }
  console.log(`node ${process.version}, median of ${ROUNDS} rounds, one thread, ${rows[0].shape}`);
  for (const { backend, medianMs, tokensPerSecond } of rows) {
    console.log(
      `${backend.padEnd(24)} ${medianMs.toFixed(0).padStart(6)} ms ${(tokensPerSecond / 1e6).toFixed(2).padStart(7)} million tokens/s`,
    );
  }
}

function thinned(texts: string[]): string[] {
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  const step = Math.max(1, Math.round(total / CHARACTERS));
  return texts.filter((_, i) => i % step === 0);
}

const ours = (tokenizer: WordPiece): Contender => ({
  backend: 'retromae',
  make: () => {
    const fresh = WordPiece.fromVocab(tokenizer.vocab, tokenizer.options);
    return (text) => fresh.encode(text).length;
  },
});

async function theirs(tokenizer: WordPiece): Promise<Contender> {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  return {
    backend: '@huggingface/tokenizers',
    make: () => {
      const reference = new Tokenizer(toTokenizerJson(tokenizer), toTokenizerConfig(tokenizer, 512));
      return (text) => reference.encode(text, { add_special_tokens: false }).ids.length;
    },
  };
}

/** Contenders take turns; the first round warms the compiler up and does not count. */
function measure(texts: string[], contenders: Contender[]): Row[] {
  const times = contenders.map((): number[] => []);
  const tokens = contenders.map(() => 0);
  for (let round = 0; round <= ROUNDS; round++) {
    contenders.forEach(({ make }, i) => {
      const encode = make();
      const start = performance.now();
      const count = texts.reduce((sum, text) => sum + encode(text), 0);
      if (round > 0) times[i].push(performance.now() - start);
      tokens[i] = count;
    });
  }
  if (tokens.some((count) => count !== tokens[0])) {
    throw new Error(
      `bench tokenize: the contenders disagree on the number of tokens (${tokens.join(', ')}), expected the same. Run the tests.`,
    );
  }
  return contenders.map(({ backend }, i) => {
    const medianMs = times[i].sort((a, b) => a - b)[ROUNDS >> 1];
    return {
      name: 'tokenize',
      backend,
      threads: 1,
      shape: `${texts.length} texts, ${tokens[i]} tokens`,
      medianMs,
      tokensPerSecond: (1000 * tokens[i]) / medianMs,
    };
  });
}
