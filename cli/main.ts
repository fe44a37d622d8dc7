#!/usr/bin/env node
// The command `retromae`: runs a subcommand, prints errors as one line.
import { lineOf, runCommand } from './commands.js';
import { UsageError } from './flags.js';

/** 128 + SIGPIPE: what a shell sees of any program whose reader has gone. */
const BROKEN_PIPE = 141;

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
    throw error;
  });

try {
  await runCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${lineOf(error)}\n`);
  if (process.env.RETROMAE_STACK && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
