// The package `retromae/core`: tensors, ops, derivatives, lifetimes.
export { Tensor, tensor, full, zeros, ones, randn, type Operand, type TensorOptions } from './tensor.js';
export { backward, vjp } from './backward.js';
export { dropGradient, takeGradient, type RowGradient } from './gradients.js';
export { crossEntropy } from './losses.js';
export { recompute } from './recompute.js';
export { noGrad, type Pullback, type Rule } from './tape.js';
export { scope } from './lifetime.js';
export { setBackend, getBackend } from './device.js';
export { HostArray, Ids } from './host.js';
export { Sequences } from './sequences.js';
export { Random, shuffle, type Below, type RandomState } from './random.js';
export { checkGradient, type GradientCheck } from './gradient-check.js';
export { asRows, contiguous, defineOp, flat, launch, update, type Op, type OpSpec, type Sample } from './op.js';
export type { Attention } from './ops/attention.js';
export type { Shape } from './shape.js';
export * as ops from './ops/index.js';
