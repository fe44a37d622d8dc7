// What a caller of `pretrain` can do in a step: see its record, and put other gradients in the place of its own.
import t from 'tap';
import { setBackend } from '../../core/index.js';
import { ReferenceBackend } from '../../kernels/index.js';
import { parameters } from '../../nn/index.js';
import { pretrain, type StepRecord } from '../../train/index.js';
import { bitsOf } from '../retromae/tiny.js';
import { folderFor, tinySettings } from './tiny-run.js';

setBackend(new ReferenceBackend());

void t.test('reduce is called once a step, between backward and update', async (t) => {
  const dir = folderFor(t);
  const records: StepRecord[] = [];
  let called = 0;
  const { model } = await pretrain(
    { ...tinySettings(dir, 'still'), accumulate: 2, weightDecay: 0 },
    {
      step: (record) => records.push(record),
      reduce: (trained) => {
        t.equal(called++, records.length);
        for (const parameter of trained.values()) if (parameter.grad) parameter.grad = parameter.grad.mul(0);
      },
    },
  );
  t.equal(called, 4);
  t.ok(
    records.every(({ gradientNorm }) => gradientNorm === 0),
    'the optimizer sees what reduce left',
  );
  const { model: fresh } = await pretrain({ ...tinySettings(dir, 'first'), steps: 1, lr: '0', weightDecay: 0 });
  t.same(await bitsOf(parameters(model)), await bitsOf(parameters(fresh)), 'without gradients nothing moves');
});
