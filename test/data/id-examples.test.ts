// Examples by ids: MS MARCO's triples and the authors' lists, the texts beside them; what is left out, and what is refused.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { idExamples, type IdExampleOptions, type TrainingExample } from '../../data/index.js';
import { jsonLines } from '../cli/support.js';

const dir = t.testdir({});
const at = (name: string) => join(dir, name);
const scratch = at('passages.txt');
const write = (name: string, content: string | Buffer): string => {
  writeFileSync(at(name), content);
  return at(name);
};
const texts = ['zero', 'one', 'zwei – naïve', 'three', 'four'];
const corpus = write('corpus.tsv', texts.map((text, i) => `${i}\t${text}\n`).join(''));
const queries = write('queries.tsv', ['first', 'second', ' '].map((text, i) => `q${i}\t${text}\n`).join(''));

async function read(
  content: string | Buffer,
  { qrels, name = 'ids.tsv', ...options }: Partial<IdExampleOptions> & { qrels?: string; name?: string } = {},
  files = { queries, corpus },
): Promise<TrainingExample[]> {
  const all: TrainingExample[] = [];
  const paths = { examples: write(name, content), ...files, qrels };
  for await (const example of idExamples(paths, { scratch, ...options })) all.push(example);
  return all;
}
const shown = (all: readonly TrainingExample[]) =>
  all.map(({ id, query, positives, negatives }) => [id, query, positives, negatives]);

void t.test('triples of ids, with as many negatives as there are', async (t) => {
  const wanted = [
    ['q0', 'first', ['zwei – naïve'], ['zero']],
    ['q1', 'second', ['one'], ['three', 'four', 'zwei – naïve']],
  ];
  t.same(shown(await read('q0\t2\t0\n\nq1\t1\t3\t4\t2\n')), wanted);
  t.same(shown(await read('query_id\tpositive\tnegative\nq0\t2\t0\nq1\t1\t3,4, 2\r\n')), wanted, 'header, lists');
  t.same(shown(await read('q0 2 0\nq1 1 3 4 2', { name: 'ids.txt' })), wanted, 'blanks');
  t.same(shown(await read(gzipSync('q0\t2\t0\nq1\t1\t3\t4\t2\n'), { name: 'ids.tsv.gz' })), wanted);
  t.same(shown(await read('q1\t1,2\n')), [['q1', 'second', ['one', 'zwei – naïve'], []]], 'queries with answers alone');
  t.notOk(existsSync(scratch), 'nothing is left behind');
  for await (const { query } of idExamples({ examples: at('ids.tsv'), queries, corpus }, { scratch })) {
    t.ok(query && existsSync(scratch));
    break;
  }
  t.notOk(existsSync(scratch), 'nor where nobody read on');
});

void t.test('the authors’ negatives, beside what answers', async (t) => {
  const wanted = [
    ['q0', 'first', ['one', 'zero'], ['zwei – naïve', 'three']],
    ['q1', 'second', ['four'], ['zero']],
  ];
  const negatives = 'q0\t2,3\nq1\t0\n';
  const dialects = {
    'train_qrels.txt': 'q0\t1\nq1\t4\nq0\t0\n',
    'lists.txt': 'q0\t1,0\nq1\t4\n',
    'beir.tsv': 'query-id\tcorpus-id\tscore\nq0\t1\t1\nq0\t0\t1\nq1\t4\t2\nq1\t3\t0\n',
    'trec.txt': 'q0 0 1 1\nq0 0 0 1\nq1 0 4 1\n',
  };
  for (const [name, content] of Object.entries(dialects))
    t.same(shown(await read(negatives, { qrels: write(name, content) })), wanted, name);
});

void t.test('texts in every file of documents, a title before its text', async (t) => {
  const rows = [
    { _id: '1', title: 'Title', text: 'body' },
    { _id: '2', text: 'other' },
  ];
  const files = {
    'c.jsonl': jsonLines(rows),
    'c.tsv': '1\tTitle\tbody\n2\t\tother\n',
    'd.tsv': 'id\ttext\ttitle\n1\tbody\tTitle\n2\tother\t\n',
  };
  const asked = write('queries.jsonl', jsonLines([{ _id: 7, query: 'who?' }]));
  for (const [name, content] of Object.entries(files))
    t.same(
      shown(await read('7\t1\t2\n', {}, { queries: asked, corpus: write(name, content) })),
      [['7', 'who?', ['Title body'], ['other']]],
      name,
    );
});

void t.test('a BEIR folder has queries and a corpus', async (t) => {
  const beir = at('beir');
  mkdirSync(beir);
  write(
    'beir/corpus.jsonl',
    jsonLines([
      { _id: '1', text: 'one' },
      { _id: '2', text: 'two' },
    ]),
  );
  write('beir/queries.jsonl', jsonLines([{ _id: '1', text: 'who?' }]));
  const found = await read('1\t1\t2\n', {}, { queries: beir, corpus: beir });
  t.same(shown(found), [['1', 'who?', ['one'], ['two']]]);
});

void t.test('bad lines are left out, told of and counted', async (t) => {
  const bad = ['q9\t1\t2', 'q0\t1\t9', 'q0\t8', 'q0', 'q2\t1\t2', 'q0\t\t2', 'q0\t1\t2,,3'];
  const said: string[] = [];
  const onWarning = (message: string) => said.push(message.replace(`${dir}/`, '').replace(`${dir}/`, ''));
  const found = await read(`${bad.join('\n')}\nq0\t1\t2\n`, { onWarning });
  t.same(shown(found), [['q0', 'first', ['one'], ['zwei – naïve']]]);
  t.same(said.sort(), [
    'ids.tsv:1: the query "q9" has no text in queries.tsv',
    'ids.tsv:2: the passage "9" has no text in corpus.tsv, whose first id is "0"',
    'ids.tsv:3: the passage "8" has no text in corpus.tsv, whose first id is "0"',
    'ids.tsv:4: has 1 column, expected ids: a query, a passage that answers it, and any that do not',
    'ids.tsv:5: the query "q2" has no text in queries.tsv',
    'ids.tsv:6: an id is empty',
    'ids.tsv:7: an id is empty',
  ]);
  await t.rejects(
    read('q0\t1\t2\nq9\t1\t2\nq0\t9\t1\n', { maxBadLines: 1 }),
    /^examples: .*ids\.tsv:3: the passage "9" .*; that makes 2 bad lines, expected at most 1\. The first was .*ids\.tsv:2: the query "q9" .*\. Give the files in which these ids have texts, mend the lines, or raise maxBadLines\.$/,
  );
  t.same((await read('q0\t1\t2\nq9\t1\t2\n', { maxBadLines: 1 })).length, 1);
});

void t.test('refusals', async (t) => {
  const qrels = write('positives.txt', 'q0\t1\n');
  const three = write('three.txt', 'q0\t1\nq1\t2\t3\n');
  const twice = { queries, corpus: write('twice.tsv', '1\ta\n2\tb\n1\tc\n') };
  const cases: [() => Promise<unknown>, RegExp][] = [
    [() => read(''), /ids\.tsv: no examples are left\. Give the files in which/],
    [
      () => read('q9\t1\t2\n'),
      /ids\.tsv: no examples are left; the first bad line was .*ids\.tsv:1: the query "q9" has no text/,
    ],
    [
      () => read('q0\t1\t2\n', { qrels, name: 'a.tsv' }),
      /a\.tsv:1: has 3 columns, but beside judgements a line is a query/,
    ],
    [
      () => read('q1\t2\n', { qrels, name: 'b.tsv' }),
      /b\.tsv:1: no passage answers the query "q1" in .*positives\.txt/,
    ],
    [
      () => read('q1\t2\n', { qrels: three, name: 'c.tsv' }),
      /three\.txt:2: has 3 columns, expected a query and the passages/,
    ],
    [() => read('q0 0 1 1\n', { name: 'd.tsv' }), /d\.tsv:1: looks like TREC's judgements, expected ids/],
    [() => read('q0\t1\t2\n', { name: 'e.tsv' }, twice), /twice\.tsv:3: the id "1" comes twice, expected distinct ids/],
    [() => read('q0\t1\t2\n', { name: 'f.tsv' }, { queries, corpus: at('none.tsv') }), /none\.tsv/],
    [() => read('q0\t1\t2\n', { name: 'g.tsv' }, { queries: '-', corpus }), /standard input: can be read only once/],
  ];
  for (const [reading, said] of cases) await t.rejects(reading(), said);
  mkdirSync(at('folder'));
  const paths = { examples: at('folder'), queries, corpus };
  await t.rejects(idExamples(paths, { scratch }).next(), /folder/);
  t.notOk(
    readdirSync(dir).some((name) => name.includes('passages')),
    'nothing is left behind',
  );
});
