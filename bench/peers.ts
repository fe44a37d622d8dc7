// Who takes part in `npm run bench -- step`: our own step and the peers in bench/peers.
import { join } from 'node:path';
import type { Program } from './peer.js';
import type { Work } from './protocol.js';

/** One contender: a program and one of its variants. */
export interface Entry {
  /** By which `--peers` finds it, also by its beginning. */
  name: string;
  variant: string;
  program: Program;
  /** Whether it is our own step, of this checkout or another: the machine is measured right before its turns. */
  ours?: boolean;
}

/** A program of bench/peers for this very Node. */
const script = (file: string) => (): Program => ({ command: process.execPath, args: [`bench/peers/${file}`] });

/** Add a peer: how its program is started, and its variants for each kind of work that it can do. */
const peers: Record<
  string,
  { program: (options: { python: string; threads: number }) => Program; variants: Partial<Record<Work, string[]>> }
> = {
  pytorch: {
    program: ({ python, threads }) => ({
      command: python,
      args: ['bench/peers/pytorch.py'],
      // Passive: as fast on a quiet machine (minima within 3 %), and no steps of many seconds on a busy one.
      env: { OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads), OMP_WAIT_POLICY: 'passive' },
    }),
    variants: {
      retromae: ['authors', 'masked', 'best', 'bf16'],
      mlm: ['authors', 'masked', 'best', 'bf16'],
      encode: ['eager', 'sdpa', 'bf16'],
    },
  },
  tfjs: { program: script('tfjs.js'), variants: { mlm: ['best', 'single', 'shipped'] } },
  'jax-js': { program: script('jax-js.js'), variants: { retromae: ['jit'], mlm: ['jit'] } },
  onnx: { program: script('onnx.js'), variants: { encode: ['all', 'cls'] } },
};

/** Our own step: this very program, started again. */
export const ours = (backend: string): Entry => ({
  name: 'retromae',
  variant: backend,
  program: { command: process.execPath, args: [process.argv[1], 'ours'] },
  ours: true,
});

/** Our step of another checkout, which `npm run build` was run in: what a change costs. */
export const before = (checkout: string, backend: string): Entry => ({
  name: 'before',
  variant: backend,
  program: { command: process.execPath, args: [join(checkout, 'dist/tools/bench.js'), 'ours'] },
  ours: true,
});

/**
 * The peers that can do the work.
 * @param wanted what `--peers` says: `all`, `none`, or beginnings of names such as `pytorch,tfjs-wasm`
 * @throws if a name is nobody's
 */
export function peersFor(work: Work, wanted: string, options: { python: string; threads: number }): Entry[] {
  if (wanted === 'none') return [];
  const all = Object.entries(peers).flatMap(([name, { program, variants }]) =>
    (variants[work] ?? []).map((variant) => ({ name: `${name}-${variant}`, variant, program: program(options) })),
  );
  if (wanted === 'all') return all;
  const beginnings = wanted.split(',');
  const nobody = beginnings.find((beginning) => !all.some(({ name }) => name.startsWith(beginning)));
  if (nobody !== undefined)
    throw new Error(
      `bench step: --peers ${nobody}: for ${work} use all, none, or ${all.map((p) => p.name).join(', ')}`,
    );
  return all.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
}
