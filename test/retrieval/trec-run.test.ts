// Runs in files: read in trec_eval's order, written so that they read back, refused by line.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { compareHits, readTrecRun, writeTrecRun, type Hit } from '../../retrieval/index.js';

const dir = t.testdir({});
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
};
const LINES = 'q1 Q0 d1 2 1.5 x\nq1\tQ0\td9\t1\t-2e1\tx\n\nq2 Q0 d1 1 3 x\r\nq1 Q0 d3 7 1.5 x\n';

void t.test('scores order it, not ranks; ties by identifier, the later first', async (t) => {
  const expected = [
    [
      'q1',
      [
        { id: 'd3', score: 1.5 },
        { id: 'd1', score: 1.5 },
        { id: 'd9', score: -20 },
      ],
    ],
    ['q2', [{ id: 'd1', score: 3 }]],
  ];
  t.same([...(await readTrecRun(file('plain.run', LINES)))], expected);
  t.same([...(await readTrecRun(file('packed.run.gz', gzipSync(LINES))))], expected);
});

void t.test('what is written is what is read', async (t) => {
  const path = join(dir, 'written.run');
  await writeTrecRun(
    path,
    new Map([
      [
        'q',
        [
          { id: 'a', score: 0.25 },
          { id: 'ü', score: 1 / 3 },
        ],
      ],
    ]),
    'mine',
  );
  t.equal(readFileSync(path, 'utf8'), `q Q0 ü 1 ${1 / 3} mine\nq Q0 a 2 0.25 mine\n`);
  const ids = fc.uniqueArray(fc.stringMatching(/^[a-z0-9#:é-]{1,5}$/), { minLength: 1, maxLength: 9 });
  const score = fc.double({ noNaN: true, noDefaultInfinity: true });
  const hits = ids.chain((names) => fc.tuple(...names.map((id) => fc.record({ id: fc.constant(id), score }))));
  await fc.assert(
    fc.asyncProperty(hits, async (found: Hit[]) => {
      await writeTrecRun(path, new Map([['q', found]]), 'mine');
      const [[, read]] = await readTrecRun(path);
      // A zero has no sign in text.
      t.same(read, found.map(({ id, score }) => ({ id, score: score + 0 })).sort(compareHits));
    }),
    { numRuns: 50 },
  );
});

void t.test('refusals', async (t) => {
  const tries: [string, RegExp][] = [
    ['q1 Q0 d1 1 2 x\nq1 Q0 d2 1 2\n', /tried\.run:2: has 5 columns, expected the six of TREC/],
    ['q1 Q0 d1 1 nan x\n', /tried\.run:1: the score is "nan", expected a number/],
    ['q1 Q0 d1 1 2 x\nq2 Q0 d1 1 2 x\nq1 Q0 d1 2 1 x\n', /tried\.run:3: the query "q1" has the document "d1" twice/],
    ['\n \n', /tried\.run: no hits, expected lines such as/],
  ];
  for (const [content, said] of tries) await t.rejects(readTrecRun(file('tried.run', content)), said);
  await t.rejects(readTrecRun(file('tried.run', Buffer.from([0x71, 0xff, 0xfe, 0x0a]))), /tried\.run/);
  await t.rejects(readTrecRun(join(dir, 'none.run')), /none\.run: is not there/);
  const before = readFileSync(file('kept.run', LINES), 'utf8');
  const blank = new Map([['q', [{ id: 'a b', score: 1 }]]]);
  await t.rejects(writeTrecRun(join(dir, 'kept.run'), blank, 'x'), /"a b" is empty or has a blank/);
  t.equal(readFileSync(join(dir, 'kept.run'), 'utf8'), before, 'what was there stays');
});
