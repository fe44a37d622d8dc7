// Checkpoints: a model folder with the head and the optimizer's state, from which a run goes on with the same bits.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '../core/index.js';
import {
  chunksOf,
  readError,
  readJsonObject,
  recoverDir,
  removePartials,
  shownValue,
  writeDirAtomic,
  writeError,
} from '../data/index.js';
import type { FileData } from '../data/index.js';
import { asJson, HEAD_FILE, fileNames, streamSafetensors, withSafetensors, writeFiles } from '../hub/index.js';
import { allTensors, assign, loadWeights, type Optimizer, type SafetensorsFile } from '../nn/index.js';
import type { Kept } from './kept.js';

export interface CheckpointState {
  /** Steps done. */
  step: number;
  kept: Kept;
  optimizer: Optimizer;
}

export interface FoundCheckpoint {
  path: string;
  step: number;
}

export interface CheckpointsOptions {
  /** How many of the newest stay. Default 2, so that one is there if the last is damaged. */
  keep?: number;
  /** Told of every checkpoint that `latest` passes over, in a line that names the file. */
  onWarning?: (line: string) => void;
}

const OPTIMIZER = join('training_state', 'optimizer.safetensors');
const STATE = join('training_state', 'state.json');
const VERSION = 1;
/** A checkpoint's folder, or (hidden) one that was being replaced by `writeDirAtomic`. */
const FOLDER = /^\.?(step-(\d{8,}))(?:\.previous)?$/;

/** state.json: what cannot be a tensor, and by what to tell that the other files are whole. */
interface StateFile {
  version: number;
  step: number;
  optimizer: { step: number };
  /** Always empty: nobody reads it, but 0.1 resumes from no file without it. */
  run?: object;
  files: Record<string, { bytes: number; sha256: string }>;
}

/** The checkpoints of a run, in folders `checkpoints/step-00000500` of its own. */
export class Checkpoints {
  private readonly dir: string;
  private readonly keep: number;
  private readonly onWarning: (line: string) => void;

  /** @param out the folder of the run */
  constructor(out: string, { keep = 2, onWarning = () => undefined }: CheckpointsOptions = {}) {
    this.dir = join(out, 'checkpoints');
    if (!Number.isInteger(keep) || keep < 1) throw new Error(`checkpoints: keep is ${keep}; it must be at least 1.`);
    this.keep = keep;
    this.onWarning = onWarning;
  }

  /**
   * Writes a checkpoint, on the disk when this returns, and only then removes the older ones. Nothing may change the
   * model meanwhile.
   * @returns its path
   * @throws WriteError naming the path; all former checkpoints are still there
   */
  async save({ step, kept, optimizer }: CheckpointState): Promise<string> {
    const path = join(this.dir, `step-${String(step).padStart(8, '0')}`);
    const files = new Map<string, FileData>(await kept.files());
    files.set(HEAD_FILE, streamSafetensors(allTensors(kept.head)));
    files.set(OPTIMIZER, streamSafetensors(optimizer.state.tensors));
    const state: StateFile = { version: VERSION, step, optimizer: { step: optimizer.state.step }, run: {}, files: {} };
    try {
      await mkdir(this.dir, { recursive: true });
      await writeDirAtomic(path, async (folder) => {
        await writeFiles(folder, fingerprinted(files, state.files), writeFile);
        await writeFile(join(folder, STATE), asJson(state));
      });
    } catch (error) {
      throw writeError(path, error);
    }
    await this.prune(step);
    return path;
  }

  /** The newest checkpoint that is whole; undefined if there is none. */
  async latest(): Promise<FoundCheckpoint | undefined> {
    for (const { path } of await this.list()) {
      try {
        return { path, step: (await readState(path)).step };
      } catch (error) {
        this.onWarning(`${(error as Error).message} The checkpoint is passed over.`);
      }
    }
    return undefined;
  }

  /**
   * Puts everything back, bit for bit: weights, the optimizer's tensors and its step.
   * @throws naming the file, if one is missing or damaged, or is of another model; the model may then be half filled
   */
  async load(path: string, { weights, head }: Omit<Kept, 'files'>, optimizer: Optimizer): Promise<{ step: number }> {
    const { step, optimizer: saved } = await readState(path);
    const paths = [fileNames.weights, HEAD_FILE, OPTIMIZER].map((name) => join(path, name));
    withSafetensors(paths, ([encoder, others, state]) => {
      checkNames(optimizer.state.tensors, state);
      checkNames(allTensors(head), others);
      loadWeights(weights, encoder);
      loadWeights(head, others);
      for (const [name, tensor] of optimizer.state.tensors) assign(tensor, state.float32(name).data);
    });
    optimizer.state.step = saved.step;
    return { step };
  }

  /** Newest first. A folder that a kill caught while it was being replaced is there again. */
  private async list(): Promise<{ path: string; step: number }[]> {
    const entries = await readdir(this.dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw readError(this.dir, error);
    });
    const found = new Map<number, string>();
    for (const entry of entries) {
      const [, name, step] = FOLDER.exec(entry) ?? [];
      if (!name) continue;
      const path = join(this.dir, name);
      if (name !== entry) await recoverDir(path);
      found.set(Number(step), path);
    }
    return [...found].map(([step, path]) => ({ path, step })).sort((a, b) => b.step - a.step);
  }

  /** What is beyond `step` was passed over by whoever resumed the run, and is replaced when the run gets there. */
  private async prune(step: number): Promise<void> {
    try {
      const older = (await this.list()).filter((found) => found.step <= step);
      for (const { path } of older.slice(this.keep)) await rm(path, { recursive: true, force: true });
      await removePartials(this.dir);
    } catch (error) {
      this.onWarning(`${this.dir}: old checkpoints cannot be removed (${(error as Error).message}); remove them.`);
    }
  }
}

/** @throws unless the file has exactly these tensors, in these shapes */
function checkNames(wanted: ReadonlyMap<string, Tensor>, { file, tensors }: SafetensorsFile): void {
  for (const name of new Set([...wanted.keys(), ...tensors.keys()])) {
    const [ours, theirs] = [wanted.get(name), tensors.get(name)].map((x) => x && `[${x.shape.join(', ')}]`);
    if (ours !== theirs)
      throw new Error(
        `${file}: ${name} is ${theirs ?? 'missing'}, the run wants ${ours ?? 'none'}. Resume with the options that the run began with.`,
      );
  }
}

/** The same files, of which each leaves its size and checksum in `found` when it has been written. */
function fingerprinted(files: ReadonlyMap<string, FileData>, found: StateFile['files']): Map<string, FileData> {
  async function* watched(path: string, content: FileData) {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of chunksOf(content)) {
      const part = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
      hash.update(part);
      bytes += part.length;
      yield part;
    }
    found[path] = { bytes, sha256: hash.digest('hex') };
  }
  return new Map([...files].map(([path, content]) => [path, path.endsWith('/') ? content : watched(path, content)]));
}

/** Reads state.json and compares every other file with what it says. @throws naming the first file that differs */
async function readState(folder: string): Promise<StateFile> {
  const path = join(folder, STATE);
  const state = await readJsonObject(path);
  if (state.version !== VERSION)
    throw new Error(
      `${path}: version ${shownValue(state.version)}, expected ${VERSION}; resume with the release of retromae that wrote it.`,
    );
  if (!isState(state)) throw new Error(`${path}: is not the state of a run; resume from another checkpoint.`);
  for (const [name, { bytes, sha256 }] of Object.entries(state.files)) {
    const file = join(folder, name);
    const { size } = await stat(file).catch((error: unknown) => {
      throw readError(file, error);
    });
    if (size !== bytes)
      throw new Error(`${file}: is ${size} bytes long, written were ${bytes}; resume from another checkpoint.`);
    if ((await sha256Of(file)) !== sha256)
      throw new Error(`${file}: is not what was written (its checksum differs); resume from another checkpoint.`);
  }
  return state;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isState(value: object): value is StateFile {
  const { step, optimizer, files } = value as Partial<Record<string, unknown>>;
  return (
    Number.isInteger(step) &&
    isObject(optimizer) &&
    Number.isInteger(optimizer.step) &&
    isObject(files) &&
    [fileNames.weights, HEAD_FILE, OPTIMIZER].every((name) => Object.hasOwn(files, name)) &&
    Object.values(files).every((entry) => isObject(entry) && Number.isInteger(entry.bytes))
  );
}
