// The content of `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, as transformers 5 reads them.
import type { AddedToken } from './added-tokens.js';
import { DEFAULT_MAX_CHARS, defaultNames } from './bert-tokens.js';
import type { SpecialNames } from './bert-tokens.js';
import type { JsonFields } from './json-fields.js';
import type { NormalizerOptions } from './pretokenize.js';
import { parseToken } from './tokenizer-json.js';
import type { NewToken } from './tokenizer-json.js';
import type { WordPiece } from './wordpiece.js';

/** Token by the name of its field without `_token`: `cls`, `bos`, ... */
export type NamedTokens = ReadonlyMap<string, NewToken>;

/** Classes that make BERT's WordPiece of a vocabulary and tokenizer_config.json, and ask tokenizer.json for tokens only. */
const BERT_CLASSES = ['Bert', 'DistilBert', 'Electra', 'LayoutLM', 'Lxmert', 'MobileBert', 'SqueezeBert'];
/** Classes that take a tokenizer.json as it stands. */
const JSON_CLASSES = ['PreTrainedTokenizer', 'TokenizersBackend'];

export type TokenizerKind = 'bert' | 'json';

/** What kind of tokenizer the class in field `tokenizer_class` is; undefined where none is told. @throws if another */
export function tokenizerKind(fields: JsonFields): TokenizerKind | undefined {
  const name = fields.text('tokenizer_class')?.replace(/Fast$/, '');
  if (name === undefined) return undefined;
  if (JSON_CLASSES.includes(name)) return 'json';
  if (BERT_CLASSES.some((model) => name === `${model}Tokenizer`)) return 'bert';
  throw fields.refuse('tokenizer_class', "'BertTokenizer', or 'PreTrainedTokenizerFast' with a tokenizer.json");
}

/** The normaliser of a `tokenizer_config.json`: fields that are not there stay at BERT's defaults. */
export function configNormalizer(config: JsonFields): Partial<NormalizerOptions> {
  const lowercase = config.boolean('do_lower_case');
  const stripAccents = config.get('strip_accents') === null ? null : config.boolean('strip_accents');
  const chineseChars = config.boolean('tokenize_chinese_chars');
  return {
    ...(lowercase !== undefined && { lowercase }),
    ...(stripAccents !== undefined && { stripAccents }),
    ...(chineseChars !== undefined && { chineseChars }),
  };
}

/** @throws naming a field that would change the ids and is not known here */
export function checkConfig(config: JsonFields): void {
  if (config.boolean('split_special_tokens')) throw config.refuse('split_special_tokens', 'false');
  config.oneOf('padding_side', 'right');
  config.oneOf('truncation_side', 'right');
}

/** A special token: its text, or an object with its content. */
function specialToken(fields: JsonFields, name: string, value: unknown): NewToken {
  if (typeof value === 'string' && value !== '') return { content: value, special: true };
  if (typeof value !== 'object' || value === null) throw fields.refuse(name, 'a token', value);
  return parseToken(fields.at(name, value), true);
}

/** In this order transformers gives ids to those that the vocabulary lacks. */
const ORDER = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** The fields `cls_token`, `mask_token`, ... of tokenizer_config.json or special_tokens_map.json. */
export function namedTokens(fields: JsonFields): NamedTokens {
  const known = ORDER.map((name): [string, unknown] => [name, fields.get(name) ?? null]);
  const others = fields.entries().filter(([name, value]) => /_token$/.test(name) && typeof value === 'string');
  const all = new Map([...known.filter(([, value]) => value !== null), ...others]);
  return new Map([...all].map(([name, value]) => [name.replace(/_token$/, ''), specialToken(fields, name, value)]));
}

/** The special tokens without a role: `extra_special_tokens`, formerly `additional_special_tokens`. */
export function extraTokens(fields: JsonFields): NewToken[] {
  for (const name of ['extra_special_tokens', 'additional_special_tokens']) {
    const value = fields.get(name) ?? [];
    if (typeof value !== 'object') throw fields.refuse(name, 'a list of tokens');
    const tokens = Object.entries(value as object).map(([key, token]: [string, unknown]) =>
      specialToken(fields, `${name}[${key}]`, token),
    );
    if (tokens.length > 0) return tokens;
  }
  return [];
}

/** `added_tokens_decoder` of tokenizer_config.json, by ids; undefined where it is not there. */
export function decoderTokens(config: JsonFields): AddedToken[] | undefined {
  if (config.get('added_tokens_decoder') === undefined) return undefined;
  const decoder = config.child('added_tokens_decoder');
  return decoder
    .entries()
    .map(([id, token]) => {
      if (!/^\d{1,9}$/.test(id)) throw decoder.refuse(`the id '${id}'`, 'a whole number', id);
      return { id: Number(id), ...parseToken(decoder.at(id, token)) };
    })
    .sort((a, b) => a.id - b.id);
}

/** added_tokens.json, by ids; tokens with a role are special, all others are looked for in normalised text. */
export function legacyAddedTokens(fields: JsonFields, roles: readonly NewToken[]): AddedToken[] {
  return fields
    .entries()
    .map(([content, id]) => {
      if (!Number.isInteger(id) || content === '') throw fields.refuse(`the id of '${content}'`, 'a whole number', id);
      const special = roles.some((role) => role.content === content);
      return { id: id as number, content, special, ...(!special && { normalized: true }) };
    })
    .sort((a, b) => a.id - b.id);
}

/** The names among `named` that BERT needs, over `otherwise`. */
export const specialNames = (named: NamedTokens, otherwise: SpecialNames = defaultNames): SpecialNames => {
  const name = (role: keyof SpecialNames) => named.get(role)?.content ?? otherwise[role];
  return { pad: name('pad'), unk: name('unk'), cls: name('cls'), sep: name('sep'), mask: name('mask') };
};

/**
 * What `tokenizer_config.json` says; `maxLength` is the model's, in tokens with [CLS] and [SEP]. BertTokenizer always
 * cleans text and takes words of up to 100 characters; what differs needs the class that reads tokenizer.json as it stands.
 */
export function toTokenizerConfig(tokenizer: WordPiece, maxLength: number): Record<string, unknown> {
  const { lowercase, stripAccents, chineseChars, cleanText, maxChars } = tokenizer.options;
  const bert = cleanText && maxChars === DEFAULT_MAX_CHARS;
  return {
    tokenizer_class: bert ? 'BertTokenizer' : 'PreTrainedTokenizerFast',
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
