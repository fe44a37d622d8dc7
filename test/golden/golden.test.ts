// Golden numbers from PyTorch hold on every backend: losses, all gradients, five AdamW steps; and the command says so.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { ReferenceBackend } from '../../kernels/reference.js';
import { testBackends } from '../support/backends.js';
import { checkGolden, describe, holds } from './check.js';
import { golden } from './command.js';

const folders = ['tiny', 'odd'].map((name) => join(process.cwd(), '..', 'shared', 'golden', name));
const files = ['config.json', 'inputs.json', 'losses.json', 'weights.safetensors', 'expected.safetensors'];
const absent = folders.filter((dir) => !existsSync(dir));
const skip = absent.length > 0 && `${absent.join(', ')} is not there`;

for (const { name, open } of testBackends())
  void t.test(name, { skip }, async (t) => {
    const backend = await open();
    if (typeof backend === 'string') return void t.plan(0, backend);
    for (const dir of folders) {
      const findings = await checkGolden(dir, backend);
      t.ok(holds(findings), `${basename(dir)} on ${backend.description}\n${describe(findings)}`);
    }
    await backend.close();
  });

void t.test('what is wrong does not hold', { skip }, async (t) => {
  const dir = t.testdir();
  for (const file of files) await copyFile(join(folders[0], file), join(dir, file));
  const losses = JSON.parse(await readFile(join(dir, 'losses.json'), 'utf8')) as { basic: { total: number } };
  losses.basic.total += 1e-8;
  await writeFile(join(dir, 'losses.json'), JSON.stringify(losses));
  // One number of one tensor, a thousandth off.
  const expected = await readFile(join(dir, 'expected.safetensors'));
  const header = JSON.parse(expected.toString('utf8', 8, 8 + Number(expected.readBigUInt64LE()))) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const at = 8 + Number(expected.readBigUInt64LE()) + header['enhanced.grad.c_head.output.dense.bias'].data_offsets[0];
  const values = Array.from({ length: 32 }, (_, i) => expected.readFloatLE(at + 4 * i));
  const largest = values.map(Math.abs).indexOf(Math.max(...values.map(Math.abs)));
  expected.writeFloatLE(values[largest] * 1.001, at + 4 * largest);
  await writeFile(join(dir, 'expected.safetensors'), expected);

  const findings = await checkGolden(dir, new ReferenceBackend('float64'));
  const failures = findings.filter(({ difference, limit }) => !(difference <= limit));
  t.notOk(holds(findings));
  t.same(
    failures.map(({ objective, what }) => `${objective}: ${what}`),
    ['enhanced: worst gradient, c_head.output.dense.bias', 'basic: loss loss'],
  );
  t.match(describe(findings), /FAIL basic/);
  const nan = { objective: 'enhanced', what: 'loss', difference: NaN, limit: 1 };
  t.notOk(holds([nan]), 'NaN does not hold');
});

void t.test('the command', async (t) => {
  const run = async (...args: string[]) => {
    const lines: string[] = [];
    const code = await golden(args, (line) => lines.push(line));
    return { code, text: lines.join('\n') };
  };
  t.match(await run(), { code: 2, text: /^Usage: npm run golden -- DIR/ });
  t.match(await run('--help'), { code: 0, text: /^Usage/ });
  t.match(await run('x', '--backend', 'abacus'), { code: 2, text: /backend abacus: unknown; choose one of auto/ });
  t.match(await run('no/such/folder', '--backend', 'reference'), {
    code: 2,
    text: /golden: ENOENT.*no\/such\/folder\/config.json.*must be laid out like/s,
  });
  if (skip) return;
  t.match(await run(folders[0], '--backend', 'reference'), {
    code: 0,
    text: /float64\nok +enhanced.*Everything holds/s,
  });
  const dir = t.testdir({ bad: {} });
  const bad = join(dir, 'bad');
  await mkdir(bad, { recursive: true });
  for (const file of files) await copyFile(join(folders[0], file), join(bad, file));
  await writeFile(join(bad, 'losses.json'), '{"enhanced": {}}');
  t.match(await run(bad, '--backend', 'reference'), {
    code: 2,
    text: /losses.json: basic, dupmae, adamw_loss_per_step is missing/,
  });
  await writeFile(join(bad, 'losses.json'), '{');
  t.match(await run(bad, '--backend', 'reference'), { code: 2, text: /losses.json: .*JSON.*Generate it again/ });
  await copyFile(join(folders[0], 'losses.json'), join(bad, 'losses.json'));
  await copyFile(join(bad, 'weights.safetensors'), join(bad, 'expected.safetensors'));
  t.match(await run(bad, '--backend', 'reference'), {
    code: 2,
    text: /expected.safetensors: no tensor is named enhanced.grad/,
  });
});
