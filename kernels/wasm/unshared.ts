// The compiled module with a memory of its own instead of a shared one, for hosts where threads can share none.

/** The import section of the module: one import, `env.memory`, a memory whose limits are shared and have a maximum (3). */
const IMPORTS = 2;
const SHARED = [1, ...text('env'), ...text('memory'), 2, 3];
/** Limits that have a maximum and are not shared. */
const OWN = 1;

/** A name as the format has it: its length, then its letters. */
function text(name: string): number[] {
  return [name.length, ...new TextEncoder().encode(name)];
}

/**
 * A copy of the module that imports ordinary memory; it has no atomic instructions, so nothing else changes.
 * @throws if the module does not import shared memory as `env.memory`, and nothing else
 */
export function unshared(module: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // After 8 bytes of magic and version come sections: an id, a length in groups of 7 bits, lowest first, and a body.
  let at = 8;
  while (at < module.length) {
    const id = module[at++];
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      length += (module[at] & 0x7f) << shift;
      if (module[at++] < 0x80) break;
    }
    if (id === IMPORTS && SHARED.every((byte, i) => module[at + i] === byte)) {
      const copy = module.slice();
      copy[at + SHARED.length - 1] = OWN;
      return copy;
    }
    at += length;
  }
  throw new Error(
    'engine: the compiled kernels do not import shared memory as env.memory, and nothing else, so they cannot be given ' +
      'memory of their own. Build them anew: npm run build',
  );
}
