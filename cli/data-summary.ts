// The summary of the data that every command prints before it works, and the flag that bounds what may be unknown.
import type { DataCounts } from '../data/index.js';
import { rules } from '../retromae/index.js';
import { dataLine, dataWarnings, pretrainDefaults, refuseUnknown } from '../train/index.js';
import { say } from './common.js';
import type { Flags } from './flags.js';

/** As for pretrain. */
const { maxUnknown: MOST_UNKNOWN } = pretrainDefaults;

export const unknownFlag = {
  'max-unknown': {
    type: 'number',
    rule: rules.percent,
    preset: MOST_UNKNOWN,
    help: 'percent of the tokens that may be [UNK]',
  },
} as const satisfies Flags;

/** The summary, what was taken for a document, and a warning for each share that is lost. */
export const dataLines = (what: string, counts: DataCounts, texts?: string): string[] => [
  dataLine(what, counts, texts),
  ...counts.taken,
  ...dataWarnings(what, counts),
];

/** Prints them. @throws naming the texts, the share and the flag, if more is [UNK] than may be */
export function sayData(what: string, counts: DataCounts, maxUnknown = MOST_UNKNOWN, texts?: string): void {
  dataLines(what, counts, texts).forEach(say);
  refuseUnknown(what, counts, maxUnknown);
}
