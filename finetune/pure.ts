// What of `retromae/finetune` needs no files: pairs, groups, and the losses of bi-encoders.
export { bagOfWords } from './bag.js';
export { betweenTexts, biEncoderLosses, distillations, type BiEncoderOptions } from './bi-encoder.js';
export { crossLosses } from './cross.js';
export { GroupCollator, type Group, type GroupBatch, type GroupRules } from './groups.js';
export { drawPair, dropTokens, pairKinds, parseMix } from './pair-kinds.js';
export type { PairKind, PairMix, PairOptions } from './pair-kinds.js';
export { pairCollator, type PairRules } from './pairs.js';
