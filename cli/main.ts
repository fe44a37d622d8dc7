#!/usr/bin/env node
// The command `retromae`: runs a subcommand, prints errors as one line.
import { lineOf, runCommand } from './commands.js';
import { UsageError } from './flags.js';
import { readerGone } from './signals.js';

for (const stream of [process.stdout, process.stderr]) stream.on('error', readerGone);

try {
  await runCommand(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${lineOf(error)}\n`);
  if (process.env.RETROMAE_STACK && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
