// The README's snippet runs as it stands, but for the number of its steps and the size of its model.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

void t.test('the API in ten lines', async (t) => {
  const readme = await readFile('README.md', 'utf8');
  const [, snippet] = /```js\n([^]*?)```/.exec(readme)!;
  const short = snippet
    .replace('step < 1000', 'step < 2')
    .replace('hidden_size: 256, num_hidden_layers: 4', 'hidden_size: 32, num_hidden_layers: 1')
    .replace('intermediate_size: 1024', 'intermediate_size: 64');
  t.not(short, snippet, 'the snippet is still the one that this test shortens');
  // Inside the package, so that it finds itself by name.
  const folder = await mkdtemp(join('dist', 'readme-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'snippet.mjs'), `${short.replace("'runs/mine'", `'${folder}/model'`)}\n`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'snippet.mjs')], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
  const losses = stdout
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[1]));
  t.equal(losses.length, 2);
  t.ok(losses.every(Number.isFinite), `finite losses: ${losses.join(', ')}`);
  t.match(await readFile(join(folder, 'model', 'modules.json'), 'utf8'), /Pooling/);
});
