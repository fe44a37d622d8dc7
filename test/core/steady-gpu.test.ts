// Memory stands still on what gpu.js compiles.
import t from 'tap';
import { testSteady } from './steady.js';

testSteady(t, ['gpu:cpu', 'gpu:webasm', 'gpu:webgpu']);
