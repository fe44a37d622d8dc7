// A teacher's scores before a student trains: each pair once, on after a stop, and what is refused.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { TrainingExample } from '../../data/index.js';
import { ExampleFile, floatsIn, writeExamples } from '../../finetune/example-file.js';
import { writeTeacherScores, type Teacher } from '../../finetune/teacher.js';
import { tokenizer } from '../retromae/tiny.js';

const place = t.testdir({});
const options = { queryTokens: 8, passageTokens: 8, queryPrompt: '', documentPrompt: '' };
const letters = 'abcdefgh';
/** Example i asks a letter; passages come again in other examples, and twice in one. */
const all: TrainingExample[] = Array.from({ length: 24 }, (_, i) => {
  const of = (n: number) => `${letters[(i * n) % 5]} ${letters[(i + n) % 7]}`;
  return {
    id: String(i),
    query: letters[i % 3],
    positives: [of(1)],
    negatives: i % 8 === 7 ? [] : [of(2), of(3), of(2)],
  };
});
async function* stream(examples = all) {
  yield* examples;
}
const scoreOf = (query: string, passage: string): number =>
  Math.fround([...query, ...passage].reduce((sum, c) => sum * 1.7 + c.charCodeAt(0), 0));

let asked: string[] = [];
const teacher = (before: () => void = () => undefined): Teacher => ({
  scores(query, passages) {
    before();
    asked.push(...passages.map((passage) => `${query}|${passage}`));
    return Promise.resolve(passages.map((passage) => scoreOf(query, passage)));
  },
});
async function folder(name: string): Promise<string> {
  const dir = join(place, name);
  mkdirSync(dir);
  asked = [];
  await writeExamples(dir, tokenizer, stream(), options);
  return dir;
}
const wanted = all.flatMap(({ query, positives, negatives }) =>
  [...positives, ...negatives].map((p) => scoreOf(query, p)),
);
const written = (dir: string) => [...floatsIn(readFileSync(join(dir, 'scores.bin')))];

void t.test('each pair once', async (t) => {
  const dir = await folder('whole');
  const [done, said]: [number[], string[]] = [[], []];
  await writeTeacherScores(dir, teacher(), stream(), {
    scored: (n) => done.push(n),
    message: (text) => said.push(text),
  });
  t.same(written(dir), wanted);
  t.equal(new Set(asked).size, asked.length);
  const pairs = new Set(
    all.flatMap(({ query, positives, negatives }) => [...positives, ...negatives].map((p) => `${query}|${p}`)),
  );
  t.same(new Set(asked), pairs);
  t.same(said, [`The teacher scores ${pairs.size} pairs in 24 examples.`]);
  t.same(
    done,
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
  t.same(readdirSync(dir).sort(), ['examples.bin', 'scores.bin', 'texts']);
  const file = await ExampleFile.open(dir, true);
  t.same([file.length, file.leftOut, file.hasScores], [21, 3, true], 'one passage alone teaches nothing');
  t.same(
    [...file.at(20)!.scores!],
    [...all[22].positives, ...all[22].negatives].map((p) => scoreOf(all[22].query, p)),
  );
  file.close();
});

void t.test('stopped, it goes on, and makes none again', async (t) => {
  const dir = await folder('stopped');
  const signals = [5, 4].map((calls) => {
    const controller = new AbortController();
    return { signal: controller.signal, stop: () => void (--calls === 0 && controller.abort(new Error('enough'))) };
  });
  for (const [i, { signal, stop }] of signals.entries()) {
    const said: string[] = [];
    // What is slow is heard: the stop is noticed after the example in which it came.
    const slow: Teacher = {
      async scores(query, passages) {
        await new Promise((resolve) => setTimeout(resolve, 110));
        return teacher(stop).scores(query, passages);
      },
    };
    await t.rejects(writeTeacherScores(dir, slow, stream(), { signal, message: (text) => said.push(text) }), /enough/);
    t.match(said.at(-1), /The scores of \d+ examples are saved; --resume goes on\./);
    t.equal(readdirSync(join(dir, 'teacher')).length, i + 1);
    t.notOk(existsSync(join(dir, 'scores.bin')));
  }
  const parts = readdirSync(join(dir, 'teacher'));
  // One that belongs to no other, and one that a writer left.
  writeFileSync(join(dir, 'teacher', '20-22.bin'), 'x');
  writeFileSync(join(dir, 'teacher', 'notes.txt'), 'x');
  const said: string[] = [];
  await writeTeacherScores(dir, teacher(), stream(), { message: (text) => said.push(text) });
  t.ok(
    parts.some((name) => name.startsWith('0-')),
    parts.join(),
  );
  t.match(said[0], /; those of \d+ examples are there\.$/);
  t.equal(new Set(asked).size, asked.length, 'none twice');
  t.same(written(dir), wanted);
  t.notOk(existsSync(join(dir, 'teacher')));
});

void t.test('refusals', async (t) => {
  const dir = await folder('refused');
  const bad: Teacher = { scores: (_, passages) => Promise.resolve(passages.map(() => NaN)) };
  await t.rejects(
    writeTeacherScores(dir, bad, stream(), {}),
    /teacher: the score of a passage is NaN, expected a number/,
  );
  const others = [...all.slice(0, 3), { ...all[3], positives: ['a', 'b'] }];
  await t.rejects(writeTeacherScores(dir, teacher(), stream(others), {}), /the examples are others than they were/);
  await t.rejects(
    writeTeacherScores(dir, teacher(), stream(all.slice(0, 3)), {}),
    /the examples are others than they were/,
  );
  await t.rejects(
    writeTeacherScores(dir, teacher(), stream([...all, all[0]]), {}),
    /the examples are others than they were/,
  );
  t.notOk(existsSync(join(dir, 'scores.bin')));
  rmSync(dir, { recursive: true });
});
