// The worked example of docs/design/objectives.md runs as it stands: proven as the objectives of the table are, and trained.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { Random, setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { AdamW, parameters } from '../../nn/index.js';
import { objectiveNamed, objectiveNames, PretrainModel, type Objective } from '../../retromae/index.js';
import { stepRecord, type StepRecord } from '../../train/index.js';
import { lossChart } from '../../train/report/index.js';
import { batchesOf, problemsOf } from '../retromae/proof.js';
import { config } from '../retromae/tiny.js';

void t.test('a new objective is a file', async (t) => {
  const page = await readFile('docs/design/objectives.md', 'utf8');
  const [, code] = /```js\n([^]*?)```/.exec(page)!;
  t.ok(code.split('\n').length < 40, 'a short one');
  // Inside the package, so that it finds itself by name.
  const folder = await mkdtemp(join('dist', 'objective-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = resolve(folder, 'gist.mjs');
  await writeFile(file, code);
  const { gist } = (await import(pathToFileURL(file).href)) as { gist: Objective };

  setBackend(new ReferenceBackend('float64'));
  for (const options of gist.samples) t.same(await problemsOf(gist, options), [], JSON.stringify(options));

  const model = new PretrainModel(gist, config, new Random(1));
  t.ok(parameters(model).has('gist.weight'), 'its layer is a field beside the encoder');
  const batches = batchesOf(gist, {});
  const optimizer = new AdamW(model, { lr: 1e-2 });
  const records: StepRecord[] = [];
  for (let step = 0; step < 30; step++) {
    const numbers = await optimizer.step(() => model.losses(batches.at(step % 3), batches.dropout(step)));
    records.push(stepRecord(numbers, { step: step + 1, lr: 1e-2, tokens: 1, seconds: 1, elapsed: step }));
  }
  const mean = (name: string, from: number) =>
    records.slice(from, from + 5).reduce((sum, record) => sum + record[name]!, 0) / 5;
  for (const name of ['encoder', 'gist']) t.ok(mean(name, 25) < mean(name, 0), `${name} falls`);
  const svg = await lossChart([{ name: 'gist', steps: records, scalars: gist.scalars }]);
  t.match(svg, /gist/, 'charts know its numbers by its scalars');
});

void t.test('the README names every objective, its file and its paper', async (t) => {
  const readme = await readFile('README.md', 'utf8');
  for (const name of objectiveNames) {
    const { paper } = objectiveNamed(name);
    const row = readme.split('\n').find((line) => line.includes(`[\`${name}\`](retromae/objectives/${name}.ts)`));
    t.ok(row?.includes(`(${paper})`), name);
  }
});
