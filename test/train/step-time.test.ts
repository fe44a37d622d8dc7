// The time of a step: the mean of a stretch, by a clock of the test's own, and no bit of the model changes.
import t from 'tap';
import { parameters } from '../../nn/index.js';
import { Random } from '../../core/index.js';
import { stepTime } from '../../train/index.js';
import { bitsOf, newModel, tokenizer } from '../retromae/tiny.js';

void t.test('the mean of as long a stretch as was asked for', async (t) => {
  const model = newModel(1);
  const collator = model.objective.collator(model.options, { tokenizer, maxLength: 16 });
  const batch = collator.collate([[5, 6, 7, 8]], (i) => new Random(1, i));
  const before = await bitsOf(parameters(model));
  // Steps of 10 ms, of which every third takes 100.
  let [clock, steps] = [0, 0];
  const measured = (seconds?: number) => {
    [clock, steps] = [0, 0];
    const microBatches = () => {
      clock += ++steps % 3 === 0 ? 100 : 10;
      return [() => model.losses(batch)];
    };
    return stepTime(model, microBatches, { seconds, now: () => clock });
  };
  t.equal(await measured(), (10 + 100 + 10 + 10) / 4, 'at least four, after four');
  t.equal(await measured(1), (9 * 100 + 17 * 10) / 26);
  t.equal(steps, 4 + 26, 'no longer than needed');
  t.same(await bitsOf(parameters(model)), before);
});
