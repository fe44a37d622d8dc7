// Encoding in onnxruntime-node, as a peer program of `npm run bench -- step --objective encode` (see README.md).
// Variants: all (the whole last layer, as exported models have it), cls (of the last layer what [CLS] needs).
import { createRequire } from 'node:module';
import ort from 'onnxruntime-node';
import { padded, weightsOf } from './bert.js';
import { serve } from './child.js';
import { encoderModel } from './onnx-model.js';

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');

await serve(async (job, batches) => {
  const model = encoderModel(job.config, weightsOf(job), job.variant === 'cls');
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: job.threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const ready = new Map(
    batches.map((batch) => {
      const { sequences, length, ids, attention } = padded(batch);
      const tensor = (values) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [sequences, length]);
      return [batch, { input_ids: tensor(ids), attention_mask: tensor(attention) }];
    }),
  );
  return {
    name: 'onnxruntime-node',
    version,
    threads: job.threads,
    step: async (batch) => {
      const { data } = (await session.run(ready.get(batch))).cls;
      let sum = 0;
      for (const x of data) sum += Math.abs(x);
      return { loss: sum / data.length };
    },
  };
});
