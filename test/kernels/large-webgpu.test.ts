// Arrays of more than 2^24 cells on WebGPU.
import t from 'tap';
import { testLarge } from './parity.js';

testLarge(t, ['gpu:webgpu']);
