// A page trains, and its losses are those of Node, bit for bit: on threads, in a worker, and without shared memory.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import type * as Retromae from '../../pure.js';
import { missing, openBrowser, openPage } from './chromium.js';
import { tenSteps, type Course } from './ten-steps.js';

const onMainThread = (threads?: number) =>
  `import('/index.js').then((library) => (${tenSteps})(library, ${String(threads)}))`;

const inWorker = (threads?: number) =>
  `new Promise((resolve, reject) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => (typeof data === 'string' ? reject(new Error(data)) : resolve(data));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(${String(threads)});
  })`;

void t.test('ten steps of RetroMAE', async (t) => {
  if (missing) return void t.plan(0, missing);
  // What is shipped, and not what esbuild would make of it for this test.
  const library = (await import(pathToFileURL(resolve('dist/node/index.js')).href)) as typeof Retromae;
  const { description, losses } = await tenSteps(library, 1);
  t.ok(losses[9] < losses[0] - 1, `the loss falls from ${losses[0]} to ${losses[9]}`);
  const browser = await openBrowser(t);

  const isolated = await openPage(t, browser, { isolated: true });
  const alone = await openPage(t, browser, { isolated: false });
  const threads = description.replace('1 thread', '3 threads');
  const single = `${description} (its memory is not shared: more threads need a cross-origin isolated page)`;
  for (const [where, { page, errors }, script, computer] of [
    ['three threads from the main thread', isolated, onMainThread(3), threads],
    ['three threads from a worker', isolated, inWorker(3), threads],
    ['no shared memory, main thread', alone, onMainThread(), single],
    ['no shared memory, in a worker', alone, inWorker(), single],
  ] as const) {
    t.same(await page.evaluate<Course>(script), { description: computer, losses }, where);
    t.same(errors, [], where);
  }
  const refusal = await alone.page.evaluate(`${onMainThread(2)}.catch(String)`);
  t.match(refusal, /threads is 2, but threads share memory.*Cross-Origin-Opener-Policy/);
});
