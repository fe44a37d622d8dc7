// The models that benchmarks measure, by name.
export const sizes = {
  tiny: { layers: 2, hidden: 128, heads: 2 },
  mini: { layers: 4, hidden: 256, heads: 4 },
  small: { layers: 4, hidden: 512, heads: 8 },
};

/** What BERT's configuration says of a size. */
export function configOf(name: keyof typeof sizes) {
  const { layers, hidden, heads } = sizes[name];
  return {
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * hidden,
  };
}
