// `retromae search`: the nearest texts of an index to a query, or the best of these and of BM25.
import { documents, documentText, type CorpusOptions, type Document } from '../data/index.js';
import {
  Bm25,
  fuse,
  loadIndex,
  searchBoth,
  type DupmaeIndex,
  type FlatIndex,
  type Hit,
  type Sides,
} from '../retrieval/index.js';
import { representations } from '../nn/index.js';
import { rules } from '../retromae/index.js';
import { dataWarnings } from '../train/index.js';
import { backendFlags, corpusFlags, corpusOptions, required, say, withBackend } from './common.js';
import { loadEncoder, representFlag, type FolderEncoder } from './encoder.js';
import { helpText, parseFlags, UsageError } from './flags.js';
import { fuseFlags, fusionOf } from './fusion.js';

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder, the one that made the index' },
  index: { type: 'string', value: 'FILE', help: 'index file of `retromae encode`' },
  ...representFlag,
  query: { type: 'string', value: 'TEXT', help: 'what to look for' },
  corpus: { type: 'string', value: 'PATH', help: 'the encoded corpus, to show the texts found, and for --fuse' },
  ...corpusFlags,
  ...fuseFlags,
  top: { type: 'number', rule: rules.integer(1), preset: 10, help: 'how many to show' },
  ...backendFlags,
  json: { type: 'boolean', help: 'print a JSON array' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Finds the texts nearest to a query, by exact search; with --fuse, the best of these and of BM25 over the texts.

Usage: retromae search --model DIR --index FILE --query TEXT [flags]`;

/** Characters of a text that are shown. */
const SHOWN = 160;
/** Hits of either side that are fused, or as many as are shown if these are more. */
const DEPTH = 1000;

export async function searchCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  const fusion = fusionOf(given);
  if (fusion) required(given.corpus, 'corpus', 'the encoded texts, which BM25 searches');
  const index = await loadIndex(required(given.index, 'index', 'an index file'));
  const query = required(given.query, 'query', 'what to look for');
  const top = given.top ?? 10;
  const all = fusion && given.corpus ? await encodedTexts(given.corpus, corpusOptions(given), index) : undefined;
  await withBackend(given, async () => {
    const own = await loadEncoder(dir, given);
    const { encoder, measure } = own;
    checkMaker(index, own);
    dataWarnings('--query', measure([query], 'query')).forEach(say);
    const vectors = await encoder.encode([query], { role: 'query' });
    const hits =
      fusion && all
        ? fuse(findBoth(index, all, { texts: [query], vectors }, top), fusion).slice(0, top)
        : index.search(vectors, top)[0];
    const texts =
      all ?? (given.corpus === undefined ? undefined : await textsOf(given.corpus, corpusOptions(given), idsOf(hits)));
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

type Texts = Map<string, Pick<Document, 'title' | 'text'>>;

/** All texts of the corpus. @throws UsageError if they are not those of the index: BM25 would rank other documents */
async function encodedTexts(path: string, options: CorpusOptions, index: FlatIndex | DupmaeIndex): Promise<Texts> {
  const texts = await textsOf(path, { ...options, distinctIds: true });
  const indexed = new Set(index.ids);
  const facts = [
    { ids: index.ids.filter((id) => !texts.has(id)), are: 'documents of the index are not in --corpus' },
    { ids: [...texts.keys()].filter((id) => !indexed.has(id)), are: 'documents of --corpus are not in the index' },
  ].flatMap(({ ids, are }) => (ids.length > 0 ? [`${ids.length} ${are} (the first is "${ids[0]}")`] : []));
  if (facts.length > 0)
    throw new UsageError(
      `--corpus is not what --index was made of: ${facts.join(', ')}. Give the corpus that was encoded, or encode this one.`,
    );
  return texts;
}

function findBoth(
  index: FlatIndex | DupmaeIndex,
  texts: Texts,
  query: Parameters<typeof searchBoth>[2],
  top: number,
): Sides {
  const bm25 = new Bm25(Array.from(texts, ([id, document]) => ({ id, text: documentText(document) })));
  return searchBoth(bm25, index, query, Math.max(DEPTH, top))[0];
}

const idsOf = (hits: readonly Hit[]): Set<string> => new Set(hits.map(({ id }) => id));

/** The texts of the documents that are wanted, or of all. */
async function textsOf(path: string, options: CorpusOptions, wanted?: ReadonlySet<string>): Promise<Texts> {
  const found: Texts = new Map();
  for await (const { id, title, text } of documents(path, options))
    if (!wanted || wanted.has(id)) found.set(id, { ...(title && { title }), text });
  return found;
}
