// Valid files of every kind that the product reads, small: what the mutations begin with.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { runCommand } from '../../cli/commands.js';
import { writeSafetensors } from '../../nn/index.js';
import { quietly } from './quietly.js';
import type { Files } from './edits.js';

/** One thread, and a backend that no measurement chooses. */
export const ONE_THREAD = ['--backend', 'wasm', '--threads', '1'];
const TINY = [
  ...[...ONE_THREAD, '--layers', '1', '--hidden', '8', '--heads', '2', '--batch', '2', '--seq', '16', '--workers', '0'],
  ...['--vocab-size', '64', '--eval-every', '0', '--save-every', '1'],
];

const TEXTS = [
  'The river ran by the old market.',
  'A letter came in winter, from the harbour.',
  'Bridges of stone. Bridges of copper!',
  'Der Käse, das Öl und ein Fuß: ΛΟΓΟΣ 東京 𠮷a.',
];
const documents = TEXTS.map((text, i) => ({ _id: `d${i}`, title: i % 2 ? 'Of stones' : '', text }));
const queries = [
  { _id: 'q0', text: 'old market' },
  { _id: 'q1', text: 'copper bridges' },
];
const judged = [
  ['q0', 'd0', '1'],
  ['q0', 'd2', '0'],
  ['q1', 'd2', '2'],
];

const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const rows = (cells: readonly (readonly string[])[], between: string): string =>
  cells.map((row) => `${row.join(between)}\n`).join('');
const files = (content: Record<string, string | Uint8Array>): Files =>
  new Map(Object.entries(content).map(([path, data]) => [path, typeof data === 'string' ? Buffer.from(data) : data]));
const below = (folder: string, content: Files): Files =>
  new Map([...content].map(([path, data]) => [`${folder}/${path}`, data]));

/** Corpora by the name of their file. */
export const corpora: Record<string, string | Uint8Array> = {
  'corpus.jsonl': lines(documents),
  'pages.ndjson': lines(
    documents.map(({ _id, title, text }) => ({ docid: Number(_id.slice(1)) + 2 ** 40, title, contents: text })),
  ),
  'list.json': JSON.stringify(documents, null, 1),
  'table.tsv': rows([['id', 'title', 'text'], ...documents.map(({ _id, title, text }) => [_id, title, text])], '\t'),
  'table.csv': rows([['id', 'text'], ...documents.map(({ _id, text }) => [_id, `"${text}"`])], ','),
  'lines.txt': `${TEXTS.join('\n')}\n`,
  'paragraphs.txt': `${TEXTS.join('\n\n')}\n`,
  'corpus.jsonl.gz': gzipSync(lines(documents)),
  'corpus.parquet': new Uint8Array(
    parquetWriteBuffer({
      columnData: (['_id', 'title', 'text'] as const).map((name) => ({
        name,
        data: documents.map((document) => document[name]),
      })),
    }),
  ),
  'wide.txt': Buffer.from(`\ufeff${TEXTS.join('\r\n\r\n')}`, 'utf16le'),
};

const set = (judgements: string): Files =>
  files({ 'corpus.jsonl': lines(documents), 'queries.jsonl': lines(queries), 'qrels/test.tsv': judgements });

/** BEIR folders, whose judgements are in the dialects that people have. */
export const sets: Files[] = [
  set(rows([['query-id', 'corpus-id', 'score'], ...judged], '\t')),
  set(rows(judged, '\t')),
  set(
    rows(
      judged.map(([query, document, score]) => [query, '0', document, score]),
      ' ',
    ),
  ),
  set(rows([['qid', 'docid', 'label', 'by'], ...judged.map((row) => [...row, 'x'])], '\t')),
];

/** Queries, each with the text of a document. */
export const pairs = lines(
  documents.slice(0, 3).map(({ title, text }, i) => ({ query_id: `q${i}`, query: title, pos: [`${title} ${text}`] })),
);

/** Training examples by the name of their file, in every dialect. */
export const examples: Record<string, string> = {
  'lists.jsonl': lines(
    TEXTS.slice(1).map((text, i) => ({
      query: text.slice(0, 9),
      pos: [text],
      neg: [TEXTS[i]],
      pos_scores: [2],
      neg_scores: [i],
    })),
  ),
  'columns.jsonl': lines(TEXTS.map((text) => ({ anchor: text.slice(0, 9), positive: text, negative: 'Of stones' }))),
  'columns.csv': rows([['query', 'answer'], ...TEXTS.map((text) => [`"${text.slice(0, 5)}"`, `"${text}"`])], ','),
  'triples.tsv': rows(
    TEXTS.map((text) => [text.slice(0, 9), text, 'Of stones']),
    '\t',
  ),
};

/** Examples by ids beside their texts; arguments are the file, and that of the judgements where there is one. */
export const byIds = (
  [
    [{ 'ids.tsv': 'q0\t1\t2\t0\nq1\t0\t2\n' }, ['ids.tsv']],
    [{ 'negatives.tsv': 'q0\t2,0\nq1\t2\n', 'qrels.txt': 'q0\t1\nq1\t0\n' }, ['negatives.tsv', 'qrels.txt']],
  ] as const
).map(([own, args]) => ({
  files: files({
    ...own,
    'queries.tsv': 'q0\tdie Käse\nq1\tstones\n',
    'corpus.tsv': TEXTS.slice(0, 3)
      .map((text, i) => `${i}\tTitle\t${text.replace(/\s/g, ' ')}\n`)
      .join(''),
  }),
  args,
}));

export interface Seeds {
  /** A model folder, as `pretrain` leaves it. */
  readonly model: Files;
  /** The same with a Dense module, as sentence-transformers writes one, and with its weights in two shards. */
  readonly dense: Files;
  readonly shards: Files;
  /** The same with a bare vocabulary. */
  readonly bare: Files;
  /** A run that was interrupted after the first of its two steps. */
  readonly run: Files;
  readonly index: Files;
  /** A static encoder, and a cross-encoder. */
  readonly words: Files;
  readonly cross: Files;
}

/** Makes what the product itself writes, in a folder that is empty again afterwards. */
export async function makeSeeds(dir: string): Promise<Seeds> {
  const at = (...path: string[]) => join(dir, ...path);
  mkdirSync(dir, { recursive: true });
  writeFileSync(at('corpus.jsonl'), corpora['corpus.jsonl']);
  const pretrain = ['pretrain', ...TINY, '--corpus', at('corpus.jsonl')];
  await quietly(() => runCommand([...pretrain, '--steps', '1', '--out', at('model')]));
  await quietly(() => runCommand([...pretrain, '--steps', '2', '--out', at('run'), '--json']), {
    said: (text) => void (text.includes('"type":"step"') && process.emit('SIGINT', 'SIGINT')),
  });
  const encode = ['encode', ...ONE_THREAD, '--model', at('model'), '--corpus', at('corpus.jsonl')];
  await quietly(() => runCommand([...encode, '--out', at('i.idx')]));
  writeFileSync(at('lists.jsonl'), examples['lists.jsonl']);
  const finetune = ['finetune', ...ONE_THREAD, '--workers', '0', '--steps', '1', '--batch', '2', '--width', '8'];
  const small = ['--vocab-size', '64', '--layers', '1', '--heads', '2', '--seq', '16'];
  const words = ['--corpus', at('corpus.jsonl'), '--out', at('words')];
  await quietly(() => runCommand([...finetune, ...small, ...words]));
  const cross = ['--examples', at('lists.jsonl'), '--method', 'cross', '--model', 'bert', '--out', at('cross')];
  await quietly(() => runCommand([...finetune, ...small, ...cross]));
  const folderOf = (name: string) =>
    readFiles(at(name), (path) => !/^(checkpoints|tokens|charts|report|events|log|run\.json)/.test(path));
  const [staticFolder, crossFolder] = [folderOf('words'), folderOf('cross')];
  const model = readFiles(at('model'), (path) => !/^(checkpoints|tokens|report|events|log|run\.json)/.test(path));
  const run = readFiles(at('run'), (path) => !/^events|report/.test(path));
  const index = files({ 'i.idx': readFileSync(at('i.idx')) });
  rmSync(dir, { recursive: true });
  const moved = new Map(model);
  moved.delete('tokenizer.json');
  return {
    model,
    dense: denseOf(model),
    shards: shardsOf(model),
    bare: moved.set('added_tokens.json', Buffer.from('{"river": 9}')),
    run,
    index,
    words: staticFolder,
    cross: crossFolder,
  };
}

function readFiles(dir: string, wanted: (path: string) => boolean): Files {
  const found = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)));
  return new Map(
    found
      .filter(wanted)
      .sort()
      .map((path) => [path, readFileSync(join(dir, path))]),
  );
}

function denseOf(model: Files): Files {
  const type = 'sentence_transformers.models.';
  const modules = [
    { idx: 0, name: '0', path: '', type: `${type}Transformer` },
    { idx: 1, name: '1', path: '1_Pooling', type: `${type}Pooling` },
    { idx: 2, name: '2', path: '2_Dense', type: `${type}Dense` },
    { idx: 3, name: '3', path: '3_Normalize', type: `${type}Normalize` },
  ];
  const config = {
    in_features: 8,
    out_features: 4,
    bias: true,
    activation_function: 'torch.nn.modules.activation.Tanh',
  };
  const weights = writeSafetensors([
    ['linear.weight', { shape: [4, 8], data: new Float32Array(32).fill(0.1) }],
    ['linear.bias', { shape: [4], data: new Float32Array(4) }],
  ]);
  return new Map([
    ...model,
    ...files({
      'modules.json': JSON.stringify(modules),
      '2_Dense/config.json': JSON.stringify(config),
      '2_Dense/model.safetensors': Buffer.concat(weights),
      'config_sentence_transformers.json': JSON.stringify({
        prompts: { query: 'query: ', document: 'passage: ' },
        default_prompt_name: null,
        similarity_fn_name: 'cosine',
        truncate_dim: null,
      }),
    }),
  ]);
}

/** One of the two shards holds nothing, which is a shard as well. */
function shardsOf(model: Files): Files {
  const shards = new Map(model);
  const weights = shards.get('model.safetensors')!;
  shards.delete('model.safetensors');
  const [first, second] = [1, 2].map((i) => `model-0000${i}-of-00002.safetensors`);
  const map = { 'bert.embeddings.word_embeddings.weight': first, extra: second };
  return new Map([
    ...shards,
    ...files({
      'model.safetensors.index.json': JSON.stringify({ metadata: { total_size: weights.length }, weight_map: map }),
      [first]: weights,
      [second]: Buffer.concat(writeSafetensors([['extra', { shape: [2], data: new Float32Array(2) }]])),
    }),
  ]);
}

/** Files of several seeds, each below a folder of its own. */
export const together = (parts: Record<string, Files>): Files =>
  new Map(
    Object.entries(parts).flatMap(([folder, content]) => [...(folder === '.' ? content : below(folder, content))]),
  );

export const file = (name: string, content: string | Uint8Array): Files => files({ [name]: content });

/** Writes files below a folder; null becomes a folder. */
export function writeInto(dir: string, content: Files): void {
  for (const [path, data] of content) {
    const full = join(dir, path);
    mkdirSync(data ? dirname(full) : full, { recursive: true });
    if (data) writeFileSync(full, data);
  }
}
