// The package `retromae/retrieval`: BM25, encoding, exact search, metrics, hard negatives; indexes and runs on disk.
export * from './pure.js';
export { loadIndex, saveIndex } from './index-file.js';
export { readTrecRun, writeTrecRun } from './trec-run.js';
