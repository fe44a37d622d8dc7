// The subcommands of `retromae`, and how an error of one is told.
import { version } from '../package.json';
import { flagOf, OptionError } from '../data/pure.js';
import { UsageError } from './flags.js';

const commands: Record<string, { summary: string; load: () => Promise<(args: string[]) => Promise<void>> }> = {
  pretrain: { summary: 'train an encoder on text', load: async () => (await import('./pretrain.js')).pretrainCommand },
  compare: { summary: 'objectives side by side', load: async () => (await import('./compare.js')).compareCommand },
  finetune: {
    summary: 'train a retriever, from raw text or labelled examples',
    load: async () => (await import('./finetune.js')).finetuneCommand,
  },
  adapt: {
    summary: 'a retriever for your own text, without labels',
    load: async () => (await import('./adapt.js')).adaptCommand,
  },
  reproduce: {
    summary: "a table of RetroMAE's paper, in miniature",
    load: async () => (await import('./reproduce.js')).reproduceCommand,
  },
  eval: { summary: 'measure a model on a BEIR folder', load: async () => (await import('./eval.js')).evalCommand },
  encode: { summary: 'turn a corpus into vectors', load: async () => (await import('./encode.js')).encodeCommand },
  search: { summary: 'search an encoded corpus', load: async () => (await import('./search.js')).searchCommand },
  distill: {
    summary: 'make a static encoder of a model',
    load: async () => (await import('./distill.js')).distillCommand,
  },
  rerank: {
    summary: 'rerank hits by a cross-encoder',
    load: async () => (await import('./rerank.js')).rerankCommand,
  },
  export: {
    summary: 'write a model as ONNX, or in half precision',
    load: async () => (await import('./export.js')).exportCommand,
  },
  mine: { summary: 'find hard negatives for training', load: async () => (await import('./mine.js')).mineCommand },
};

const usage = `retromae: retrieval pre-training in TypeScript

Usage: retromae COMMAND [flags]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

  retromae COMMAND --help says more, retromae --version which one this is.
`;

/** Does what the arguments say. @throws whatever stands in the way; `lineOf` tells it */
export async function runCommand([name, ...args]: string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage);
  } else if (name === '--version' || name === '-v') {
    process.stdout.write(`${version}\n`);
  } else if (Object.hasOwn(commands, name)) {
    const command = await commands[name].load();
    await command(args);
  } else throw new UsageError(`there is no command ${JSON.stringify(name)}. See retromae --help.`);
}

/** An error as the one line that a user sees, options named by their flags. */
export function lineOf(error: unknown): string {
  const message = error instanceof OptionError ? error.told(flagOf) : String((error as Error).message ?? error);
  return `retromae: ${message.replace(/\s*\n\s*/g, ' ')}`;
}
