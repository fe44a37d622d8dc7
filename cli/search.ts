// `retromae search`: the nearest texts of an index to a query, or the best of these and of BM25.
import { documents, documentText, type CorpusOptions, type Document } from '../data/index.js';
import { Bm25, fuse, loadIndex, searchBoth, type DupmaeIndex, type FlatIndex, type Sides } from '../retrieval/index.js';
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

const usage = `Finds the texts nearest to a query, by exact search.

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
  const path = fusion ? required(given.corpus, 'corpus', 'the encoded texts, which BM25 searches') : given.corpus;
  const index = await loadIndex(required(given.index, 'index', 'an index file'));
  const query = required(given.query, 'query', 'what to look for');
  await withBackend(given, async () => {
    const own = await loadEncoder(dir, given);
    const { encoder, measure } = own;
    checkMaker(index, own);
    dataWarnings('--query', measure([query], 'query')).forEach(say);
    const top = given.top ?? 10;
    const vectors = await encoder.encode([query], { role: 'query' });
    const all =
      fusion && path !== undefined ? await textsOf(path, { ...corpusOptions(given), distinctIds: true }) : undefined;
    const hits =
      fusion && all
        ? fuse(findBoth(index, all, { texts: [query], vectors }, top), fusion).slice(0, top)
        : index.search(vectors, top)[0];
    const found = new Set(hits.map(({ id }) => id));
    const texts = all ?? (path === undefined ? undefined : await textsOf(path, corpusOptions(given), found));
    if (given.json) {
      process.stdout.write(`${JSON.stringify(hits.map((hit) => ({ ...hit, ...texts?.get(hit.id) })))}\n`);
      return;
    }
    for (const { id, score } of hits) {
      const shown = texts?.get(id);
      const text = shown ? documentText(shown).replace(/\s+/g, ' ').slice(0, SHOWN) : '';
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

/** @throws UsageError if the texts are not those of the index: BM25 would rank other documents, by other frequencies */
function findBoth(
  index: FlatIndex | DupmaeIndex,
  texts: Texts,
  query: Parameters<typeof searchBoth>[2],
  top: number,
): Sides {
  const ids = new Set(index.ids);
  const strangers = [
    { some: index.ids.filter((id) => !texts.has(id)), where: "of the index's documents are not in --corpus" },
    { some: [...texts.keys()].filter((id) => !ids.has(id)), where: 'documents of --corpus are not in the index' },
  ].filter(({ some }) => some.length > 0);
  if (strangers.length > 0) {
    const facts = strangers.map(({ some, where }) => `${some.length} ${where} (the first is "${some[0]}")`);
    throw new UsageError(
      `--corpus is not what --index was made of: ${facts.join(', ')}. Give the corpus that was encoded, or encode this one.`,
    );
  }
  const bm25 = new Bm25(Array.from(texts, ([id, document]) => ({ id, text: documentText(document) })));
  return searchBoth(bm25, index, query, Math.max(DEPTH, top))[0];
}

/** The texts of the documents that are wanted; without a wish, of all. */
async function textsOf(path: string, options: CorpusOptions, wanted?: ReadonlySet<string>): Promise<Texts> {
  const found: Texts = new Map();
  for await (const { id, title, text } of documents(path, options))
    if (!wanted || wanted.has(id)) found.set(id, { ...(title && { title }), text });
  return found;
}
