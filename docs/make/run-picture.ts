// What one sees in a run of RetroMAE: the losses of the run that docs/measured/run.json keeps.
import type { StepRecord } from '../../train/index.js';
import { lossChart } from '../../train/report/charts.js';
import type { SeenStep } from './measurements.js';
import { readRecord } from './measured.js';

export function runPicture(root: string): Promise<string> {
  const rows = readRecord(root, 'run').rows as SeenStep[];
  const steps = rows.map(({ step, encoder, decoder }) => ({ step, encoder, decoder, loss: encoder + decoder }));
  return lossChart([{ name: 'run', steps: steps as unknown as StepRecord[] }]);
}
