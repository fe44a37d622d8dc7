// The content of Hugging Face's `tokenizer.json` and `tokenizer_config.json` for BERT's WordPiece, both ways.
import { defaultNormalizer } from './pretokenize.js';
import { CONTINUATION } from './bert-tokens.js';
import type { AddedToken, WordPieceOptions } from './bert-tokens.js';
import type { WordPiece } from './wordpiece.js';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const refuse = (field: string, found: unknown, expected: string): Error =>
  new Error(
    `tokenizer.json: ${field} is ${JSON.stringify(found)?.slice(0, 60)}, expected ${expected}. Only BERT's WordPiece tokenizers are read; convert the tokenizer, or give its vocab.txt.`,
  );

/**
 * Vocabulary and options of a parsed `tokenizer.json`.
 * @throws naming the first field that BERT's tokenizer does not have that way.
 */
export function parseTokenizerJson(json: unknown): { vocab: string[]; options: Partial<WordPieceOptions> } {
  if (!isObject(json)) throw refuse('the content', json, 'an object');
  const { model, normalizer, pre_tokenizer: preTokenizer } = json;
  if (!isObject(model)) throw refuse('model', model, 'an object');
  expect('model.type', model.type ?? 'WordPiece', 'WordPiece');
  expect('model.continuing_subword_prefix', model.continuing_subword_prefix ?? CONTINUATION, CONTINUATION);
  expect('model.unk_token', model.unk_token ?? '[UNK]', '[UNK]');
  if (!isObject(normalizer)) throw refuse('normalizer', normalizer, 'a BertNormalizer');
  expect('normalizer.type', normalizer.type, 'BertNormalizer');
  if (!isObject(preTokenizer)) throw refuse('pre_tokenizer', preTokenizer, 'a BertPreTokenizer');
  expect('pre_tokenizer.type', preTokenizer.type, 'BertPreTokenizer');

  const added = parseAdded(json.added_tokens ?? []);
  if (!isObject(model.vocab)) throw refuse('model.vocab', model.vocab, 'an object of token: id');
  const vocab: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) place(vocab, token, id);
  for (const { content, id } of added) place(vocab, content, id);
  for (let id = 0; id < vocab.length; id++) {
    if (vocab[id] === undefined)
      throw refuse(`model.vocab's token for id ${id}`, null, `one token for each id below ${vocab.length}`);
  }

  return {
    vocab,
    options: {
      added,
      maxChars: numberOr('model.max_input_chars_per_word', model.max_input_chars_per_word, 100),
      lowercase: booleanOr('normalizer.lowercase', normalizer.lowercase, defaultNormalizer.lowercase),
      stripAccents:
        normalizer.strip_accents == null ? null : booleanOr('normalizer.strip_accents', normalizer.strip_accents, true),
      chineseChars: booleanOr('normalizer.handle_chinese_chars', normalizer.handle_chinese_chars, true),
      cleanText: booleanOr('normalizer.clean_text', normalizer.clean_text, true),
    },
  };
}

function expect(field: string, found: unknown, expected: string): void {
  if (found !== expected) throw refuse(field, found, `'${expected}'`);
}

function booleanOr(field: string, found: unknown, otherwise: boolean): boolean {
  if (found === undefined) return otherwise;
  if (typeof found !== 'boolean') throw refuse(field, found, 'true or false');
  return found;
}

function numberOr(field: string, found: unknown, otherwise: number): number {
  if (found === undefined) return otherwise;
  if (!Number.isInteger(found) || (found as number) < 1) throw refuse(field, found, 'a whole number of at least 1');
  return found as number;
}

/** Puts a token at its id; an id far beyond the rest would make an array of holes, so it is bounded. */
function place(vocab: string[], token: string, id: unknown): void {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) > 1 << 24) {
    throw refuse(`the id of '${token}'`, id, 'a whole number from 0');
  }
  const holder = vocab[id as number];
  if (holder !== undefined && holder !== token) throw refuse(`the id of '${token}'`, id, `another: '${holder}' has it`);
  vocab[id as number] = token;
}

function parseAdded(list: unknown): AddedToken[] {
  if (!Array.isArray(list)) throw refuse('added_tokens', list, 'an array');
  return list.map((entry: unknown, i) => {
    if (!isObject(entry) || typeof entry.content !== 'string' || entry.content === '' || typeof entry.id !== 'number') {
      throw refuse(`added_tokens[${i}]`, entry, 'an object with id and content');
    }
    const special = entry.special === true;
    for (const flag of ['single_word', 'lstrip', 'rstrip']) {
      if (entry[flag] === true) throw refuse(`added_tokens[${i}].${flag}`, true, 'false');
    }
    if ((entry.normalized ?? !special) === true) throw refuse(`added_tokens[${i}].normalized`, true, 'false');
    return { id: entry.id, content: entry.content, special };
  });
}

/** What `tokenizer.json` says of this tokenizer; `[CLS] A [SEP] B [SEP]` is the template around the ids. */
export function toTokenizerJson(tokenizer: WordPiece): Json {
  const { options } = tokenizer;
  const special = (id: number) => ({ id: tokenizer.token(id), ids: [id], tokens: [tokenizer.token(id)] });
  const mark = (id: number, type: number) => ({ SpecialToken: { id: tokenizer.token(id), type_id: type } });
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const single = [mark(tokenizer.cls, 0), sequence('A', 0), mark(tokenizer.sep, 0)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: options.added.map(({ id, content, special: isSpecial }) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: isSpecial,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: options.cleanText,
      handle_chinese_chars: options.chineseChars,
      strip_accents: options.stripAccents,
      lowercase: options.lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), mark(tokenizer.sep, 1)],
      special_tokens: {
        [tokenizer.token(tokenizer.cls)]: special(tokenizer.cls),
        [tokenizer.token(tokenizer.sep)]: special(tokenizer.sep),
      },
    },
    decoder: { type: 'WordPiece', prefix: CONTINUATION, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: tokenizer.token(tokenizer.unk),
      continuing_subword_prefix: CONTINUATION,
      max_input_chars_per_word: options.maxChars,
      vocab: Object.fromEntries(tokenizer.vocab.map((token, id) => [token, id])),
    },
  };
}

/** What `tokenizer_config.json` says; `maxLength` is the model's, in tokens with [CLS] and [SEP]. */
export function toTokenizerConfig(tokenizer: WordPiece, maxLength: number): Json {
  const { lowercase, stripAccents, chineseChars } = tokenizer.options;
  return {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: lowercase,
    strip_accents: stripAccents,
    tokenize_chinese_chars: chineseChars,
    unk_token: tokenizer.token(tokenizer.unk),
    sep_token: tokenizer.token(tokenizer.sep),
    pad_token: tokenizer.token(tokenizer.pad),
    cls_token: tokenizer.token(tokenizer.cls),
    mask_token: tokenizer.token(tokenizer.mask),
    model_max_length: maxLength,
  };
}

/** The options that a `tokenizer_config.json` gives a bare `vocab.txt`. */
export function optionsFromConfig(config: unknown): Partial<WordPieceOptions> {
  if (!isObject(config)) return {};
  const { do_lower_case: lowercase, strip_accents: stripAccents, tokenize_chinese_chars: chineseChars } = config;
  return {
    ...(typeof lowercase === 'boolean' && { lowercase }),
    ...(typeof stripAccents === 'boolean' && { stripAccents }),
    ...(typeof chineseChars === 'boolean' && { chineseChars }),
  };
}
