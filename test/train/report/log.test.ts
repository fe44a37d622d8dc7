// The log of a run: what is written is read again, whatever a kill or a resume leaves.
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { RunLog } from '../../../train/report/log.js';
import { formatEntry, parseEntry, type StepRecord } from '../../../train/report/records.js';
import { syntheticProbes, syntheticSteps } from './synthetic.js';

const steps = syntheticSteps({ steps: 10, bow: true });
const probes = syntheticProbes({ steps: 10, every: 5 });

/** A log with a probe before the first step, after the fifth and after the last, as training writes them. */
async function written(dir: string): Promise<string> {
  const log = await RunLog.open(dir);
  log.probe(probes[0]);
  for (const record of steps) {
    log.step(record);
    const probe = probes.find(({ step }) => step === record.step);
    if (probe) log.probe(probe);
  }
  log.close();
  return log.path;
}

void t.test('records come back as they were', async (t) => {
  const dir = join(t.testdir({}), 'new');
  const path = await written(dir);
  t.equal(path, join(dir, 'log.jsonl'));
  t.same(await RunLog.read(dir), { steps, probes });
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  t.equal(lines.length, 13);
  t.match(JSON.parse(lines[1]), { type: 'step', step: 1, encoder: steps[0].encoder });
});

void t.test('every number survives, NaN and infinities included', (t) => {
  fc.assert(
    fc.property(fc.double(), fc.option(fc.double(), { nil: undefined }), (loss, decoder) => {
      const record: StepRecord = { ...steps[0], loss, decoder };
      const { type, record: read } = parseEntry(formatEntry({ type: 'step', record }));
      t.equal(type, 'step');
      const expected = Object.entries(record).filter(([, value]) => value !== undefined);
      t.same(Object.keys(read).sort(), expected.map(([name]) => name).sort());
      // JSON has no negative zero.
      for (const [name, value] of expected) t.ok(Object.is((read as StepRecord)[name], value! + 0));
    }),
    { numRuns: 60 },
  );
  t.end();
});

void t.test('a record is in the file when step() returns', async (t) => {
  const dir = t.testdir({});
  const log = await RunLog.open(dir);
  for (const [i, record] of steps.entries()) {
    log.step(record);
    t.equal((await RunLog.read(dir)).steps.length, i + 1);
  }
  log.close();
});

void t.test('resume cuts what comes after the checkpoint, and goes on', async (t) => {
  const dir = t.testdir({});
  await written(dir);
  const log = await RunLog.open(dir, { resumeAt: 5 });
  t.same(await RunLog.read(dir), { steps: steps.slice(0, 5), probes: probes.slice(0, 2) });
  for (const record of steps.slice(5)) log.step(record);
  log.probe(probes[2]);
  log.close();
  t.same(await RunLog.read(dir), { steps, probes });
});

void t.test('resume at 0 starts afresh, and without a log there is nothing to cut', async (t) => {
  const dir = t.testdir({});
  (await RunLog.open(dir, { resumeAt: 7 })).close();
  t.same(await RunLog.read(dir), { steps: [], probes: [] });
  (await RunLog.open(dir, { resumeAt: 0 })).close();
  await appendFile(join(dir, 'log.jsonl'), `${formatEntry({ type: 'probe', record: probes[0] })}\n`);
  (await RunLog.open(dir, { resumeAt: 0 })).close();
  t.same(await RunLog.read(dir), { steps: [], probes: [] });
});

void t.test('wherever a kill tears the last line, reading leaves it out and resume cuts it away', async (t) => {
  const dir = t.testdir({});
  const path = await written(dir);
  const whole = await readFile(path);
  const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1;
  for (let end = lastLine; end < whole.length; end += 7) {
    await writeFile(path, whole.subarray(0, end));
    t.same(await RunLog.read(dir), { steps, probes: probes.slice(0, 2) });
    (await RunLog.open(dir, { resumeAt: 10 })).close();
    t.same(await readFile(path), whole.subarray(0, lastLine));
  }
});

void t.test('a step that was made again counts once, as last made', async (t) => {
  const dir = t.testdir({});
  const path = await written(dir);
  await appendFile(path, `${formatEntry({ type: 'step', record: { ...steps[3], loss: 1 } })}\n`);
  const { steps: read } = await RunLog.read(dir);
  t.same(
    read.map(({ step }) => step),
    steps.map(({ step }) => step),
  );
  t.equal(read[3].loss, 1);
});

void t.test('damage is named by file and line; after the checkpoint it does not matter', async (t) => {
  for (const [line, reason] of [
    ['{"type":"step"', /JSON/],
    ['7', /not a JSON object/],
    ['{"type":"note"}', /"type" is neither/],
    ['{"type":"probe","step":3}', /"ndcg@10" is not a number/],
    [
      formatEntry({ type: 'step', record: steps[0] }).replace(/"decoder":[^,]+/, '"decoder":"high"'),
      /"decoder" is not/,
    ],
  ] as const) {
    const dir = t.testdir({});
    const path = await written(dir);
    const lines = (await readFile(path, 'utf8')).split('\n');
    lines.splice(9, 0, line);
    await writeFile(path, lines.join('\n'));
    const error = await RunLog.read(dir).then(
      () => t.fail('expected to reject'),
      (error: Error) => error,
    );
    t.match((error as Error).message, reason);
    t.ok((error as Error).message.startsWith(`${path}:10: not a record of a run`));
    (await RunLog.open(dir, { resumeAt: 5 })).close();
    t.same((await RunLog.read(dir)).steps, steps.slice(0, 5));
  }
});

void t.test('another run’s log is not written over; a folder without one is named', async (t) => {
  const dir = t.testdir({ file: '' });
  const path = await written(dir);
  const before = await readFile(path);
  await t.rejects(RunLog.open(dir), { message: /log\.jsonl: the log of another run .*--resume\.$/ });
  t.same(await readFile(path), before);
  await t.rejects(RunLog.read(join(dir, 'none')), { message: /none.log\.jsonl: the log cannot be read/ });
  await t.rejects(RunLog.open(join(dir, 'file')), { message: /another run|cannot be written/ });
});
