#!/usr/bin/env node
// The command `retromae`: picks a subcommand, prints errors as one line.
import { version } from '../package.json';
import { flagOf, OptionError } from '../data/pure.js';
import { UsageError } from './flags.js';
import { readerGone } from './signals.js';

const commands: Record<string, { summary: string; load: () => Promise<(args: string[]) => Promise<void>> }> = {
  pretrain: { summary: 'train an encoder on text', load: async () => (await import('./pretrain.js')).pretrainCommand },
  eval: { summary: 'measure a model on a BEIR folder', load: async () => (await import('./eval.js')).evalCommand },
  encode: { summary: 'turn a corpus into vectors', load: async () => (await import('./encode.js')).encodeCommand },
  search: { summary: 'search an encoded corpus', load: async () => (await import('./search.js')).searchCommand },
};

const usage = `retromae: retrieval pre-training in TypeScript

Usage: retromae COMMAND [flags]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

  retromae COMMAND --help says more, retromae --version which one this is.
`;

async function main([name, ...args]: string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage);
  } else if (name === '--version' || name === '-v') {
    process.stdout.write(`${version}\n`);
  } else if (Object.hasOwn(commands, name)) {
    const command = await commands[name].load();
    await command(args);
  } else throw new UsageError(`there is no command ${JSON.stringify(name)}. See retromae --help.`);
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', readerGone);

try {
  await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof OptionError ? error.told(flagOf) : String((error as Error).message ?? error);
  process.stderr.write(`retromae: ${message.replace(/\s*\n\s*/g, ' ')}\n`);
  if (process.env.RETROMAE_STACK && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
