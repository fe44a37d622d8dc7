// `retromae pretrain --list`: the objectives, and what a step of each costs.
import { objectiveNamed, objectiveNames } from '../retromae/index.js';
import { stepCosts, type PretrainSettings } from '../train/index.js';
import { say, withBackend } from './common.js';

/** Examples of a batch, where nothing else is asked for: enough to tell, and done in half a minute. */
const BATCH = 4;

/** Prints a line each: name, cost of a step beside MLM's, what it is, its paper. */
export async function listObjectives(
  settings: PretrainSettings,
  batch: number | undefined,
  json: boolean,
): Promise<void> {
  const sized = { ...settings, batch: batch ?? BATCH };
  const { layers, hidden, seq, vocabSize } = sized;
  await withBackend(sized, async () => {
    say(
      `A step of each beside one of MLM, in turns: ${layers} layers of ${hidden}, ${vocabSize} words, ${sized.batch} texts of ${seq} tokens.`,
    );
    const width = Math.max(...objectiveNames.map((name) => name.length)) + 2;
    for await (const { objective, cost, tokens } of stepCosts(objectiveNames, sized)) {
      const { title, summary, paper } = objectiveNamed(objective);
      if (json) process.stdout.write(`${JSON.stringify({ objective, title, summary, paper, cost, tokens })}\n`);
      else process.stdout.write(`${objective.padEnd(width)}${cost.toFixed(2).padStart(5)}x  ${summary}  ${paper}\n`);
    }
    if (!json)
      process.stdout.write(
        '\nTwo can be joined, one that is not contrastive and one that is: retromae+crop. Options of each: --help.\n',
      );
  });
}
