// The tokenizer files of a Hugging Face model folder: tokenizer.json, tokenizer_config.json, vocab.txt.
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WordPieceOptions } from './bert-tokens.js';
import { writeError, writeFileAtomic } from './files/atomic.js';
import { isFile, refusePointer } from './files/open.js';
import { optionsFromConfig, toTokenizerConfig, toTokenizerJson } from './tokenizer-json.js';
import { WordPiece } from './wordpiece.js';

const JSON_FILE = 'tokenizer.json';
const CONFIG_FILE = 'tokenizer_config.json';
const VOCAB_FILE = 'vocab.txt';

/**
 * Writes the tokenizer files into `dir`, which is made if it is not there; each appears whole or not at all.
 * @param options.maxLength tokens that the model takes, [CLS] and [SEP] included. Default 512.
 * @throws WriteError naming the path; a file that was there then stays as it was.
 */
export async function saveTokenizer(
  dir: string,
  tokenizer: WordPiece,
  { maxLength = 512 }: { maxLength?: number } = {},
): Promise<void> {
  const json = (value: unknown) => JSON.stringify(value, null, 2) + '\n';
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw writeError(dir, error);
  }
  await writeFileAtomic(join(dir, JSON_FILE), json(toTokenizerJson(tokenizer)));
  await writeFileAtomic(join(dir, CONFIG_FILE), json(toTokenizerConfig(tokenizer, maxLength)));
  await writeFileAtomic(join(dir, VOCAB_FILE), tokenizer.vocab.map((token) => token + '\n').join(''));
}

/**
 * Reads a tokenizer: from a folder (its tokenizer.json, else its vocab.txt), from a tokenizer.json, or from a
 * vocabulary with one token a line. A vocabulary takes its options from the tokenizer_config.json beside it, if there
 * is one, and from `options`, which win. A tokenizer.json says everything itself.
 * @throws naming the file, if it is not there or not what it should be.
 */
export async function loadTokenizer(path: string, options: Partial<WordPieceOptions> = {}): Promise<WordPiece> {
  const file = await tokenizerFile(path);
  const content = await readFile(file, 'utf8');
  refusePointer(file, content);
  try {
    if (file.endsWith('.json')) return WordPiece.fromTokenizerJson(parseJson(content));
    const tokens = content.replace(/^\uFEFF/, '').split(/\r?\n/);
    if (tokens.at(-1) === '') tokens.pop();
    const config = await readFile(join(dirname(file), CONFIG_FILE), 'utf8').catch(() => '{}');
    return WordPiece.fromVocab(tokens, { ...optionsFromConfig(parseJson(config)), ...options });
  } catch (error) {
    throw new Error(`loadTokenizer: ${file}: ${(error as Error).message}`, { cause: error });
  }
}

async function tokenizerFile(path: string): Promise<string> {
  for (const file of [path, join(path, JSON_FILE), join(path, VOCAB_FILE)]) if (await isFile(file)) return file;
  throw new Error(
    `loadTokenizer: ${path}: no tokenizer found, expected a folder with ${JSON_FILE} or ${VOCAB_FILE}, or such a file. Check the path, or train a vocabulary with trainWordPiece.`,
  );
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new Error(
      `malformed JSON (${(error as Error).message}), expected a Hugging Face tokenizer file. Copy it anew.`,
      {
        cause: error,
      },
    );
  }
}
