// The small layers. Weights are stored as PyTorch and Hugging Face store them; a forward pass is a method.
import { ones, randn, zeros, type Ids, type Random, type Tensor } from '../core/index.js';

const trainable = { requiresGrad: true };

/** y = x W^T + b. weight [outputs, inputs]; normal weights of the given deviation, zero bias. */
export class Linear {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(inputs: number, outputs: number, random: Random, deviation: number) {
    this.weight = randn([outputs, inputs], random, deviation, trainable);
    this.bias = zeros([outputs], trainable);
  }

  forward(x: Tensor): Tensor {
    return x.linear(this.weight, this.bias);
  }

  /** GELU of x W^T + b. */
  forwardGelu(x: Tensor): Tensor {
    return x.linear(this.weight).biasGelu(this.bias);
  }
}

/** Rows of a table by id. weight [rows, width], normal of the given deviation. */
export class Embedding {
  readonly weight: Tensor;

  constructor(rows: number, width: number, random: Random, deviation: number) {
    this.weight = randn([rows, width], random, deviation, trainable);
  }

  forward(ids: Ids): Tensor {
    return this.weight.gather(ids);
  }
}

/** Layer norm over the last axis; also with a residual connection and dropout before it. */
export class LayerNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(
    width: number,
    readonly eps: number,
  ) {
    this.weight = ones([width], trainable);
    this.bias = zeros([width], trainable);
  }

  forward(x: Tensor): Tensor {
    return x.layerNorm(this.weight, this.bias, this.eps);
  }

  /** Layer norm of dropout(dense(x)) + residual. */
  forwardResidual(x: Tensor, dense: Linear, residual: Tensor, dropout: Dropout): Tensor {
    const { weight: gain, bias, eps } = this;
    const product = x.linear(dense.weight);
    return product.dropoutAddNorm({ shift: dense.bias, residual, gain, bias }, { eps, ...dropout.draw() });
  }
}

/** Dropout with randomness as an argument: without a generator (evaluation) it does nothing. */
export class Dropout {
  constructor(
    readonly probability: number,
    private readonly random: Random | undefined,
  ) {}

  /** A fresh key for one use: the same for the forward pass and its gradient. */
  draw(): { p: number; key: number } {
    if (!this.random || this.probability === 0) return { p: 0, key: 0 };
    return { p: this.probability, key: this.random.uint32() >>> 8 };
  }
}
