// Every kernel there is. A backend runs all of them.
export * from './elementwise.js';
export * from './movement.js';
export { max, sum } from './reduce.js';
export * from './matmul.js';
export * from './gelu.js';
export { softmax, softmaxGradient, dropout } from './rows.js';
export * from './norm.js';
export * from './attention.js';
export * from './loss.js';
export * from './optimizer.js';
export * from './topk.js';
