// Golden numbers from PyTorch hold on WebGPU.
import t from 'tap';
import { testGolden } from './on-backends.js';

testGolden(t, ['gpu:webgpu']);
