// Every kernel gives the same numbers on WebGPU, be it a GPU or SwiftShader.
import t from 'tap';
import { testParity } from './parity.js';

testParity(t, ['gpu:webgpu']);
