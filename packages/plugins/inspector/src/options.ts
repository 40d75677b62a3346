import { validateOptions } from '@sluice/core';
import * as v from 'valibot';

/** Options of a mount of the page. */
export interface MountOptions<Req> {
  /** Path of the page, such as `/sluice`, where the framework does not take it off. No final slash. Default: none. */
  readonly basePath?: string;
  /**
   * Says who may see the page. Default: nobody but this machine itself, asked for as `localhost` or by its address, and
   * without a proxy between. What it throws is a no.
   */
  readonly authorize?: (request: Req) => boolean | Promise<boolean>;
  /**
   * How many may watch at a time.
   *
   * @default 8
   */
  readonly maxViewers?: number;
}

/** The options, with defaults where none were given. */
export interface MountSettings<Req> {
  readonly basePath: string;
  readonly authorize: ((request: Req) => boolean | Promise<boolean>) | undefined;
  readonly maxViewers: number;
}

const schema = v.strictObject({
  basePath: v.exactOptional(
    v.pipe(
      v.string('must be a path such as "/sluice"'),
      v.regex(/^(\/[\w.~-]+)+$/, 'must be a path such as "/sluice", without a slash at its end'),
    ),
  ),
  authorize: v.exactOptional(v.function('must be a function of the request')),
  maxViewers: v.exactOptional(
    v.pipe(
      v.number('must be a number'),
      v.integer('must be a whole number'),
      v.minValue(1, 'must be at least 1'),
    ),
  ),
});

/**
 * Checks a mount's options and fills in the defaults.
 *
 * @throws TypeError One sentence that says what to do.
 */
export function mountSettings<Req>(options: MountOptions<Req>): MountSettings<Req> {
  const checked = validateOptions('mount of the inspector', schema, options) as MountOptions<Req>;
  return {
    basePath: checked.basePath ?? '',
    authorize: checked.authorize,
    maxViewers: checked.maxViewers ?? 8,
  };
}
