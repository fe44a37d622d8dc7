// Batches from workers: the bits of those made inline, in order, a bounded number ahead, with errors that arrive.
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import t, { type Test } from 'tap';
import { batchesOf, type BatchRecipe } from '../../train/batch-recipe.js';
import { objectiveNamed, objectiveNames, type Batch, type Batches } from '../../retromae/index.js';
import { Prefetch } from '../../train/prefetch.js';
import { TokenFile } from '../../train/token-file.js';
import { writeTokens } from '../../train/token-writer.js';
import { Random } from '../../core/index.js';
import { tokenizer } from '../retromae/tiny.js';

const SIZE = 4;

/** A folder of `count` blocks of up to 14 tokens. */
async function tokensIn(dir: string, count = 30): Promise<string> {
  const random = new Random(3);
  const block = () => Int32Array.from({ length: 1 + random.below(14) }, () => 5 + random.below(30));
  const path = join(dir, 'tokens');
  const documents = Array.from({ length: count }, () => ({
    title: new Int32Array(),
    blocks: [{ ids: block(), sentences: Int32Array.of(0) }],
  }));
  await writeTokens(path, tokenizer, documents);
  return path;
}

const recipeFor = (tokens: string, [objective, options] = samples[0]): BatchRecipe => ({
  tokens,
  objective,
  options,
  maxLength: 16,
  size: SIZE,
  seed: 11,
});

/** Every way to call every objective. */
const samples = objectiveNames.flatMap((name) => {
  const objective = objectiveNamed(name);
  return objective.samples.map((given) => [name, objective.complete(given)] as const);
});

interface Opened extends Disposable {
  /** Makes the same batches in this thread. */
  inline: Batches;
  /** The same, and counts them. */
  own: { made: number; at(index: number): Batch };
  recipe: BatchRecipe;
}

async function open(t: Test, sample?: (typeof samples)[0]): Promise<Opened> {
  const recipe = recipeFor(await tokensIn(t.testdir({})), sample);
  const file = await TokenFile.open(recipe.tokens);
  const inline = batchesOf(file, recipe);
  const own = {
    made: 0,
    at(index: number) {
      this.made++;
      return inline.at(index);
    },
  };
  return { inline, own, recipe, [Symbol.dispose]: () => file.close() };
}

let alive = 0;
process.on('worker', (worker) => {
  alive++;
  worker.once('exit', () => alive--);
});

/** Workers, and the first batch. How batches are dealt out knows no objective: one has all ways, the others one that deals. */
const ways = [0, 1, 3].flatMap((workers) => [0, 17].map((first) => [workers, first] as const));

for (const sample of samples)
  void t.test(
    `${JSON.stringify(sample)}: the same bits as inline, from any batch on, with workers or without`,
    async (t) => {
      using opened = await open(t, sample);
      for (const [workers, first] of sample === samples[0] ? ways : [[2, 17] as const]) {
        opened.own.made = 0;
        const [end, together] = [first + 40, 2];
        const prefetch = new Prefetch(opened.own, worker(opened.recipe), { first, end, together, workers });
        const others: number[] = [];
        for (let index = first; index < end; index++)
          if (!isDeepStrictEqual(await prefetch.take(), opened.inline.at(index))) others.push(index);
        t.same(others, [], `${workers} workers, from batch ${first} on: batches that differ`);
        t.equal(opened.own.made, workers === 0 ? 40 : 0, 'made by the workers if there are any');
        await prefetch.close();
      }
    },
  );

const worker = (recipe: BatchRecipe) => ({ program: 'batch-worker', recipe });

void t.test('no more than asked for is made ahead, and none is waited for at the end', async (t) => {
  using opened = await open(t);
  const prefetch = new Prefetch(opened.own, worker(opened.recipe), { first: 0, end: 100, workers: 1 });
  for (let i = 0; i < 10; i++) {
    await prefetch.take();
    await sleep(10);
    t.ok(prefetch.held <= 4, `${prefetch.held} batches are held`);
  }
  await sleep(50);
  t.equal(prefetch.held, 4, 'so many are ready when they are not taken');
  await prefetch.close();
});

void t.test('filled before the first step: its batches are there, and so are those that were asked for', async (t) => {
  using opened = await open(t);
  for (const [workers, end, held] of [
    [0, 99, 0],
    [1, 99, 6],
    [2, 99, 10],
    [2, 8, 3],
    [2, 6, 1],
  ]) {
    const prefetch = new Prefetch(opened.own, worker(opened.recipe), { first: 5, end, together: 2, workers });
    await prefetch.filled();
    t.equal(prefetch.held, held, `${workers} workers, batches 5 to ${end - 1}`);
    t.equal(alive, Math.min(workers, end - 5), 'no more workers than batches');
    await prefetch.close();
  }
});

void t.test("a worker's error comes with its own message, after the batches before it", async (t) => {
  using opened = await open(t);
  const prefetch = new Prefetch(opened.own, worker(opened.recipe), { first: 0, end: 100, workers: 1 });
  await prefetch.filled();
  await prefetch.take();
  while (prefetch.held < 3) await sleep(1);
  const held = prefetch.held;
  truncateSync(join(opened.recipe.tokens, 'tokens.bin'), 4);
  for (let i = 0; i < held; i++) t.ok((await prefetch.take()).ids.length > 0, 'made before');
  await t.rejects(async () => {
    for (let i = 0; i < 4; i++) await prefetch.take();
  }, /tokens\.bin: became shorter while it was read\. Start the run again/);
  await prefetch.close();
});

void t.test('a worker that cannot begin says why, and none stays behind', async (t) => {
  using opened = await open(t);
  const recipe = { ...opened.recipe, tokens: join(opened.recipe.tokens, 'nowhere') };
  const prefetch = new Prefetch(opened.own, worker(recipe), { first: 0, end: 100, workers: 2 });
  await prefetch.filled();
  await t.rejects(prefetch.take(), /nowhere\/about\.json: is not there/);
  await prefetch.close();
  t.equal(alive, 0);
});

void t.test('closing ends the workers, and whoever waits for them', async (t) => {
  using opened = await open(t);
  const prefetch = new Prefetch(opened.own, worker(opened.recipe), { first: 0, end: 1e6, workers: 2 });
  await prefetch.filled();
  t.equal(alive, 2);
  const endless = (async () => {
    for (let i = 0; i < 1e6; i++) await prefetch.take();
  })();
  const ended = t.rejects(endless, /prefetch: it was closed/);
  await sleep(20);
  await prefetch.close();
  await ended;
  t.equal(alive, 0);
});

void t.test('where the batches end', async (t) => {
  using opened = await open(t);
  const prefetch = new Prefetch(opened.own, worker(opened.recipe), { first: 9, end: 9, workers: 2 });
  await t.rejects(prefetch.take(), /prefetch: batch 9 was taken, expected those up to 8/);
  await prefetch.close();
});
