// `npm run fuzz`, and the child processes that it starts of itself.
import { fileURLToPath } from 'node:url';
import { child } from './child.js';
import { command } from './command.js';

const [first, ...rest] = process.argv.slice(2);
if (first === '--child') {
  const [dir, faults, slate] = rest;
  await child({ dir, faults }, slate);
} else
  process.exitCode = await command(process.argv.slice(2), fileURLToPath(import.meta.url), (line) => console.log(line));
