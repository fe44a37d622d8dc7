// The objectives. A new one is a file here and a line.
export { mlm } from './mlm.js';
export { retromae, type Decoder } from './retromae.js';
export { dupmae } from './dupmae.js';
export { condenser } from './condenser.js';
export { cocondenser } from './cocondenser.js';
export { cotmae } from './cotmae.js';
export { simcse } from './simcse.js';
export { diffcse } from './diffcse.js';
export { ict } from './ict.js';
export { crop } from './crop.js';
export { autoregressive } from './autoregressive.js';
export { seed } from './seed.js';
export { tsdae } from './tsdae.js';
