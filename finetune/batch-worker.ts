// The whole life of a worker thread that makes batches of groups: it is sent a number and sends that batch back.
import { workerData } from 'node:worker_threads';
import { answerWithBatches } from '../train/index.js';
import { openBatches, type FinetuneRecipe } from './batch-recipe.js';

answerWithBatches((await openBatches(workerData as FinetuneRecipe)).batches);
