// The tokenizer files of a Hugging Face model folder on disk.
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WordPieceOptions } from './bert-tokens.js';
import { JsonFields } from './json-fields.js';
import { writeError, writeFileAtomic } from './files/atomic.js';
import { isFile, readError, refusePointer } from './files/open.js';
import { tokenizerFiles, tokenizerOfFolder } from './tokenizer-folder.js';
import { tokenizerJsonFields } from './tokenizer-json.js';
import type { WordPiece } from './wordpiece.js';

const JSON_FILE = 'tokenizer.json';
const VOCAB_FILE = 'vocab.txt';

/**
 * Writes the tokenizer files into `dir`, which is made if it is not there; each appears whole or not at all.
 * @throws WriteError naming the path; a file that was there then stays as it was.
 */
export async function saveTokenizer(
  dir: string,
  tokenizer: WordPiece,
  {
    maxLength = 512,
  }: {
    /** Tokens that the model takes, [CLS] and [SEP] included. Default 512. */
    maxLength?: number;
  } = {},
): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw writeError(dir, error);
  }
  for (const [name, content] of tokenizerFiles(tokenizer, maxLength)) await writeFileAtomic(join(dir, name), content);
}

/**
 * Reads a tokenizer from a folder, as transformers 5 does (tokenizer-folder.ts), from a vocabulary with one token a line,
 * with the files beside it, or from one tokenizer.json, which then says everything itself.
 * @param options win over what the files beside a vocabulary say
 * @throws naming the file, if it is not there or not what it should be.
 */
export async function loadTokenizer(path: string, options: Partial<WordPieceOptions> = {}): Promise<WordPiece> {
  const file = await tokenizerFile(path);
  const named = `loadTokenizer: ${file}`;
  const content = await read(file);
  const isJson = file.endsWith('.json');
  const json = isJson ? tokenizerJsonFields(parseJson(named, content), named) : undefined;
  const vocab = isJson ? [] : parseVocab(named, content);
  try {
    if (isJson && file === path) return tokenizerOfFolder({ json, vocab });
    const dir = dirname(file);
    const [config, specialMap, addedTokens, model] = await Promise.all(
      ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'config.json'].map((name) =>
        optionalFields(join(dir, name)),
      ),
    );
    return tokenizerOfFolder({ json, vocab, config, specialMap, addedTokens, model }, options);
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith('loadTokenizer: ')) throw error;
    throw new Error(`${named}: ${message}`, { cause: error });
  }
}

async function tokenizerFile(path: string): Promise<string> {
  for (const file of [path, join(path, JSON_FILE), join(path, VOCAB_FILE)]) if (await isFile(file)) return file;
  throw new Error(
    `loadTokenizer: ${path}: no tokenizer found, expected a folder with ${JSON_FILE} or ${VOCAB_FILE}, or such a file. Check the path, or learn a vocabulary.`,
  );
}

async function read(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw readError(file, error);
  });
  refusePointer(file, content);
  return content;
}

async function optionalFields(file: string): Promise<JsonFields | undefined> {
  if (!(await isFile(file))) return undefined;
  const named = `loadTokenizer: ${file}`;
  return new JsonFields(named, parseJson(named, await read(file)), 'Correct the field, or copy the file anew.');
}

function parseJson(named: string, content: string): unknown {
  try {
    return JSON.parse(content.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new Error(
      `${named}: malformed JSON (${(error as Error).message}), expected a Hugging Face tokenizer file. Copy it anew.`,
      { cause: error },
    );
  }
}

/** One token a line. @throws naming the line that is blank, or has a token again: ids are numbers of lines */
function parseVocab(named: string, content: string): string[] {
  const tokens = content.replace(/^\uFEFF/, '').split(/\r\n|[\r\n]/);
  if (tokens.at(-1) === '') tokens.pop();
  const lines = new Map<string, number>();
  tokens.forEach((token, i) => {
    if (token === '')
      throw new Error(`${named}:${i + 1}: the line is blank, expected one token a line. Copy the vocabulary anew.`);
    const first = lines.get(token);
    if (first !== undefined)
      throw new Error(
        `${named}:${i + 1}: '${token}' stands on line ${first} already, expected each token once. Copy the vocabulary anew.`,
      );
    lines.set(token, i + 1);
  });
  return tokens;
}
