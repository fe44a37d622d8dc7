// An error about an option, told in the words of whoever set it: a function's options by their names, flags as flags.

/** How the name of an option is shown. */
export type Shown = (name: string) => string;

/** An option as the flag that sets it: `encoderMask` is --encoder-mask. */
export const flagOf: Shown = (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Its message names options as the function that throws it does; the command line tells it with its flags. */
export class OptionError extends Error {
  /** @param told the message, in which each option is named by `shown` */
  constructor(
    readonly told: (shown: Shown) => string,
    options?: ErrorOptions,
  ) {
    super(
      told((name) => name),
      options,
    );
  }

  /** The same of a caller whose options have other names: `names` by those of the function. */
  renamed(names: Readonly<Record<string, string>>): OptionError {
    return new OptionError((shown) => this.told((name) => shown(names[name] ?? name)), { cause: this });
  }
}
