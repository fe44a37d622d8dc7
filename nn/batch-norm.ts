// Batch normalisation (Ioffe and Szegedy, 2015, arXiv 1502.03167), for heads that are thrown away after training.
import { ones, scope, zeros, type Tensor } from '../core/index.js';

const EPS = 1e-5;

/** Over the rows of a batch, biased variance. It keeps no running statistics: nobody encodes with it. */
export class BatchNorm {
  readonly weight?: Tensor;
  readonly bias?: Tensor;

  /** @param affine whether it has a gain and a bias of its own */
  constructor(width: number, affine: boolean) {
    if (!affine) return;
    this.weight = ones([width], { requiresGrad: true });
    this.bias = zeros([width], { requiresGrad: true });
  }

  /** x [N, H] -> [N, H]. */
  forward(x: Tensor): Tensor {
    const { weight, bias } = this;
    return scope(() => {
      const centred = x.sub(x.mean(0, true));
      const variance = centred.mul(centred).mean(0, true);
      const normal = centred.div(variance.add(EPS).sqrt());
      return weight && bias ? normal.mul(weight).add(bias) : normal;
    });
  }
}
