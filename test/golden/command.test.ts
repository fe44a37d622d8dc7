// The command behind `npm run golden`: what is wrong does not hold, and what is no golden folder is said to be none.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ReferenceBackend } from '../../kernels/reference.js';
import { checkGolden, describe, holds } from './check.js';
import { golden } from './command.js';
import { folders, skip } from './on-backends.js';
import { scaleLargest } from './scale-largest.js';

const files = ['config.json', 'inputs.json', 'losses.json', 'weights.safetensors', 'expected.safetensors'];

/** A copy of the first folder, for a test to spoil; resolves names of its files. */
async function copyOf(t: Test): Promise<(name: string) => string> {
  const dir = t.testdir();
  for (const file of files) await copyFile(join(folders[0], file), join(dir, file));
  return (name) => join(dir, name);
}

void t.test('a loss off by 1e-8 and a gradient off by a thousandth do not hold', { skip }, async (t) => {
  const file = await copyOf(t);
  const losses = JSON.parse(await readFile(file('losses.json'), 'utf8')) as { basic: { total: number } };
  losses.basic.total += 1e-8;
  await writeFile(file('losses.json'), JSON.stringify(losses));
  await scaleLargest(file('expected.safetensors'), 'enhanced.grad.c_head.output.dense.bias', 1.001);
  const findings = await checkGolden(file(''), new ReferenceBackend('float64'));
  const failures = findings.filter(({ difference, limit }) => !(difference <= limit));
  t.same(
    failures.map(({ objective, what }) => `${objective}: ${what}`),
    ['enhanced: worst gradient, c_head.output.dense.bias', 'basic: loss loss'],
  );
  t.notOk(holds(findings));
  t.match(describe(findings), /FAIL basic/);
});

void t.test('NaN does not hold', async (t) => {
  t.notOk(holds([{ objective: 'enhanced', what: 'loss', difference: NaN, limit: 1 }]));
});

const run = async (...args: string[]) => {
  const lines: string[] = [];
  const code = await golden(args, (line) => lines.push(line));
  return { code, text: lines.join('\n') };
};

void t.test('the command explains itself', async (t) => {
  t.match(await run(), { code: 2, text: /^Usage: npm run golden -- DIR/ });
  t.match(await run('--help'), { code: 0, text: /^Usage/ });
  t.match(await run('x', '--backends', 'wasm'), { code: 2, text: /--backends/ });
  t.match(await run('x', '--backend', 'abacus'), { code: 2, text: /backend abacus: unknown; choose one of auto/ });
  t.match(await run('no/such/folder', '--backend', 'reference'), {
    code: 2,
    text: /golden: ENOENT.*no\/such\/folder\/config.json.*must be laid out like/s,
  });
});

void t.test('the command says what holds', { skip }, async (t) => {
  const whole = await run(folders[0], '--backend', 'reference');
  t.match(whole, { code: 0, text: /float64\nok +enhanced.*Everything holds/s });
  const file = await copyOf(t);
  await scaleLargest(file('expected.safetensors'), 'adamw5.c_head.output.dense.bias', 1.001);
  const spoilt = await run(file(''), '--backend', 'reference');
  t.match(spoilt, { code: 1, text: /FAIL enhanced.*weights after 5 AdamW steps.*NOT everything holds/s });
});

void t.test('the command names the file that is not as it should be', { skip }, async (t) => {
  const file = await copyOf(t);
  await writeFile(file('losses.json'), '{"enhanced": {}}');
  t.match(await run(file(''), '--backend', 'reference'), {
    code: 2,
    text: /losses.json: basic, dupmae, adamw_loss_per_step is missing/,
  });
  await writeFile(file('losses.json'), '{');
  t.match(await run(file(''), '--backend', 'reference'), {
    code: 2,
    text: /losses.json: .*JSON.*Generate it again/,
  });
  await copyFile(join(folders[0], 'losses.json'), file('losses.json'));
  await copyFile(file('weights.safetensors'), file('expected.safetensors'));
  t.match(await run(file(''), '--backend', 'reference'), {
    code: 2,
    text: /expected.safetensors: no tensor is named enhanced.grad/,
  });
});
