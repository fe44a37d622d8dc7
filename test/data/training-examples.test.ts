// Queries with the texts that answer them, in the dialects of training data: what is read, and what is refused by its place.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { trainingExamples, type TrainingExample } from '../../data/index.js';

const dir = t.testdir({});
const read = async (content: string, name = 'pairs.jsonl'): Promise<TrainingExample[]> => {
  const path = join(dir, name);
  writeFileSync(path, content);
  const all: TrainingExample[] = [];
  for await (const pair of trainingExamples(path)) all.push(pair);
  return all;
};

void t.test('FlagEmbedding’s lines, with an id or by their place', async (t) => {
  const lines = [
    '{"query": "one", "pos": ["a", "b"], "neg": ["c"], "pos_scores": [1, 2]}',
    '',
    '{"query_id": 12345678901234567890, "query": "two", "pos": ["a"]}',
    '{"id": 7, "query": "three", "pos": ["c"], "prompt": null}',
  ];
  const wanted = [
    { id: `${join(dir, 'pairs.jsonl')}:1`, query: 'one', positives: ['a', 'b'], negatives: ['c'], others: {} },
    {
      ...{ id: '12345678901234567890', query: 'two', positives: ['a'], negatives: [] },
      others: { query_id: '12345678901234567890' },
    },
    { id: '7', query: 'three', positives: ['c'], negatives: [], others: { id: 7, prompt: null } },
  ];
  t.same(await read(lines.join('\n')), wanted);
  const [first] = await read('[{"query": "one",\n "pos": ["a"]}]', 'pairs.json');
  t.same(first.positives, ['a']);
});

void t.test('refusals', async (t) => {
  const good = '{"query": "one", "pos": ["a"]}\n';
  const cases: [string, RegExp][] = [
    [`${good}{"query": "two"`, /pairs\.jsonl:2: malformed JSON .*, expected an example; correct the line/],
    [`${good}{"pos": ["a"]}`, /:2: "query" is undefined, expected a text/],
    [`${good}{"query": " ", "pos": ["a"]}`, /:2: "query" is " ", expected a text/],
    ['{"query": "one"}', /:1: has 1 texts in 1 columns, expected a query, a text that answers it/],
    ['{"query": "one", "neg": ["a"]}', /:1: "pos" is undefined, expected a list of texts/],
    ['{"query": "one", "pos": ["a"], "pos_scores": ["x"]}', /:1: "pos_scores" is no list of 1 numbers/],
    ['{"sentence1": "a", "sentence2": "b", "label": 0}', /:1: the column "label" says how well two texts fit/],
    ['{"anchor": "1", "positive": "2"}', /:1: has numbers only, which are ids/],
    ['{"query": "one", "pos": "a"}', /:1: "pos" is "a", expected a list of texts/],
    ['{"query": "one", "pos": []}', /:1: "pos" is \[\], expected a list of texts, one at least/],
    ['{"query": "one", "pos": ["a", 3]}', /:1: "pos" is a list with something else in it/],
    ['\n', /pairs\.jsonl: no examples, expected lines such as/],
  ];
  for (const [content, said] of cases) await t.rejects(read(content), said);
});

void t.test('a teacher’s scores, where there is one for each text', async (t) => {
  const line = { query: 'one', pos: ['a'], neg: ['b', 'c'], pos_scores: [3], neg_scores: [1, -2] };
  t.same((await read(JSON.stringify(line)))[0].scores, [3, 1, -2]);
  t.equal((await read(JSON.stringify({ ...line, neg_scores: undefined })))[0].scores, undefined);
});

void t.test('columns by name, in order, and without names', async (t) => {
  const texts = async (content: string, name: string) =>
    (await read(content, name)).map(({ query, positives, negatives }) => [query, positives, negatives]);
  const wanted = [
    ['q one', ['p one'], ['n one', 'm one']],
    ['q two', ['p two'], ['n two', 'm two']],
  ];
  const rows = [1, 2].map((row) => ['p', 'n', 'q', 'm'].map((what) => `${what} ${['one', 'two'][row - 1]}`));
  const named = ['positive', 'negative_1', 'anchor', 'negative_2'];
  t.same(await texts([named, ...rows].map((row) => row.join(',')).join('\n'), 'a.csv'), wanted);
  t.same(await texts([named, ...rows].map((row) => row.join('\t')).join('\n'), 'a.tsv'), wanted);
  const inOrder = rows.map(([p, n, q, m]) => [q, p, n, m]);
  t.same(await texts(inOrder.map((row) => row.join('\t')).join('\n'), 'triples.tsv'), wanted, 'MS MARCO');
  const objects = inOrder.map(([a, b, c, d]) => JSON.stringify({ id: 3, w: a, x: b, y: c, z: d }));
  t.same(await texts(objects.join('\n'), 'a.jsonl'), wanted);
  const more = JSON.stringify({ source: 'web', positive: 'p', query: 'q', negative_2: 'n' });
  t.same((await read(more, 'more.jsonl'))[0].others, { source: 'web' });
  await t.rejects(read('q\tp\tn\nq\tp', 'b.tsv'), /b\.tsv:2: has 2 columns, the first line 3/);
});
