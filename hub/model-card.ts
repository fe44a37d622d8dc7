// README.md of a model folder: a Hugging Face model card, YAML front matter and how to use the model.
import type { BertConfig, Representation } from '../nn/index.js';

/** How the vectors of a model that was trained here are compared. */
export type TrainedSimilarity = 'cosine' | 'dot';

/** What the card tells beyond the model's dimensions. Nothing that is not given is claimed. */
export interface ModelCard {
  /** Heading. */
  name?: string;
  /** Language codes, such as "en". */
  language?: string | readonly string[];
  license?: string;
  datasets?: readonly string[];
  /** What it was pre-trained with, as Markdown: "[RetroMAE](https://arxiv.org/abs/2205.12035)". */
  method?: string;
  /** The model that it began with. */
  baseModel?: string;
  /** Numbers measured on a retrieval task, such as { dataset: "scifact", metric: "ndcg@10", value: 0.31 }. */
  results?: readonly { dataset: string; metric: string; value: number }[];
  /** Markdown below the description: how it was trained, what it is good for. */
  text?: string;
}

interface Described {
  config: BertConfig;
  maxLength: number;
  similarity: TrainedSimilarity;
  pooling: 'cls' | 'mean';
  /** Whether the mean is weighted by word. */
  weighted: boolean;
  representation?: Representation;
}

/** The card of a BERT. */
export function modelCard(described: Described, card: ModelCard): string {
  const { config, maxLength, similarity, pooling, weighted, representation } = described;
  const { name = 'BERT encoder' } = card;
  const normalize = similarity === 'cosine';
  const paragraphs = [
    frontMatter(name, ['transformers.js'], card),
    `# ${name}`,
    `A BERT encoder (${config.num_hidden_layers} layers, hidden size ${config.hidden_size}, ` +
      `${config.vocab_size} tokens, up to ${maxLength} a text)` +
      `${card.method ? `, pre-trained with ${card.method}` : ''}. A text's vector is ${pooled({ pooling, weighted })}; ` +
      `vectors are compared by ${normalize ? 'cosine' : 'dot product'}.`,
    ...(representation
      ? [
          `It was trained for DupMAE's representation, which only \`retromae\` reads (\`--represent dupmae\`): ` +
            `${representation.dense} numbers and the ${representation.k} heaviest words of a text, compared by dot product.`,
        ]
      : []),
    ...(card.text ? [card.text.trim()] : []),
    '## Use',
    'In Python, with sentence-transformers:',
    fenced('python', PYTHON),
    ...(weighted ? [] : ['In JavaScript, with transformers.js, once the model is exported to `onnx/model.onnx`:']),
    // transformers.js knows no weights of words.
    ...(weighted ? [] : [fenced('js', javaScript(pooling, normalize))]),
  ];
  return paragraphs.join('\n\n') + '\n';
}

const pooled = ({ pooling, weighted }: Pick<Described, 'pooling' | 'weighted'>): string =>
  pooling === 'cls'
    ? 'the last hidden state of [CLS]'
    : `the mean of the last hidden states${weighted ? ', each weighted by its word' : ''}`;

/** YAML between two lines of dashes. JSON is YAML too, so that values with colons or quotes stay what they are. */
export function frontMatter(name: string, tags: readonly string[], card: ModelCard): string {
  const header = {
    pipeline_tag: 'sentence-similarity',
    library_name: 'sentence-transformers',
    tags: ['sentence-transformers', 'feature-extraction', ...tags, 'retromae'],
    language: card.language,
    license: card.license,
    base_model: card.baseModel,
    datasets: card.datasets,
    'model-index': card.results && modelIndex(name, card.results),
  };
  const yaml = Object.entries(header)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return ['---', ...yaml, '---'].join('\n');
}

const modelIndex = (name: string, results: NonNullable<ModelCard['results']>) => [
  {
    name,
    results: results.map(({ dataset, metric, value }) => ({
      task: { type: 'information-retrieval' },
      dataset: { name: dataset, type: dataset },
      metrics: [{ type: metric, value }],
    })),
  },
];

export const fenced = (language: string, code: string): string => `\`\`\`${language}\n${code}\n\`\`\``;

export const PYTHON = `from sentence_transformers import SentenceTransformer
model = SentenceTransformer(".")  # this folder
vectors = model.encode(["a query", "a passage"])`;

const javaScript = (
  pooling: string,
  normalize: boolean,
): string => `import { env, pipeline } from '@huggingface/transformers';
env.localModelPath = '..'; // the folder that holds the model's folder
env.allowRemoteModels = false;
const extract = await pipeline('feature-extraction', 'model', { dtype: 'fp32' }); // the folder's name
const vectors = await extract(['a query', 'a passage'], { pooling: '${pooling}', normalize: ${normalize} });`;
