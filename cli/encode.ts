// `retromae encode`: a corpus to a vector index on disk.
import { documentText, documents } from '../data/index.js';
import { DupmaeIndex, indexTexts, saveIndex, type FlatIndex } from '../retrieval/index.js';
import { Ticker } from '../train/index.js';
import { backendFlags, checkWritable, corpusFlags, corpusOptions, required, say, withBackend } from './common.js';
import { sayData, unknownFlag } from './data-summary.js';
import { keepingOf, loadEncoder, representFlag, vectorFlags } from './encoder.js';
import { helpText, parseFlags } from './flags.js';

const flags = {
  model: { type: 'string', value: 'DIR', help: 'model folder' },
  corpus: { type: 'string', value: 'PATH', help: 'file, BEIR folder, directory of these, or - for standard input' },
  ...corpusFlags,
  ...unknownFlag,
  out: { type: 'string', value: 'FILE', help: 'index file to write' },
  ...representFlag,
  ...vectorFlags,
  ...backendFlags,
  json: { type: 'boolean', help: 'print one JSON object: what was read, and what was written' },
  help: { type: 'boolean', help: 'this text' },
} as const;

const usage = `Encodes every text of a corpus and writes an index for \`retromae search\`.

Usage: retromae encode --model DIR --corpus PATH --out FILE [flags]

A corpus is .jsonl, .ndjson, .json (an array), .csv or .tsv with a header, .parquet or .txt, gzipped or not. A text is
encoded with its title before it. Ids are those in _id, id, docid, pid or the like; a text without is FILE:LINE.`;

export async function encodeCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const dir = required(given.model, 'model', 'a model folder');
  const path = required(given.corpus, 'corpus', 'texts to encode');
  const out = required(given.out, 'out', 'the index file to write');
  await checkWritable(out);
  const ids: string[] = [];
  const texts: string[] = [];
  const corpus = documents(path, { ...corpusOptions(given), distinctIds: true });
  for await (const document of corpus) {
    ids.push(document.id);
    texts.push(documentText(document));
  }
  await withBackend(given, async () => {
    const own = await loadEncoder(dir, given);
    const { encoder, similarity, fingerprint: model, represent, measure } = own;
    const keeping = keepingOf(given, own);
    const { leftOut, taken } = corpus.report;
    const data = { ...measure(texts), leftOut: Object.fromEntries(leftOut), taken: [...taken] };
    sayData(path, data, given['max-unknown']);
    const ticker = new Ticker(process.stderr, { what: 'texts', total: texts.length });
    const onProgress = (done: number) => ticker.update(done);
    const index = await indexTexts(encoder, ids, texts, { similarity, model, represent, onProgress, ...keeping });
    ticker.done();
    await saveIndex(index, out);
    const { bytes } = index;
    const made = { vectors: texts.length, ...keeping, represent, bytes, out };
    if (given.json) process.stdout.write(`${JSON.stringify({ ...made, data })}\n`);
    say(`${made.vectors} vectors of ${sizeOf(index)} in ${out}; a document takes ${bytes} bytes.`);
  });
}

const sizeOf = (index: FlatIndex | DupmaeIndex): string =>
  index instanceof DupmaeIndex
    ? `${index.shape.dense} numbers and ${index.shape.k} words with their weights`
    : `${index.store.dim}${index.store.dim < index.dim ? ` of ${index.dim}` : ''} numbers${index.store.format === 'f32' ? '' : ` (${index.store.format})`}`;
