// The content of Hugging Face's `tokenizer.json` for BERT's WordPiece, both ways.
import type { AddedToken } from './added-tokens.js';
import { CONTINUATION, DEFAULT_MAX_CHARS, defaultNames } from './bert-tokens.js';
import type { SpecialNames, WordPieceOptions } from './bert-tokens.js';
import { JsonFields } from './json-fields.js';
import { defaultNormalizer } from './pretokenize.js';
import type { NormalizerOptions } from './pretokenize.js';
import type { WordPiece } from './wordpiece.js';

/** An added token that has no id yet. */
export type NewToken = Omit<AddedToken, 'id'>;

const REMEDY = "Only BERT's WordPiece tokenizers are read; convert the tokenizer, or give its vocab.txt.";

/** The fields of a tokenizer.json that was read from `file`. @throws if `json` is no object */
export const tokenizerJsonFields = (json: unknown, file = 'tokenizer.json'): JsonFields =>
  new JsonFields(file, json, REMEDY);

/**
 * Vocabulary and options of a `tokenizer.json`, as it stands.
 * @throws naming the first field that BERT's tokenizer does not have that way.
 */
export function parseTokenizerJson(fields: JsonFields): { pieces: string[]; options: WordPieceOptions } {
  const pieces = parsePieces(fields);
  const model = fields.child('model');
  if ((model.text('continuing_subword_prefix') ?? CONTINUATION) !== CONTINUATION)
    throw model.refuse('continuing_subword_prefix', `'${CONTINUATION}'`);
  const maxChars = model.get('max_input_chars_per_word') ?? DEFAULT_MAX_CHARS;
  if (!Number.isInteger(maxChars) || (maxChars as number) < 1)
    throw model.refuse('max_input_chars_per_word', 'a whole number of at least 1');
  const normalizer = parseNormalizer(fields);
  checkPreTokenizer(fields);
  const added = parseAdded(fields);
  const known = new Set([...pieces, ...added.map(({ content }) => content)]);
  const names: SpecialNames = {
    pad: !known.has(defaultNames.pad) && known.has('<pad>') ? '<pad>' : defaultNames.pad,
    unk: model.text('unk_token') ?? defaultNames.unk,
    mask: !known.has(defaultNames.mask) && known.has('<mask>') ? '<mask>' : defaultNames.mask,
    ...parsePostProcessor(fields),
  };
  return { pieces, options: { ...normalizer, maxChars: maxChars as number, names, added } };
}

/** `model.vocab` by ids. @throws if the model is no WordPiece, or its ids are not 0, 1, 2, ... */
export function parsePieces(fields: JsonFields): string[] {
  const model = fields.child('model');
  model.oneOf('type', 'WordPiece');
  const vocab = model.get('vocab');
  const pieces: string[] = [];
  for (const [token, id] of model.at('vocab', vocab).entries()) {
    // An id far beyond the rest would make an array of holes.
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) > 1 << 24)
      throw fields.refuse(`the id of '${token}'`, 'a whole number from 0', id);
    const holder = pieces[id as number];
    if (holder !== undefined) throw fields.refuse(`the id of '${token}'`, `another: '${holder}' has it`, id);
    pieces[id as number] = token;
  }
  for (let id = 0; id < pieces.length; id++) {
    if (pieces[id] === undefined)
      throw fields.refuse(`model.vocab's token for id ${id}`, `one token for each id below ${pieces.length}`, null);
  }
  return pieces;
}

/** The steps of a Sequence, or the one step that there is. */
function steps(fields: JsonFields, name: string, list: string): JsonFields[] {
  const value = fields.get(name) ?? null;
  if (value === null) return [];
  const step = fields.at(name, value);
  return step.get('type') === 'Sequence' ? step.list(list) : [step];
}

/** What the normaliser does, if BERT's can do the same: BertNormalizer, Lowercase, none, or a Sequence of one of them. */
export function parseNormalizer(fields: JsonFields): NormalizerOptions {
  const none = { lowercase: false, stripAccents: false, chineseChars: false, cleanText: false };
  const [step, ...others] = steps(fields, 'normalizer', 'normalizers');
  if (others.length > 0) throw fields.refuse('normalizer', 'a BertNormalizer');
  if (step === undefined) return none;
  if (step.oneOf('type', 'BertNormalizer', 'Lowercase') === 'Lowercase') return { ...none, lowercase: true };
  return {
    lowercase: step.boolean('lowercase') ?? defaultNormalizer.lowercase,
    stripAccents: step.get('strip_accents') === null ? null : (step.boolean('strip_accents') ?? null),
    chineseChars: step.boolean('handle_chinese_chars') ?? defaultNormalizer.chineseChars,
    cleanText: step.boolean('clean_text') ?? defaultNormalizer.cleanText,
  };
}

/** BertPreTokenizer is WhitespaceSplit, then Punctuation, each mark on its own. */
function checkPreTokenizer(fields: JsonFields): void {
  const found = steps(fields, 'pre_tokenizer', 'pretokenizers');
  const types = found.map((step) => step.text('type'));
  if (types.join() === 'WhitespaceSplit,Punctuation') {
    found[1].oneOf('behavior', 'Isolated');
    return;
  }
  if (types.join() !== 'BertPreTokenizer') {
    if (found.length === 1) throw found[0].refuse('type', "'BertPreTokenizer'");
    throw fields.refuse('pre_tokenizer', 'a BertPreTokenizer');
  }
}

/** The tokens around a text; BERT's where none are told. @throws if the text is not put as `[CLS] text [SEP]` */
export function parsePostProcessor(fields: JsonFields): { cls: string; sep: string } {
  if ((fields.get('post_processor') ?? null) === null) return { cls: defaultNames.cls, sep: defaultNames.sep };
  const processor = fields.child('post_processor');
  if (processor.oneOf('type', 'TemplateProcessing', 'BertProcessing') === 'BertProcessing') {
    const [cls, sep] = ['cls', 'sep'].map((name) => {
      const pair = processor.get(name);
      const token: unknown = Array.isArray(pair) ? pair[0] : undefined;
      if (typeof token !== 'string') throw processor.refuse(name, 'a token and its id');
      return token;
    });
    return { cls, sep };
  }
  const parts = processor.list('single').map((part) => ({
    token: part.get('SpecialToken') === undefined ? undefined : part.child('SpecialToken').text('id'),
    text: part.get('Sequence') === undefined ? undefined : part.child('Sequence').text('id'),
  }));
  const [first, second, third] = parts;
  if (parts.length !== 3 || first.token === undefined || second.text !== 'A' || third.token === undefined)
    throw processor.refuse('single', '[CLS], text A and [SEP]');
  return { cls: first.token, sep: third.token };
}

/** @throws if texts would be cut or padded on the left, which moves a text's tokens to other positions */
export function checkSides(fields: JsonFields): void {
  for (const name of ['truncation', 'padding'])
    if ((fields.get(name) ?? null) !== null) fields.child(name).oneOf('direction', 'Right');
}

/** `added_tokens`, in the order of the file. */
export function parseAdded(fields: JsonFields): AddedToken[] {
  return fields.list('added_tokens').map((entry) => {
    const id = entry.get('id');
    if (!Number.isInteger(id)) throw entry.refuse('id', 'a whole number');
    return { id: id as number, ...parseToken(entry) };
  });
}

/** How a token is told in all of Hugging Face's tokenizer files, but for its id. */
export function parseToken(entry: JsonFields, special = entry.boolean('special') ?? false): NewToken {
  const content = entry.text('content');
  if (content === undefined || content === '') throw entry.refuse('content', 'a text');
  return {
    content,
    special,
    ...((entry.boolean('normalized') ?? !special) && { normalized: true }),
    ...(entry.boolean('single_word') && { singleWord: true }),
    ...(entry.boolean('lstrip') && { lstrip: true }),
    ...(entry.boolean('rstrip') && { rstrip: true }),
  };
}

/** What `tokenizer.json` says of this tokenizer; `[CLS] A [SEP] B [SEP]` is the template around the ids. */
export function toTokenizerJson(tokenizer: WordPiece): Record<string, unknown> {
  const { options } = tokenizer;
  const special = (id: number) => ({ id: tokenizer.token(id), ids: [id], tokens: [tokenizer.token(id)] });
  const mark = (id: number, type: number) => ({ SpecialToken: { id: tokenizer.token(id), type_id: type } });
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const single = [mark(tokenizer.cls, 0), sequence('A', 0), mark(tokenizer.sep, 0)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: options.added.map((token) => ({
      id: token.id,
      content: token.content,
      single_word: token.singleWord ?? false,
      lstrip: token.lstrip ?? false,
      rstrip: token.rstrip ?? false,
      normalized: token.normalized ?? false,
      special: token.special,
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
      vocab: Object.fromEntries(tokenizer.vocab.slice(0, tokenizer.pieceCount).map((token, id) => [token, id])),
    },
  };
}
