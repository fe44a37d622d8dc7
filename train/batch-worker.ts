// The program of a worker thread that makes batches for pre-training. See prefetch.ts.
import { workerData } from 'node:worker_threads';
import { answerWithBatches } from './answer.js';
import { batchesOf, type BatchRecipe } from './batch-recipe.js';
import { TokenFile } from './token-file.js';

const recipe = workerData as BatchRecipe;
answerWithBatches(batchesOf(await TokenFile.open(recipe.tokens), recipe));
