// `npm run golden -- DIR [--backend NAME]`.
import { offerSwiftShader } from '../support/swiftshader.js';
import { golden } from './command.js';

offerSwiftShader();
process.exitCode = await golden(process.argv.slice(2), (line) => console.log(line));
