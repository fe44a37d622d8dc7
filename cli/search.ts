// `retromae search`: the nearest texts of an index to a query.
import { documents, documentText, type CorpusOptions, type Document } from '../data/index.js';
import { loadIndex, type DupmaeIndex, type FlatIndex } from '../retrieval/index.js';
import { representations } from '../nn/index.js';
import { rules } from '../retromae/index.js';
import { dataWarnings } from '../train/index.js';
import { backendFlags, corpusFlags, corpusOptions, required, say, withBackend } from './common.js';
import { loadEncoder, representFlag, type FolderEncoder } from './encoder.js';
import { helpText, parseFlags, UsageError } from './flags.js';

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder, the one that made the index' },
  index: { type: 'string', value: 'FILE', help: 'index file of `retromae encode`' },
  ...representFlag,
  query: { type: 'string', value: 'TEXT', help: 'what to look for' },
  corpus: { type: 'string', value: 'PATH', help: 'the encoded corpus, to show the texts found' },
  ...corpusFlags,
  top: { type: 'number', rule: rules.integer(1), preset: 10, help: 'how many to show' },
  ...backendFlags,
  json: { type: 'boolean', help: 'print a JSON array' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Finds the texts nearest to a query, by exact search.

Usage: retromae search --model DIR --index FILE --query TEXT [flags]`;

/** Characters of a text that are shown. */
const SHOWN = 160;

export async function searchCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  const index = await loadIndex(required(given.index, 'index', 'an index file'));
  const query = required(given.query, 'query', 'what to look for');
  await withBackend(given, async () => {
    const own = await loadEncoder(dir, given);
    const { encoder, measure } = own;
    checkMaker(index, own);
    dataWarnings('--query', measure([query], 'query')).forEach(say);
    const [hits] = index.search(await encoder.encode([query], { role: 'query' }), given.top ?? 10);
    const texts = given.corpus
      ? await textsOf(given.corpus, corpusOptions(given), new Set(hits.map(({ id }) => id)))
      : undefined;
    if (given.json) {
      process.stdout.write(`${JSON.stringify(hits.map((hit) => ({ ...hit, ...texts?.get(hit.id) })))}\n`);
      return;
    }
    for (const { id, score } of hits) {
      const found = texts?.get(id);
      const text = found ? documentText(found).replace(/\s+/g, ' ').slice(0, SHOWN) : '';
      process.stdout.write(`${score.toFixed(4)}  ${id}${text && `  ${text}`}\n`);
    }
  });
}

/** @throws if the index holds vectors of another model, or made another way */
function checkMaker({ dim, model, represent }: FlatIndex | DupmaeIndex, own: FolderEncoder): void {
  if (represent !== undefined && represent !== own.represent) {
    const flag = representations.find((name) => name === represent);
    throw new UsageError(
      `--index was made with representation ${represent}, but texts are made to ${own.represent} here. ${flag ? `Give --represent ${flag}` : 'Leave --represent out'}, or encode again.`,
    );
  }
  if (dim !== own.encoder.dim)
    throw new UsageError(
      `--index has vectors of ${dim} numbers, the model makes ${own.encoder.dim}. Encode again with this model.`,
    );
  if (model === undefined) say('--index does not say which model made it; if it is another, scores mean nothing.');
  else if (model !== own.fingerprint)
    throw new UsageError(
      '--index was made by another model, or by this one with other settings. Search with that one, or encode again.',
    );
}

async function textsOf(
  path: string,
  options: CorpusOptions,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Pick<Document, 'title' | 'text'>>> {
  const found = new Map<string, Pick<Document, 'title' | 'text'>>();
  for await (const { id, title, text } of documents(path, options))
    if (wanted.has(id)) found.set(id, { ...(title && { title }), text });
  return found;
}
