// The tokenizer that transformers 5 makes of a folder's files, and the files that make it so.
import type { AddedToken } from './added-tokens.js';
import { inOrder } from './bert-tokens.js';
import type { WordPieceOptions } from './bert-tokens.js';
import type { JsonFields } from './json-fields.js';
import {
  checkConfig,
  configNormalizer,
  decoderTokens,
  extraTokens,
  legacyAddedTokens,
  namedTokens,
  specialNames,
  toTokenizerConfig,
  tokenizerKind,
} from './tokenizer-config.js';
import {
  checkSides,
  parseAdded,
  parseNormalizer,
  parsePieces,
  parseTokenizerJson,
  toTokenizerJson,
} from './tokenizer-json.js';
import type { NewToken } from './tokenizer-json.js';
import { WordPiece } from './wordpiece.js';

/** The files of a model folder that say how its text is cut, as far as they are there. */
export interface TokenizerFolder {
  /** tokenizer.json; where it is there, vocab.txt is not read. */
  json?: JsonFields;
  /** The lines of vocab.txt. */
  vocab: readonly string[];
  /** tokenizer_config.json */
  config?: JsonFields;
  /** special_tokens_map.json */
  specialMap?: JsonFields;
  /** added_tokens.json */
  addedTokens?: JsonFields;
  /** The model's config.json. */
  model?: JsonFields;
}

/**
 * transformers 5: the class BertTokenizer takes the vocabulary and the added tokens of tokenizer.json, and everything
 * else from tokenizer_config.json or its own defaults; only PreTrainedTokenizerFast takes tokenizer.json as it stands.
 * Added tokens are those of `added_tokens_decoder`, or else of added_tokens.json and tokenizer.json.
 * @param options win over what the files say, where the vocabulary is a vocab.txt
 * @throws naming the file and the field that BERT's tokenizer does not have that way
 */
export function tokenizerOfFolder(folder: TokenizerFolder, options: Partial<WordPieceOptions> = {}): WordPiece {
  const { json, config, model } = folder;
  const told = config && tokenizerKind(config);
  const kind = told ?? (model && tokenizerKind(model)) ?? (json && !model ? 'json' : 'bert');
  if (config) checkConfig(config);
  if (json) checkSides(json);
  const decoder = config && decoderTokens(config);
  const maps = [config, decoder ? undefined : folder.specialMap].filter((fields) => fields !== undefined);
  const named = new Map(maps.flatMap((fields) => [...namedTokens(fields)]));
  const roles = [...named.values(), ...(maps.map(extraTokens).find((tokens) => tokens.length > 0) ?? [])];
  const declared = decoder ?? (folder.addedTokens ? legacyAddedTokens(folder.addedTokens, roles) : []);

  if (json && kind === 'json') {
    if (told && (json.get('post_processor') ?? null) === null)
      throw json.refuse('post_processor', '[CLS], text and [SEP]');
    const { pieces, options: own } = parseTokenizerJson(json);
    const { pad, mask } = specialNames(named, own.names);
    const added = withRoles(pieces, merged(own.added, declared, folder), roles);
    return WordPiece.fromVocab(pieces, { ...own, names: { ...own.names, pad, mask }, added });
  }
  const pieces = json ? parsePieces(json) : folder.vocab;
  // Its normaliser is not followed, but one that Python would not load is refused.
  if (json && json.get('normalizer') && json.child('normalizer').get('type') === 'BertNormalizer')
    parseNormalizer(json);
  const byId = new Map([...declared, ...(json && !decoder ? parseAdded(json) : [])].map((token) => [token.id, token]));
  const names = specialNames(named);
  const own = inOrder(names).filter((content) => pieces.includes(content));
  return WordPiece.fromVocab(pieces, {
    ...(config && configNormalizer(config)),
    names,
    added: withRoles(
      pieces,
      [...byId.values()].sort((a, b) => a.id - b.id),
      [...roles, ...own.map((content) => ({ content, special: true }))],
    ),
    ...(!json && options),
  });
}

/** The added tokens with those that have a role: these are special, and get the next ids if they have none. */
function withRoles(pieces: readonly string[], added: readonly AddedToken[], roles: readonly NewToken[]): AddedToken[] {
  const special = new Set(roles.map(({ content }) => content));
  const all = added.map((token) => ({ ...token, special: token.special || special.has(token.content) }));
  const ids = new Map(pieces.map((token, id) => [token, id]));
  for (const { content } of all) if (!ids.has(content)) ids.set(content, ids.size);
  for (const role of roles) {
    if (all.some(({ content }) => content === role.content)) continue;
    const id = ids.get(role.content) ?? ids.size;
    ids.set(role.content, id);
    all.push({ ...role, id });
  }
  return all.sort((a, b) => a.id - b.id);
}

/** Tokens of tokenizer.json, then those that only the other files have. @throws if they tell one token in two ways */
function merged(
  own: readonly AddedToken[],
  others: readonly AddedToken[],
  { config, json }: TokenizerFolder,
): AddedToken[] {
  const known = new Map(own.map((token) => [token.content, token]));
  return [
    ...own,
    ...others.filter((token) => {
      const twin = known.get(token.content);
      const differs = (key: keyof AddedToken) => (twin?.[key] ?? false) !== (token[key] ?? false);
      if (twin && (['normalized', 'singleWord', 'lstrip', 'rstrip'] as const).some(differs))
        throw (config ?? json)!.refuse(`the added token '${token.content}'`, 'it as tokenizer.json has it', token);
      return !twin;
    }),
  ];
}

/**
 * The files that make this tokenizer, here and in Python: names and contents.
 * @param maxLength tokens that the model takes, [CLS] and [SEP] included
 */
export function tokenizerFiles(tokenizer: WordPiece, maxLength: number): [name: string, content: string][] {
  const text = (value: unknown) => JSON.stringify(value, null, 2) + '\n';
  const pieces = tokenizer.vocab.slice(0, tokenizer.pieceCount);
  return [
    ['tokenizer.json', text(toTokenizerJson(tokenizer))],
    ['tokenizer_config.json', text(toTokenizerConfig(tokenizer, maxLength))],
    ['vocab.txt', pieces.map((token) => token + '\n').join('')],
  ];
}
