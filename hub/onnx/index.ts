// Models as ONNX, for onnxruntime and transformers.js.
export { crossGraph, encoderGraph, staticGraph, type EncoderHeads } from './models.js';
export { precisions, type Precision } from './numbers.js';
export type { Graph, OnnxFiles } from './graph.js';
