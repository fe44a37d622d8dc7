// The op table. A new op is one row here and one method on Tensor.
//
// Here is the one circle of the house: methods of Tensor name ops, and ops make tensors. It does no harm, since both do
// so in functions that run later. While they load, ops need `defineOp` alone, and nothing that it does then needs Tensor.
export * from './elementwise.js';
export * from './movement.js';
export * from './reduce.js';
export * from './matmul.js';
export * from './rows.js';
export * from './norm.js';
export * from './attention.js';
export * from './loss.js';
