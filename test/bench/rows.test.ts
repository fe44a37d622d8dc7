// What the benchmark makes of answers: rows, tables, useful work, bytes, and the batches themselves.
import t from 'tap';
import { packed, randomBatch, textBatches, unpack } from '../../bench/batches.js';
import type { Course } from '../../bench/conduct.js';
import { flopsOf } from '../../bench/flops.js';
import { bytesOf } from '../../bench/launches.js';
import { profile } from '../../bench/profile.js';
import { rowsOf } from '../../bench/rows.js';
import { digits, table } from '../../bench/table.js';
import { WordPiece } from '../../data/index.js';
import type { View } from '../../kernels/backend.js';

const kernels = [
  { name: 'linear', calls: 2, ms: 1, flops: 4e6, bytes: 1e6 },
  { name: 'add', calls: 1, ms: 1, flops: 0, bytes: 8e6 },
];

const course = (name: string, times: number[], rest: Partial<Course> = {}): Course => ({
  name,
  variant: 'plain',
  about: { ready: true, name, version: '1.0', threads: 2 },
  startMs: 500,
  answers: times.map((ms, n) => ({ ms, loss: n, rss: 1e6 * (n + 1), kernels })),
  ...rest,
});

const setting = { name: 'mlm tiny', shape: '', tokens: [10, 20, 30], peaks: [4, 8, 6], copies: [16], machine: '' };

void t.test('rows compare round by round', (t) => {
  const courses = [course('ours', [2, 4, 6]), course('peer', [4, 4, 24]), course('gone', [], { failure: 'no' })];
  const { rows, absent } = rowsOf(courses, setting);
  t.same(absent, [{ contender: 'gone', reason: 'no' }]);
  t.same(
    rows.map(({ ratio }) => ratio),
    [1, 0.5],
    'the median of 2/4, 4/4, 6/24',
  );
  const [ours, peer] = rows;
  t.match(ours, { contender: 'ours plain', medianMs: 4, minMs: 2, maxMs: 6, tokensPerSecond: 5000, startMs: 500 });
  // 4e6 operations in 4 ms; the peer's work is ours, whatever it launched.
  t.match(peer, { gflops: 1, peakGflops: 6, peakMegabytes: 3, losses: [0, 1, 2] });
  t.throws(() => rowsOf([course('ours', [], { failure: 'no memory' })], setting), /our own step failed: no memory/);
  t.end();
});

void t.test('tables line up', (t) => {
  const text = table(
    ['', 'ms', 'ratio'],
    [
      ['ours', '10.5 (9-11)', '1'],
      ['a longer name', '7', ''],
    ],
  );
  const lines = [
    '                        ms  ratio',
    'ours           10.5 (9-11)      1',
    'a longer name            7',
  ];
  t.same(text.split('\n'), lines);
  t.same([1234.5, 123.4, 12.34, 1.234, 0].map(digits), ['1235', '123', '12.3', '1.23', '0.00']);
  t.end();
});

void t.test('a profile holds each kernel against its own limit', (t) => {
  const { rows } = rowsOf([course('ours', [2, 4, 3]), course('peer', [1, 1, 1])], { ...setting, peaks: [8] });
  t.equal(rows[1].kernels, undefined);
  const lines = profile(rows[0]).split('\n');
  t.match(lines[1], /^linear +2\.00 +1\.00 +4\.00 +50 %$/);
  t.match(lines[2], /^add +1\.00 +1\.00 +8\.00 +50 %$/);
  t.match(lines[3], /^outside kernels +1\.00$/);
  t.end();
});

void t.test('useful work and bytes of a launch', (t) => {
  const view = (...dims: number[]) => ({ dims }) as unknown as View;
  const x = view(5, 3);
  const y = view(5, 7);
  t.equal(flopsOf('linear', { x, w: view(7, 3) }, { y }, 0), 2 * 5 * 3 * 7);
  t.equal(flopsOf('add', { a: x, b: x }, { y: x }, 0), 0);
  t.equal(flopsOf('attention', { q: x, k: x, v: x }, { y: x }, 4), 4 * 5 * 4 * 3, 'five queries of four keys');
  t.equal(bytesOf('add', { a: x, b: x, n: 3 }, { y: x }), 4 * 45);
  t.equal(
    bytesOf('gather', { table: view(1000, 3), ids: view(5) }, { y: x }),
    4 * (15 + 5 + 15),
    'rows read, not tables',
  );
  t.end();
});

void t.test('batches come back from their file as they went', (t) => {
  for (const work of ['retromae', 'mlm'] as const) {
    const batch = randomBatch(50, 3, 20, work);
    t.equal(batch.ids.length, 60);
    t.same(unpack(JSON.parse(JSON.stringify(packed(batch)))), batch);
  }
  t.end();
});

void t.test('texts keep their own lengths, up to the longest', (t) => {
  const tokenizer = WordPiece.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b']);
  const texts = ['a', 'a b', 'a b a', 'a b a b a b'];
  const [first, second] = textBatches(texts, tokenizer, { batch: 2, seq: 6, count: 2 }, 'retromae');
  t.same([...first.offsets], [0, 3, 8]);
  t.same([...second.offsets], [0, 4, 10], 'the last text is cut off');
  const mixed = ['a b a', 'a', 'a b a b a b', 'a b'];
  const sorted = textBatches(mixed, tokenizer, { batch: 2, seq: 6, count: 2, sorted: true }, 'encode');
  t.same(
    sorted.map(({ offsets }) => [...offsets]),
    [
      [0, 3, 7],
      [0, 5, 11],
    ],
    'like lengths share a batch',
  );
  t.throws(() => textBatches(texts, tokenizer, { batch: 3, seq: 6, count: 2 }, 'mlm'), /has 4 texts, 6 are needed/);
  t.end();
});
