// Run folders that version 0.1 wrote, broken off at step 2 of 4: they go on to the bits that 0.1 came to.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { readPlan, resume, RunLog } from '../../train/index.js';
import { folderFor } from './tiny-run.js';

setBackend(new ReferenceBackend());

/** SHA-256 of the model.safetensors that 0.1 ended with, on the backend `reference`. */
const ends = {
  retromae: 'cd40a5a99893fe44c5fe7d88be96a2d519c23b7b517c7868386b026965a5df27',
  mlm: '3a74c8f3b0cd2db12248c45f068d0723cf9c4d7362aeeae998b2f18a5d2e8647',
};

for (const [name, end] of Object.entries(ends))
  void t.test(name, async (t) => {
    const out = join(folderFor(t), name);
    cpSync(join('test/train/version-0.1', name), out, { recursive: true });
    const { step, interrupted } = await resume(out);
    t.same([step, interrupted], [4, false]);
    const weights = readFileSync(join(out, 'model.safetensors'));
    t.equal(createHash('sha256').update(weights).digest('hex'), end, 'the same bits');
    const { settings } = await readPlan(out);
    t.equal('decoderMask' in settings, name === 'retromae', '0.1 wrote down the options of all objectives');
    const { steps } = await RunLog.read(out);
    t.same(
      steps.map(({ step }) => step),
      [1, 2, 3, 4],
    );
    t.ok(steps.every(({ encoder, decoder = 0 }) => encoder! > 0 && decoder > 0 === (name === 'retromae')));
  });
