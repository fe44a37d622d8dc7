// Vectors and scores of the same texts, computed here, by onnxruntime and by transformers.js.
import { join } from 'node:path';
import {
  AutoModel,
  AutoModelForSequenceClassification,
  AutoTokenizer,
  env,
  pipeline,
  Tensor,
} from '@huggingface/transformers';
import * as ort from 'onnxruntime-node';
import * as r from '../dist/node/index.js';

const BATCH = 16;
const dtypes = { f32: 'fp32', f16: 'fp16', int8: 'q8' };
const files = { f32: 'model.onnx', f16: 'model_fp16.onnx', int8: 'model_quantized.onnx' };

/** Rows of an array. */
const rowsOf = (data, width) =>
  Array.from({ length: data.length / width }, (_, i) => Float64Array.from(data.slice(i * width, (i + 1) * width)));

/** What each kind is asked for, and by whom: a row of numbers for each text. */
export async function ours(dir, kind, texts) {
  if (kind === 'cross') {
    const { model, tokenizer, maxLength } = await r.loadCross(dir);
    const scorer = new r.CrossScorer(model, tokenizer, { maxLength });
    const scores = [];
    for (const passage of texts) scores.push((await scorer.scores(texts[0], [passage]))[0]);
    return scores.map((score) => Float64Array.of(score));
  }
  if (kind === 'static') {
    const { model, tokenizer, ...options } = await r.loadStatic(dir);
    const encoder = new r.ModelEncoder(model, tokenizer, options);
    return rowsOf(await encoder.encode(texts), encoder.dim);
  }
  const { model, tokenizer, representation, ...options } = await r.loadModel(dir, {
    ...(kind === 'dupmae' && { represent: 'dupmae' }),
  });
  const encoder = representation
    ? new r.DupmaeEncoder(model, tokenizer, representation, options)
    : new r.BertEncoder(model, tokenizer, options);
  return rowsOf(await encoder.encode(texts, { role: 'query' }), encoder.dim);
}

/** By the graph alone, with our ids. */
export async function byOnnxruntime(dir, kind, precision, texts) {
  const session = await ort.InferenceSession.create(join(dir, 'onnx', files[precision]));
  const int64 = (values, dims) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);
  const tokenizer = await r.loadTokenizer(dir);
  const rows = [];
  for (let from = 0; from < texts.length; from += BATCH) {
    const batch = texts.slice(from, from + BATCH);
    if (kind === 'static') {
      const ids = batch.map((text) => [...tokenizer.encode(text)]);
      const offsets = ids.map((_, i) => ids.slice(0, i).reduce((sum, { length }) => sum + length, 0));
      const flat = ids.flat();
      const { embeddings } = await session.run({
        input_ids: int64(flat, [flat.length]),
        offsets: int64(offsets, [offsets.length]),
      });
      rows.push(...rowsOf(embeddings.data, embeddings.dims[1]));
      continue;
    }
    const encoded = batch.map((text) => sequenceOf(tokenizer, kind === 'cross' ? [texts[0], text] : [text]));
    const longest = Math.max(...encoded.map(({ ids }) => ids.length));
    const filled = (of) => encoded.flatMap((each) => Array.from({ length: longest }, (_, i) => of(each, i)));
    const dims = [batch.length, longest];
    const out = await session.run({
      input_ids: int64(
        filled(({ ids }, i) => ids[i] ?? tokenizer.pad),
        dims,
      ),
      attention_mask: int64(
        filled(({ ids }, i) => Number(i < ids.length)),
        dims,
      ),
      token_type_ids: int64(
        filled(({ types }, i) => types[i] ?? 0),
        dims,
      ),
    });
    rows.push(...vectorsOf(kind, out, batch.length));
  }
  await session.release();
  return rows;
}

/** [CLS] text [SEP], or [CLS] one [SEP] other [SEP] cut as transformers cuts pairs: the longer one first. */
function sequenceOf(tokenizer, texts) {
  const parts = texts.map((text) => [...tokenizer.encode(text)]);
  let excess = parts.reduce((sum, { length }) => sum + length + 1, 1) - 128;
  for (; excess > 0; excess--)
    (parts.length === 2 && parts[0].length > parts[1].length ? parts[0] : parts.at(-1)).pop();
  const ids = [tokenizer.cls, ...parts.flatMap((part) => [...part, tokenizer.sep])];
  const second = parts.length === 2 ? parts[0].length + 2 : ids.length;
  return { ids, types: ids.map((_, i) => Number(i >= second)) };
}

/** What a graph gives, as rows of numbers. */
function vectorsOf(kind, out, count) {
  if (kind === 'cross') return rowsOf(out.logits.data, 1);
  if (kind === 'dupmae') {
    const [dense, words] = [out.dense, out.word_weights].map(({ data, dims }) => rowsOf(data, dims[1]));
    return dense.map((row, i) => Float64Array.from([...row, ...words[i]]));
  }
  const { data, dims } = out.last_hidden_state;
  return Array.from({ length: count }, (_, b) =>
    unit(data.slice(b * dims[1] * dims[2], b * dims[1] * dims[2] + dims[2])),
  );
}

function unit(row) {
  const length = Math.hypot(...row);
  return Float64Array.from(row, (value) => value / length);
}

/** By transformers.js as its users call it, tokenizer included. */
export async function byTransformers(dir, name, kind, precision, texts) {
  Object.assign(env, { localModelPath: dir, allowRemoteModels: false });
  const options = { dtype: dtypes[precision] };
  if (kind === 'encoder') {
    const extract = await pipeline('feature-extraction', name, options);
    const rows = [];
    for (let from = 0; from < texts.length; from += BATCH) {
      const { data, dims } = await extract(texts.slice(from, from + BATCH), { pooling: 'cls', normalize: true });
      rows.push(...rowsOf(data, dims[1]));
    }
    await extract.dispose();
    return rows;
  }
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const model = await (kind === 'cross' ? AutoModelForSequenceClassification : AutoModel).from_pretrained(
    name,
    options,
  );
  const rows = [];
  for (const text of texts)
    if (kind === 'cross') {
      const inputs = tokenizer([texts[0]], { text_pair: [text], padding: true, truncation: true, max_length: 128 });
      rows.push(...rowsOf((await model(inputs)).logits.data, 1));
    } else if (kind === 'dupmae') rows.push(...vectorsOf(kind, await model(tokenizer(text)), 1));
    else {
      const { input_ids } = tokenizer(text, { add_special_tokens: false });
      const { embeddings } = await model({ input_ids: input_ids.view(-1), offsets: new Tensor('int64', [0n], [1]) });
      rows.push(...rowsOf(embeddings.data, embeddings.dims[1]));
    }
  await model.dispose();
  return rows;
}
