// 20,000 random strings under 72 settings: the ids of Hugging Face's `tokenizers` (Rust), id by id.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { WordPiece } from '../../data/index.js';

/** What test/data/tokenizers/random_strings.py wrote. */
interface Fixture {
  made_with: string;
  vocab: string[];
  /** `added_tokens` of each set. */
  added: object[][];
  configs: {
    lowercase: boolean;
    strip_accents: boolean | null;
    handle_chinese_chars: boolean;
    clean_text: boolean;
    added: number;
    max_chars: number;
  }[];
  strings: string[];
  /** Which configurations each string went through. */
  runs: number[][];
  ids: number[][][];
  /** Capital letters later than Unicode 14. */
  recent: string[];
}

const fixture = JSON.parse(
  gunzipSync(readFileSync('test/data/tokenizers/random-strings.json.gz')).toString(),
) as Fixture;

void t.test('ids equal to those of Rust', async (t) => {
  const { strings, runs, ids, recent, configs } = fixture;
  t.equal(strings.length, 20_000);
  // Whether these letters have a lower case, and are letters, depends on the version of Unicode: of the host, and in Rust.
  const excepted = strings.map((text) => recent.some((letter) => text.includes(letter)));
  const left = excepted.filter(Boolean).length;
  t.ok(left > 0 && left <= 200, `${left} strings have letters later than Unicode 14`);
  let compared = 0;
  const differing: unknown[] = [];
  configs.forEach((config, k) => {
    const tokenizer = tokenizerOf(config);
    strings.forEach((text, i) => {
      const run = runs[i].indexOf(k);
      if (run < 0 || excepted[i]) return;
      compared++;
      const found = [...tokenizer.encode(text)];
      if (found.join() !== ids[i][run].join()) differing.push({ text, config, found, expected: ids[i][run] });
    });
  });
  t.equal(compared, 3 * (strings.length - left));
  t.equal(differing.length, 0);
  t.same(differing.slice(0, 3), []);
});

function tokenizerOf(config: Fixture['configs'][number]): WordPiece {
  const { added, max_chars: max, ...normalizer } = config;
  return WordPiece.fromTokenizerJson({
    added_tokens: fixture.added[added],
    normalizer: { type: 'BertNormalizer', ...normalizer },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      max_input_chars_per_word: max,
      vocab: Object.fromEntries(fixture.vocab.map((token, id) => [token, id])),
    },
  });
}
