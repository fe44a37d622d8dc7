// Judgements in every dialect: all give the same, and what is none is refused by its place.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import t from 'tap';
import { readJudgements } from '../../data/judgements.js';

const GIVEN: readonly (readonly [query: string, document: string, grade: number])[] = [
  ['q1', '1436278513418510000', 2],
  ['q1', 'd2', 0],
  ['2', 'd1', -1],
];
const rows = (line: (query: string, document: string, grade: number) => string): string =>
  GIVEN.map((judgement) => `${line(...judgement)}\n`).join('');
const json = (query: string, document: string, grade: number): string =>
  `{"query-id": ${query === '2' ? query : JSON.stringify(query)}, "corpus-id": ${/^\d+$/.test(document) ? document : JSON.stringify(document)}, "score": ${grade}}`;

const BEIR = `query-id\tcorpus-id\tscore\n${rows((...cells) => cells.join('\t'))}`;
const column = (name: string, data: readonly unknown[], type: 'STRING' | 'INT64') => ({ name, data: [...data], type });
const DIALECTS: Record<string, string | Buffer> = {
  'beir.tsv': BEIR,
  'names.tsv': BEIR.replace('query-id\tcorpus-id\tscore', 'qid\tcid\tscore'),
  'order.tsv': `relevance\tdoc_id\tquery_id\n${rows((query, document, grade) => `${grade}\t${document}\t${query}`)}`,
  'more.tsv': `query-id\tcorpus-id\tscore\tsource\n${rows((...cells) => `${cells.join('\t')}\tx`)}`,
  'bare.tsv': rows((...cells) => cells.join('\t')),
  'point.tsv': rows((query, document, grade) => `${query}\t${document}\t${grade}.0`),
  'blanks.txt': `${rows((...cells) => `${cells.join('  ')}  `)}   \n\n`,
  'windows.tsv': BEIR.replaceAll('\n', '\r\n'),
  'utf16.tsv': Buffer.from(`\ufeff${BEIR}`, 'utf16le'),
  'trec.qrels': rows((query, document, grade) => `${query} 0 ${document} ${grade}`),
  'trec.QREL.gz': gzipSync(rows((query, document, grade) => `${query}\tQ0\t${document}\t${grade}`)),
  noending: rows((query, document, grade) => `${query} 0 ${document} ${grade}`),
  'json.jsonl': rows(json),
  'array.json': `[${rows((...judgement) => `${json(...judgement)},`)
    .trimEnd()
    .slice(0, -1)}]`,
  'comma.csv': `query-id,corpus-id,score\n${rows((...cells) => cells.join(','))}`,
  'columns.parquet': Buffer.from(
    parquetWriteBuffer({
      columnData: [
        column(
          'query-id',
          GIVEN.map(([query]) => query),
          'STRING',
        ),
        column(
          'corpus-id',
          GIVEN.map(([, document]) => document),
          'STRING',
        ),
        column(
          'score',
          GIVEN.map(([, , grade]) => BigInt(grade)),
          'INT64',
        ),
      ],
    }),
  ),
};

const expected = [
  [
    'q1',
    [
      ['1436278513418510000', 2],
      ['d2', 0],
    ],
  ],
  ['2', [['d1', -1]]],
];

void t.test('all dialects say the same', async (t) => {
  const dir = t.testdir(DIALECTS);
  for (const file of Object.keys(DIALECTS)) {
    const { qrels, repeated } = await readJudgements([join(dir, file)]);
    t.same(
      [...qrels].map(([query, judged]) => [query, [...judged]]),
      expected,
      file,
    );
    t.same(repeated, []);
  }
});

void t.test('refused by place', async (t) => {
  const cases: Record<string, readonly [content: string, said: RegExp]> = {
    'half.tsv': [
      'q\td\t1\nq\te\t0.5\n',
      /half\.tsv:2: expected query id, document id and a whole number, found "q", "e", "0\.5"/,
    ],
    'two.tsv': ['q\td\n', /two\.tsv:1: expected a header/],
    'names.tsv': ['one\ttwo\tthree\nq\td\t1\n', /names\.tsv:1: expected a header/],
    'short.tsv': ['q\td\t1\nq\n', /short\.tsv:2: expected query id/],
    'json.jsonl': ['{"query-id": "q", "corpus-id": "d", "score": 0.5}\n', /json\.jsonl:1: .*found "q", "d", 0\.5/],
    'fields.jsonl': ['{"a": 1}\n', /fields\.jsonl:1: .*found nothing, nothing, nothing/],
    'cut.json': ['[{"query-id": "q", "corpus-id": "d", "score": 1}', /cut\.json:1: the JSON array does not end/],
    'empty.tsv': ['\n', /empty\.tsv: no judgements/],
  };
  const dir = t.testdir(Object.fromEntries(Object.entries(cases).map(([file, [content]]) => [file, content])));
  for (const [file, [, said]] of Object.entries(cases)) await t.rejects(readJudgements([join(dir, file)]), said);
});
