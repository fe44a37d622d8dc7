// Lines of queries with their positives: what is read, and what is refused by its place.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { trainingPairs, type TrainingPair } from '../../data/index.js';

const dir = t.testdir({});
const read = async (content: string, name = 'pairs.jsonl'): Promise<TrainingPair[]> => {
  const path = join(dir, name);
  writeFileSync(path, content);
  const all: TrainingPair[] = [];
  for await (const pair of trainingPairs(path)) all.push(pair);
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
    { id: `${join(dir, 'pairs.jsonl')}:1`, query: 'one', positives: ['a', 'b'] },
    { id: '12345678901234567890', query: 'two', positives: ['a'] },
    { id: '7', query: 'three', positives: ['c'] },
  ];
  t.same(await read(lines.join('\n')), wanted);
  const [first] = await read('[{"query": "one",\n "pos": ["a"]}]', 'pairs.json');
  t.same(first.positives, ['a']);
});

void t.test('refusals', async (t) => {
  const good = '{"query": "one", "pos": ["a"]}\n';
  const cases: [string, RegExp][] = [
    [`${good}{"query": "two"`, /pairs\.jsonl:2: malformed JSON .*, expected a pair; correct the line/],
    [`${good}{"pos": ["a"]}`, /:2: "query" is undefined, expected a text/],
    [`${good}{"query": " ", "pos": ["a"]}`, /:2: "query" is " ", expected a text/],
    ['{"query": "one"}', /:1: "pos" is undefined, expected a list of texts/],
    ['{"query": "one", "pos": "a"}', /:1: "pos" is "a", expected a list of texts/],
    ['{"query": "one", "pos": []}', /:1: "pos" is \[\], expected a list of texts, one at least/],
    ['{"query": "one", "pos": ["a", 3]}', /:1: "pos" is a list with something else in it/],
    ['\n', /pairs\.jsonl: no pairs, expected lines such as/],
  ];
  for (const [content, said] of cases) await t.rejects(read(content), said);
});
