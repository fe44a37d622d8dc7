// The end of a run that has diverged.
import type { FoundCheckpoint } from './checkpoint.js';
import type { LoopSettings } from './run.js';

/**
 * Ends a run whose numbers are no longer finite.
 * @param step steps done before this one
 * @throws naming the step, its batches, and the checkpoint to go back to
 */
export function refuseDivergence(
  { loss, gradientNorm }: Record<string, number>,
  { accumulate, seed, keep }: LoopSettings,
  step: number,
  saved: readonly FoundCheckpoint[],
): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  const first = step * accumulate;
  const batches = accumulate === 1 ? `batch ${first}` : `batches ${first} to ${first + accumulate - 1}`;
  // One that was saved just before holds the weights that this loss comes from.
  const good = saved.slice(-keep).findLast((checkpoint) => checkpoint.step < step)?.path;
  throw new Error(
    `step ${step + 1}: the loss is ${loss} and the gradient norm ${gradientNorm}, on ${batches} of --seed ${seed}. ` +
      `Last good checkpoint: ${good ?? 'none'}. Begin again with a lower --lr or with --clip 1` +
      `${good === undefined ? '' : `, and with --init ${good}`}, in a new folder.`,
  );
}
