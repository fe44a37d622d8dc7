// The comparison of objectives' golden folders: a number that was changed does not hold.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ReferenceBackend } from '../../kernels/index.js';
import { golden } from './command.js';
import { objectiveFolders, checkObjectives } from './objectives.js';
import { folders, skip } from './on-backends.js';
import { scaleLargest } from './scale-largest.js';

const source = join(folders[0], '..', 'objectives', 'tiny');

/** A folder that there is a row for, and one that there is none for. */
async function copyTo(dir: string): Promise<void> {
  for (const name of ['ict', 'weights.safetensors']) await cp(join(source, name), join(dir, name), { recursive: true });
  await cp(join(source, 'ict'), join(dir, 'another'), { recursive: true });
}

void t.test('a loss off by 1e-8, a gradient off by a thousandth, a step off by 1e-6', { skip }, async (t) => {
  const dir = t.testdir();
  await copyTo(dir);
  const failures = async () => {
    const { findings } = await checkObjectives(dir, new ReferenceBackend('float64'));
    t.equal(findings.length, 4, 'two losses, the gradients, the steps');
    return findings.filter(({ difference, limit }) => !(difference <= limit)).map(({ what }) => what);
  };
  t.same(await failures(), []);
  const path = join(dir, 'ict', 'losses.json');
  const whole = await readFile(path, 'utf8');
  const change = async (
    edit: (losses: { dot: Record<string, number> & { adamw_loss_per_step: number[] } }) => void,
  ) => {
    const losses = JSON.parse(whole) as Parameters<typeof edit>[0];
    edit(losses);
    await writeFile(path, JSON.stringify(losses));
  };
  await change(({ dot }) => (dot.contrastive += 1e-8));
  t.same(await failures(), ['loss contrast']);
  await change(({ dot }) => (dot.adamw_loss_per_step[3] += 1e-6));
  t.same(await failures(), ['5 AdamW steps']);
  await change(({ dot }) => (dot.adamw_loss_after += 1e-6));
  t.same(await failures(), ['5 AdamW steps']);
  await writeFile(path, whole);
  const tensor = 'bert.embeddings.LayerNorm.weight';
  await scaleLargest(join(dir, 'ict', 'expected.safetensors'), `dot.grad.${tensor}`, 1.001);
  t.same(await failures(), [`worst gradient, ${tensor}`]);
});

void t.test('the command takes a folder of objectives', { skip }, async (t) => {
  const dir = t.testdir();
  await copyTo(dir);
  t.same(await objectiveFolders(dir), ['another', 'ict']);
  const lines: string[] = [];
  const run = () => golden([dir, '--backend', 'reference'], (line) => lines.push(line));
  t.equal(await run(), 0);
  t.match(lines.join('\n'), /ok +ict dot .*Not implemented here, and not compared: another\.\nEverything holds/s);
  await writeFile(join(dir, 'ict', 'inputs.json'), '{');
  t.equal(await run(), 2);
  t.match(lines.at(-1), /ict\/inputs\.json: .*Generate it again/);
});
