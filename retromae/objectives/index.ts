// The objectives. A new one is a file here and a line.
export { mlm } from './mlm.js';
export { retromae, type Decoder, type RetroMaeOptions } from './retromae.js';
export { dupmae, type DupMaeOptions } from './dupmae.js';
