// Runs a command of the product in this process, and keeps what it says.

/** What was written to both streams, in order. */
export interface Said {
  out: string;
  err: string;
}

/** Longest talk that is kept. */
const KEPT = 1 << 20;

/**
 * Runs `work` with both streams caught, and puts the exit code back.
 * @param said called at every piece of standard output
 * @param into gets what is written, also where `work` throws
 */
export async function quietly(
  work: () => Promise<void>,
  { said, into = { out: '', err: '' } }: { said?: (text: string) => void; into?: Said } = {},
): Promise<Said> {
  const { stdout, stderr } = process;
  const [out, err] = [stdout.write, stderr.write];
  const code = process.exitCode;
  const catcher =
    (name: keyof Said) =>
    (text: string | Uint8Array): boolean => {
      if (into[name].length < KEPT) into[name] += String(text);
      if (name === 'out') said?.(String(text));
      return true;
    };
  stdout.write = catcher('out');
  stderr.write = catcher('err');
  try {
    await work();
  } finally {
    stdout.write = out;
    stderr.write = err;
    process.exitCode = code;
  }
  return into;
}
