// Retrieval sets: what is read, what is warned of, and every complaint that is made.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { documentText, hasSplit, loadBeir, loadOtherSplit, loadQrels } from '../../data/index.js';

const lines = (...all: unknown[]): string => all.map((line) => `${JSON.stringify(line)}\n`).join('');
const HEADER = 'query-id\tcorpus-id\tscore\n';
const GOOD = {
  'corpus.jsonl': lines(
    { _id: 'd1', title: 'Title', text: 'text', metadata: {} },
    { _id: 'd2', text: 'no title' },
    { _id: 3, title: 'empty', text: '' },
  ),
  'queries.jsonl': lines({ _id: 'q1', text: 'one' }, { _id: 'q2', text: 'two' }, { _id: 'q3', text: 'not judged' }),
  'qrels/test.tsv': `${HEADER}q1\td1\t2\nq1\t3\t0\nq2\td2\t1\n`,
  'qrels/train.tsv': `${HEADER}q3\td2\t1\n`,
};

type Changes = Record<string, string | Buffer | Record<string, never> | undefined>;

/** A folder of files, GOOD unless said otherwise; undefined leaves a file out, {} makes it a folder. */
function folder(t: Test, changes: Changes = {}) {
  const files = { ...GOOD, ...changes };
  const of = (prefix: string) =>
    Object.fromEntries(
      Object.entries(files)
        .filter(([name, content]) => name.startsWith(prefix) && content !== undefined)
        .map(([name, content]) => [name.slice(prefix.length), content])
        .filter(([name]) => !String(name).includes('/')),
    );
  return join(t.testdir({ set: { ...of(''), qrels: of('qrels/') } }), 'set');
}

void t.test('another split has the same documents, which are not read again', async (t) => {
  const dir = folder(t, { 'qrels/train.tsv': `${HEADER}q3\td2\t1\nq3\tnone\t1\nq9\td1\t1\n` });
  const set = await loadBeir(dir);
  const corpus = [...set.corpus, { id: 'none', text: 'of memory' }];
  const other = await loadOtherSplit(dir, 'train', { ...set, corpus });
  t.equal(other.corpus, corpus);
  t.same(other.queries, [{ id: 'q3', text: 'not judged' }]);
  t.same([...other.qrels.keys()], ['q3']);
  t.match(
    other.warnings,
    [/train\.tsv: 1 judged queries are not in/],
    'of the document that is in memory there is none',
  );
  t.same([...(await loadQrels(dir, 'train')).keys()], ['q3', 'q9'], 'as they stand');
  t.same(
    [await hasSplit(dir, 'train'), await hasSplit(dir, 'dev'), await hasSplit(join(dir, 'no'), 'dev')],
    [true, false, false],
  );
  await t.rejects(loadOtherSplit(dir, 'dev', set), /no split "dev".*there are test, train/);
  await t.rejects(loadQrels(dir, 'dev'), /no split "dev"/);
});

void t.test('reads', async (t) => {
  const set = await loadBeir(`${folder(t)}/`);
  t.equal(set.name, 'set');
  t.same(set.corpus, [
    { id: 'd1', title: 'Title', text: 'text' },
    { id: 'd2', text: 'no title' },
    { id: '3', title: 'empty', text: '' },
  ]);
  t.same(
    set.corpus.map((doc) => documentText(doc)),
    ['Title text', 'no title', 'empty '],
  );
  t.same(
    set.queries.map(({ id, text }) => [id, text]),
    [
      ['q1', 'one'],
      ['q2', 'two'],
    ],
    'judged ones only',
  );
  t.same(
    [...set.qrels],
    [
      ['q1', new Map(Object.entries({ d1: 2, 3: 0 }))],
      ['q2', new Map([['d2', 1]])],
    ],
  );
  t.same(set.warnings, []);
});

void t.test('another split; Windows line ends, a byte order mark, blank lines, no last line end', async (t) => {
  const dir = folder(t, {
    'corpus.jsonl': `\ufeff${GOOD['corpus.jsonl'].replaceAll('\n', '\r\n\r\n').trimEnd()}`,
    'qrels/train.tsv': GOOD['qrels/train.tsv'].replaceAll('\n', '\r\n').trimEnd(),
  });
  const set = await loadBeir(dir, { split: 'train' });
  t.same([set.corpus.length, set.queries.map(({ id }) => id)], [3, ['q3']]);
});

void t.test('warns', async (t) => {
  const dir = folder(t, {
    'qrels/test.tsv': `${HEADER}q1\td1\t1\nq1\td1\t2\nq1\tgone\t1\nq1\tlost\t1\nghost\td1\t1\nwraith\td2\t1\n`,
  });
  const { warnings, qrels } = await loadBeir(dir);
  const file = join(dir, 'qrels', 'test.tsv');
  t.same(warnings, [
    `${file}: 2 judged queries are not in queries.jsonl and are left out (the first is "ghost").`,
    `${file}: 2 judgements are of documents that are not in corpus.jsonl; they count as never found (the first is "gone").`,
    `${file}: 1 judgements come twice; the last one counts (the first is "q1 d1").`,
  ]);
  t.same([...qrels], [['q1', new Map(Object.entries({ d1: 2, gone: 1, lost: 1 }))]]);
});

const REFUSED: [string, Changes, RegExp][] = [
  [
    'no corpus',
    { 'corpus.jsonl': undefined },
    /corpus\.jsonl: no such file; a BEIR folder holds corpus\.jsonl, queries\.jsonl and qrels\/SPLIT\.tsv/,
  ],
  [
    'judgements of another set',
    { 'qrels/test.tsv': `${HEADER}ghost\td1\t1\nwraith\td2\t1\n` },
    /qrels\/test\.tsv: none of its 2 queries is in queries\.jsonl \(the first is "ghost"\)/,
  ],
  ['no queries', { 'queries.jsonl': undefined }, /queries\.jsonl: no such file/],
  ['a folder for a file', { 'queries.jsonl': {} }, /queries\.jsonl: no such file; a BEIR folder holds/],
  [
    'no split',
    { 'qrels/test.tsv': undefined, 'qrels/dev.tsv': '' },
    /qrels: no split "test" \(test\.tsv\); there are dev, train: ask for one/,
  ],
  ['no splits', { 'qrels/test.tsv': undefined, 'qrels/train.tsv': undefined }, /qrels: no SPLIT\.tsv in it/],
  [
    'not JSON',
    { 'corpus.jsonl': `${GOOD['corpus.jsonl']}{"_id": \n` },
    /corpus\.jsonl:4: malformed JSON \(.*\), expected a document; correct the line/,
  ],
  ['null', { 'corpus.jsonl': 'null\n' }, /corpus\.jsonl:1: not a JSON object, expected a document; correct the line/],
  ['a list', { 'queries.jsonl': '[1]\n' }, /queries\.jsonl:1: not a JSON object, expected a query/],
  ['no id', { 'corpus.jsonl': lines({ text: 'x' }) }, /corpus\.jsonl:1: no id, expected one in a field such as "_id"/],
  [
    'text of another kind',
    { 'queries.jsonl': lines({ _id: 'q1', text: 'x' }, { _id: 'q2', text: 5 }) },
    /queries\.jsonl:2: no string in any field for texts \(fields: _id, text; .*\), expected a query; correct the line/,
  ],
  [
    'title of another kind',
    { 'corpus.jsonl': lines({ _id: 'd', title: ['x'], text: '' }) },
    /corpus\.jsonl:1: no string in field 'title', expected a document/,
  ],
  [
    'a document twice',
    { 'corpus.jsonl': GOOD['corpus.jsonl'] + lines({ _id: 'd2', text: '' }) },
    /corpus\.jsonl:4: the id "d2" comes twice, first at .*corpus\.jsonl:2,/,
  ],
  ['no documents', { 'corpus.jsonl': '\n' }, /corpus\.jsonl: empty, expected a document per line/],
  [
    'bytes',
    {
      'corpus.jsonl': Buffer.concat([
        Buffer.from(lines({ _id: 1, text: 'a' }, { _id: 2, text: 'a' }, { _id: 3, text: 'a' })),
        Buffer.from([0x7b, 0xff, 0x7d, 10]),
      ]),
    },
    /corpus\.jsonl:4: invalid UTF-8, expected a document/,
  ],
  [
    'another header',
    { 'qrels/test.tsv': 'one\ttwo\tthree\n' },
    /test\.tsv:1: expected a header such as query-id<tab>corpus-id<tab>score, .*, found "one two three"; correct the line/,
  ],
  [
    'spaces for tabs',
    { 'qrels/test.tsv': `${HEADER}q1\td1\t1\nq1 d2 1\n` },
    /test\.tsv:3: expected query id, document id and a whole number, found "q1 d2 1", nothing, nothing; correct/,
  ],
  ['TREC columns', { 'qrels/test.tsv': `${HEADER}q1\t0\td1\t1\n` }, /test\.tsv:2: expected query id/],
  ['half a grade', { 'qrels/test.tsv': `${HEADER}q1\td1\t0.5\n` }, /test\.tsv:2: expected query id/],
  ['no judgements', { 'qrels/test.tsv': HEADER }, /test\.tsv: no judgements, expected some; is the file whole/],
];

void t.test('refused', async (t) => {
  for (const [what, changes, message] of REFUSED) {
    await t.test(what, async (t) => {
      await t.rejects(loadBeir(folder(t, changes)), { message });
    });
  }
});

const SCIFACT = '../shared/data/beir/scifact';
void t.test('scifact', { skip: existsSync(SCIFACT) ? false : `${SCIFACT} is not here` }, async (t) => {
  const set = await loadBeir(SCIFACT);
  t.same([set.corpus.length, set.queries.length, set.warnings], [5183, 300, []]);
  const judgements = [...set.qrels.values()].reduce((sum, judged) => sum + judged.size, 0);
  t.equal(judgements, 339);
  const train = await loadBeir(SCIFACT, { split: 'train' });
  t.equal(train.queries.length, 809);
});
