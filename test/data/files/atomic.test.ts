// Atomic writing: what is there after success, after every kind of failure, and after a kill in the middle.
import { access, chmod, mkdir, readFile, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import {
  ensureEmptyDir,
  recoverDir,
  removePartials,
  writeDirAtomic,
  writeError,
  writeFileAtomic,
  WriteError,
} from '../../../data/files/atomic.js';

const failure = (code: string): Error => Object.assign(new Error(`${code}: told by the system, write`), { code });

/** Runs as a user whom permissions hold back, which root is not. */
async function unprivileged<T>(action: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return action();
  process.seteuid?.(65534);
  try {
    return await action();
  } finally {
    process.seteuid?.(0);
  }
}

void t.test('a file: text, bytes, chunks; replaced, and nothing left beside it', async (t) => {
  const dir = t.testdir({ old: 'before' });
  await writeFileAtomic(join(dir, 'old'), 'naïve');
  await writeFileAtomic(join(dir, 'bytes'), Uint8Array.of(1, 2, 3));
  await writeFileAtomic(
    join(dir, 'chunks'),
    (function* () {
      yield Uint8Array.of(1, 2);
      yield Uint8Array.of(3);
    })(),
  );
  t.equal(await readFile(join(dir, 'old'), 'utf8'), 'naïve');
  t.same([...(await readFile(join(dir, 'bytes')))], [1, 2, 3]);
  t.same([...(await readFile(join(dir, 'chunks')))], [1, 2, 3]);
  t.same((await readdir(dir)).sort(), ['bytes', 'chunks', 'old']);
});

void t.test('a file: a full disk half-way leaves the old one', async (t) => {
  const dir = t.testdir({ model: 'before' });
  const path = join(dir, 'model');
  const halfway = function* (): Generator<Uint8Array> {
    yield Uint8Array.of(1, 2);
    throw failure('ENOSPC');
  };
  await t.rejects(writeFileAtomic(path, halfway()), {
    name: 'WriteError',
    message: `${path}: cannot be written, the disk is full (ENOSPC); free some space, or name a folder on another disk. What was there is unchanged.`,
  });
  t.equal(await readFile(path, 'utf8'), 'before');
  t.same(await readdir(dir), ['model']);
});

void t.test('a file: an error of the data itself passes as it is', async (t) => {
  const dir = t.testdir({});
  const bug = new TypeError('a bug');
  // eslint-disable-next-line require-yield -- it fails before the first chunk, which is the case at hand
  const data = function* (): Generator<Uint8Array> {
    throw bug;
  };
  await t.rejects(writeFileAtomic(join(dir, 'x'), data()), bug);
  t.same(await readdir(dir), []);
});

void t.test('a file: no permission, no folder, a folder in its place', async (t) => {
  const dir = t.testdir({ closed: {}, folder: { file: '' } });
  await chmod(dir, 0o755);
  await chmod(join(dir, 'closed'), 0o555);
  await unprivileged(() =>
    t.rejects(writeFileAtomic(join(dir, 'closed/x'), ''), {
      message: /closed\/x: .*no permission .*\(E(ACCES|ROFS)\)/,
    }),
  );
  await t.rejects(writeFileAtomic(join(dir, 'none/x'), ''), { message: /none\/x: .*does not exist \(ENOENT\)/ });
  await t.rejects(writeFileAtomic(join(dir, 'folder'), ''), { message: /folder: .*expected a file \(EISDIR\)/ });
  t.same((await readdir(dir)).sort(), ['closed', 'folder']);
});

void t.test('errors that are told', async (t) => {
  for (const [code, words] of [
    ['EROFS', 'read-only'],
    ['EACCES', 'no permission'],
    ['EDQUOT', 'quota'],
    ['EIO', 'EIO: told by the system'],
  ]) {
    const told = writeError('out/model', failure(code));
    t.ok(told instanceof WriteError && told.message.startsWith('out/model: ') && told.message.includes(words), code);
  }
  t.equal(writeError('x', 'thrown').message, 'thrown');
});

void t.test('a folder: new, and replaced as a whole', async (t) => {
  const dir = t.testdir({ model: { stale: 'x', sub: { stale: 'y' } } });
  for (const name of ['model', 'fresh']) {
    await writeDirAtomic(join(dir, name), async (folder) => {
      await mkdir(join(folder, 'sub'));
      await writeFile(join(folder, 'sub/weights'), name);
    });
    t.same(await readdir(join(dir, name)), ['sub']);
    t.equal(await readFile(join(dir, name, 'sub/weights'), 'utf8'), name);
  }
  t.same((await readdir(dir)).sort(), ['fresh', 'model']);
});

void t.test('a folder: whatever fails in filling it, the old one stays', async (t) => {
  const dir = t.testdir({ model: { weights: 'before' } });
  const path = join(dir, 'model');
  const failing = (fail: (folder: string) => unknown): Promise<void> =>
    writeDirAtomic(path, async (folder) => {
      await writeFile(join(folder, 'weights'), 'half');
      await fail(folder);
    });
  const full = { message: /^\S*model: cannot be written, the disk is full/ };
  await t.rejects(
    failing(() => Promise.reject(failure('ENOSPC'))),
    full,
    'a bare write',
  );
  await t.rejects(
    failing((folder) =>
      writeFileAtomic(
        join(folder, 'inner'),
        // eslint-disable-next-line require-yield -- as above
        (function* (): Generator<Uint8Array> {
          throw failure('ENOSPC');
        })(),
      ),
    ),
    full,
    'a nested atomic write is told with the name of the folder, not of the temporary one',
  );
  await t.rejects(
    failing(() => readFile(join(dir, '../no-such-file'))),
    { code: 'ENOENT', syscall: 'open' },
    'an error about another file passes as it is',
  );
  await t.rejects(
    failing(() => Promise.reject(new Error('NaN'))),
    { message: 'NaN' },
  );
  t.equal(await readFile(join(path, 'weights'), 'utf8'), 'before');
  t.same(await readdir(dir), ['model']);
});

void t.test('a folder: a file or a dangling link in its place is not replaced', async (t) => {
  const dir = t.testdir({ file: 'keep' });
  await symlink('nowhere', join(dir, 'link'));
  for (const name of ['file', 'link']) {
    await t.rejects(
      writeDirAtomic(join(dir, name), (folder) => writeFile(join(folder, 'a'), '')),
      { message: /ENOTDIR/ },
    );
  }
  t.equal(await readFile(join(dir, 'file'), 'utf8'), 'keep');
  t.same((await readdir(dir)).sort(), ['file', 'link']);
});

void t.test('a folder: a kill between the two renames is undone', async (t) => {
  const dir = t.testdir({ model: { weights: 'before' } });
  const path = join(dir, 'model');
  await rename(path, join(dir, '.model.previous'));
  await recoverDir(path);
  t.equal(await readFile(join(path, 'weights'), 'utf8'), 'before');

  await mkdir(join(dir, '.model.previous'));
  await recoverDir(path);
  t.same(await readdir(dir), ['model'], 'a kill after both renames: the old folder goes');

  await rename(path, join(dir, '.model.previous'));
  await t.rejects(writeDirAtomic(path, () => Promise.reject(new Error('again'))));
  t.equal(await readFile(join(path, 'weights'), 'utf8'), 'before', 'the next write recovers first');
});

void t.test('removePartials removes what killed writers left, and nothing else', async (t) => {
  const dir = t.testdir({
    '.model.3b241101-e2bb-4255-8caf-4136c566a962.partial': { weights: '' },
    '.log.3b241101-e2bb-4255-8caf-4136c566a963.partial': '',
    'my.partial': '',
    '.hidden': '',
  });
  await removePartials(dir);
  t.same((await readdir(dir)).sort(), ['.hidden', 'my.partial']);
});

void t.test('ensureEmptyDir', async (t) => {
  const dir = t.testdir({ file: '', full: { a: '', b: '', c: '', d: '', e: '', f: '', g: '' }, closed: {} });
  await ensureEmptyDir(join(dir, 'new/deep'));
  await access(join(dir, 'new/deep'));
  await ensureEmptyDir(join(dir, 'new/deep'));
  await t.rejects(ensureEmptyDir(join(dir, 'full')), {
    message: /full: the output folder is not empty \(it holds a, b, c, d, e and 2 more\), .*--resume\.$/,
  });
  await t.rejects(ensureEmptyDir(join(dir, 'file')), { message: /file: .*expected a folder \(EEXIST\)/ });
  await t.rejects(ensureEmptyDir(join(dir, 'file/x')), { message: /file\/x: .*expected a folder \(ENOTDIR\)/ });
  if (process.platform === 'linux') await t.rejects(ensureEmptyDir('/proc/x/y'), { message: /^\/proc\/x\/y: / });
  await chmod(dir, 0o755);
  await chmod(join(dir, 'closed'), 0o555);
  await unprivileged(() => t.rejects(ensureEmptyDir(join(dir, 'closed')), { message: /no permission/ }));
});
