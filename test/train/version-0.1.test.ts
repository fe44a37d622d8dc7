// Run folders of version 0.1: their plan has the options of all objectives, their log has its fields in another order.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { parameters } from '../../nn/index.js';
import { pretrain, readPlan, resume, RunLog } from '../../train/index.js';
import { bitsOf } from '../retromae/tiny.js';
import { folderFor, tinySettings } from './tiny-run.js';

setBackend(new ReferenceBackend());

/** Rewrites a run's plan and log as 0.1 wrote them, and takes it back to step 2. */
function asVersion01(out: string): void {
  const plan = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { settings: Record<string, unknown> };
  // 0.1 knew neither queries nor the weight of the bag of words.
  const { query, bowWeight, ...known } = plan.settings;
  const all = { encoderMask: 0.3, decoderMask: 0.7, decoder: 'enhanced', decoderLayers: 1, ...known };
  writeFileSync(join(out, 'run.json'), JSON.stringify({ ...plan, settings: all }));
  const lines = readFileSync(join(out, 'log.jsonl'), 'utf8').trimEnd().split('\n');
  const turned = lines.map((line) =>
    JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).reverse())),
  );
  writeFileSync(join(out, 'log.jsonl'), `${turned.join('\n')}\n`);
  for (const gone of ['checkpoints/step-00000004', 'model.safetensors']) rmSync(join(out, gone), { recursive: true });
}

for (const objective of ['mlm', 'dupmae', 'retromae'] as const)
  void t.test(`${objective}: resumed to the same bits`, async (t) => {
    const dir = folderFor(t);
    // What 0.1 wrote down was used by RetroMAE and DupMAE, and by MLM not at all.
    const mask = objective === 'mlm' ? {} : { decoderMask: 0.7 };
    const whole = await pretrain({ ...tinySettings(dir, 'whole'), objective, ...mask });
    await pretrain({ ...tinySettings(dir, 'old'), objective, ...mask });
    asVersion01(join(dir, 'old'));
    const again = await resume(join(dir, 'old'));
    t.same(await bitsOf(parameters(again.model)), await bitsOf(parameters(whole.model)));
    const plan = await readPlan(join(dir, 'old'));
    t.equal('decoder' in plan.settings, objective === 'retromae', 'options of other objectives are gone');
    const { steps } = await RunLog.read(join(dir, 'old'));
    t.same(
      steps.map(({ step }) => step),
      [1, 2, 3, 4],
    );
    t.ok(steps.every(({ encoder, decoder }) => encoder! > 0 && (decoder ?? 0) > 0 === (objective !== 'mlm')));
  });
