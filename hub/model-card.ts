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
  representation?: Representation;
}

/** The card. JSON is YAML too, so that values with colons or quotes stay what they are. */
export function modelCard({ config, maxLength, similarity, representation }: Described, card: ModelCard): string {
  const { name = 'BERT encoder' } = card;
  const normalize = similarity === 'cosine';
  const header = {
    pipeline_tag: 'sentence-similarity',
    library_name: 'sentence-transformers',
    tags: ['sentence-transformers', 'feature-extraction', 'transformers.js', 'retromae'],
    language: card.language,
    license: card.license,
    base_model: card.baseModel,
    datasets: card.datasets,
    'model-index': card.results && modelIndex(name, card.results),
  };
  const yaml = Object.entries(header)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const paragraphs = [
    ['---', ...yaml, '---'].join('\n'),
    `# ${name}`,
    `A BERT encoder (${config.num_hidden_layers} layers, hidden size ${config.hidden_size}, ` +
      `${config.vocab_size} tokens, up to ${maxLength} a text)` +
      `${card.method ? `, pre-trained with ${card.method}` : ''}. A text's vector is the last hidden state of [CLS]; ` +
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
    'In JavaScript, with transformers.js, once the model is exported to `onnx/model.onnx`:',
    fenced('js', javaScript(normalize)),
  ];
  return paragraphs.join('\n\n') + '\n';
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

const fenced = (language: string, code: string): string => `\`\`\`${language}\n${code}\n\`\`\``;

const PYTHON = `from sentence_transformers import SentenceTransformer
model = SentenceTransformer(".")  # this folder
vectors = model.encode(["a query", "a passage"])`;

const javaScript = (normalize: boolean): string => `import { env, pipeline } from '@huggingface/transformers';
env.localModelPath = '..'; // the folder that holds the model's folder
env.allowRemoteModels = false;
const extract = await pipeline('feature-extraction', 'model', { dtype: 'fp32' }); // the folder's name
const vectors = await extract(['a query', 'a passage'], { pooling: 'cls', normalize: ${normalize} });`;
