// The op table. A new op is one row here and one method on Tensor.
export * from './elementwise.js';
export * from './movement.js';
export * from './reduce.js';
export * from './matmul.js';
export * from './rows.js';
export * from './norm.js';
export * from './attention.js';
export * from './loss.js';
