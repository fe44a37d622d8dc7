// Types of child.js for our own contender.
import type { Answer, Job, PackedBatch, Ready } from '../protocol.js';

export type Contender = Omit<Ready, 'ready'> & {
  step: (batch: PackedBatch, n: number) => Promise<Omit<Answer, 'ms' | 'rss'>>;
};
export function serve(prepare: (job: Job, batches: PackedBatch[]) => Promise<Contender>): Promise<void>;
