// What of `retromae/train` needs no files: what a step takes, and what is told of it.
export * from './report/pure.js';
export { stepTime } from './step-time.js';
