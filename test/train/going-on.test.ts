// Runs that go on: told again what they were told, and told to go on for longer, to bits that a further resume comes to.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { pretrain, readPlan, resume, resumedSettings, RunLog, type PretrainSettings } from '../../train/index.js';
import { legsTo } from '../../train/going-on.js';
import { folderFor, tinySettings } from './tiny-run.js';

setBackend(new ReferenceBackend());

const checkpoint = (out: string, step: number): string =>
  join(out, 'checkpoints', `step-${String(step).padStart(8, '0')}`);
const weights = (out: string): string => readFileSync(join(out, 'model.safetensors')).toString('base64');

/** Resumes a run and breaks it off after a step. */
async function until(step: number, out: string, given: Partial<PretrainSettings> = {}): Promise<void> {
  const controller = new AbortController();
  const { interrupted } = await resume(out, given, {
    signal: controller.signal,
    step: (record) => void (record.step === step && controller.abort()),
  });
  t.ok(interrupted);
}

void t.test('a finished run goes on for more steps, and a further resume comes to the same bits', async (t) => {
  const dir = folderFor(t);
  const out = join(dir, 'run');
  await pretrain(tinySettings(dir, 'run'));
  for (const name of ['broken', 'older', 'twice']) cpSync(out, join(dir, name), { recursive: true });
  const lines: string[] = [];
  const { step, interrupted } = await resume(out, { steps: 8 }, { message: (line) => lines.push(line) });
  t.same([step, interrupted], [8, false]);
  t.match(lines.join('\n'), /8 steps instead of 4; .* that of a run of so many: from step 5 on, where it is 0\.000/);
  const { settings, steps, legs } = await readPlan(out);
  t.same(
    [settings.steps, steps, legs],
    [
      8,
      8,
      [
        { from: 0, steps: 4 },
        { from: 4, steps: 8 },
      ],
    ],
  );
  const rates = (await RunLog.read(out)).steps.map(({ lr }) => lr);
  t.equal(rates.length, 8);
  t.ok(rates[3] < rates[4], 'the rate of the longer run is not the end of the shorter one');
  t.ok(
    rates.slice(4).every((rate, i) => i === 0 || rate < rates[3 + i]),
    'it falls',
  );

  await until(6, join(dir, 'broken'), { steps: 8 });
  await resume(join(dir, 'broken'));
  t.equal(weights(join(dir, 'broken')), weights(out), 'broken off and resumed');

  await until(5, join(dir, 'older'), { steps: 8 });
  for (const last of [4, 5]) rmSync(checkpoint(join(dir, 'older'), last), { recursive: true });
  await resume(join(dir, 'older'));
  t.equal(weights(join(dir, 'older')), weights(out), 'from a checkpoint of the first leg');

  await until(5, join(dir, 'twice'), { steps: 30 });
  rmSync(checkpoint(join(dir, 'twice'), 5), { recursive: true });
  await resume(join(dir, 'twice'), { steps: 8 });
  t.equal(weights(join(dir, 'twice')), weights(out), 'told another number before a step of it is kept');
});

void t.test('a run is made shorter, but not shorter than it is', async (t) => {
  const dir = folderFor(t);
  const out = join(dir, 'run');
  await pretrain({ ...tinySettings(dir, 'run'), steps: 6 });
  for (const step of [4, 6]) rmSync(checkpoint(out, step), { recursive: true });
  await t.rejects(resume(out, { steps: 1 }), /^--steps is 1, but 2 steps are done\. Give at least so many, or begin/);
  t.equal((await readPlan(out)).steps, 6, 'as it was');
  const { step } = await resume(out, { steps: 3 });
  t.equal(step, 3);
  t.same(readdirSync(join(out, 'checkpoints')), ['step-00000002', 'step-00000003']);
});

void t.test('legs', async (t) => {
  const plan = { ...(await readPlanOf(t)), steps: 10 };
  t.same(legsTo(10, plan, 7), [{ from: 0, steps: 10 }]);
  t.same(legsTo(20, plan, 7), [
    { from: 0, steps: 10 },
    { from: 7, steps: 20 },
  ]);
  t.same(legsTo(20, plan, 0), [{ from: 0, steps: 20 }], 'nothing is done yet');
  const longer = { ...plan, steps: 20, legs: legsTo(20, plan, 7) };
  t.same(legsTo(20, longer, 9), longer.legs);
  t.same(legsTo(30, longer, 7), [
    { from: 0, steps: 10 },
    { from: 7, steps: 30 },
  ]);
  t.same(legsTo(30, longer, 5), [
    { from: 0, steps: 10 },
    { from: 5, steps: 30 },
  ]);
});

async function readPlanOf(t: Test) {
  const dir = folderFor(t);
  await pretrain({ ...tinySettings(dir, 'plan'), steps: 1 });
  return readPlan(join(dir, 'plan'));
}

void t.test('the flags of the run may be given again, another value is refused with both', async (t) => {
  const plan = await readPlanOf(t);
  const { settings } = plan;
  t.same(resumedSettings(plan, settings), settings, 'all of them');
  const { corpus } = settings;
  const again: Partial<PretrainSettings> = {
    corpus: `${corpus}/`,
    lr: '0.0005',
    ffn: 32,
    hidden: 8,
    steps: 1,
    out: 'elsewhere',
  };
  t.match(resumedSettings(plan, again), { corpus, lr: '0.0005', hidden: 8, steps: 1, out: settings.out });
  t.match(resumedSettings(plan, { workers: 3, saveMinutes: 5, keep: 1 }), { workers: 3, saveMinutes: 5, keep: 1 });
  t.equal(resumedSettings({ ...plan, settings: { ...settings, threads: 3 } }, { backend: 'wasm' }).threads, undefined);
  t.equal(resumedSettings(plan, { steps: 9 }).steps, 9);
  for (const [given, said] of [
    [{ layers: 3 }, /^--layers is 3, but the run in \S+plan began with 1\. Leave it out, or begin another run/],
    [{ vocab: '/v.txt' }, /^--vocab is "\/v\.txt", but the run in \S+ began without one\. Leave/],
    [{ lr: '1e-4' }, /^--lr is 0\.0001, but the run in \S+ began with 0\.0005\. Leave/],
    [{ corpus: '/other.txt' }, /^--corpus is "\/other\.txt", but the run in \S+ began with "\S+corpus\.jsonl"\./],
    [{ minutes: 5 }, /^--minutes is 5, but the run in \S+ began with --steps 1\. --steps says anew how long/],
    [{ epochs: 3 }, /^--epochs is 3, but the run in \S+ began with --steps 1\. /],
    [{ objective: 'mlm' }, /^--objective is "mlm", but .* began with "retromae"/],
    [{ bowWeight: 1 }, /--bow-weight is 1, but --objective retromae has no such option/],
    [{ heads: 3 }, /^--hidden is 8; it must be divisible by --heads 3/],
  ] as const)
    t.throws(() => resumedSettings(plan, given), said);
  const timed = { ...plan, settings: { ...settings, steps: undefined, minutes: 5 } };
  t.equal(resumedSettings(timed, { minutes: 5, epochs: 3 }).minutes, 5);
  t.throws(
    () => resumedSettings(timed, { minutes: 6 }),
    /^--minutes is 6, but .* began with --minutes 5\. --steps says/,
  );
  t.match(resumedSettings(timed, { steps: 9 }), { steps: 9, minutes: undefined });
});

void t.test('a checkpoint by time', async (t) => {
  const dir = folderFor(t);
  const out = join(dir, 'run');
  await pretrain({ ...tinySettings(dir, 'run'), saveEvery: 0, saveMinutes: 1e-9 });
  for (const step of [1, 2, 3, 4]) t.ok(existsSync(checkpoint(out, step)), `every step takes longer: ${step}`);
  await pretrain({ ...tinySettings(dir, 'seldom'), saveEvery: 0, saveMinutes: 1e9 });
  t.same(readdirSync(join(dir, 'seldom', 'checkpoints')), ['step-00000004']);
});
