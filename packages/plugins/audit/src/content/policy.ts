import type { Principal } from '@sluice/core';

/**
 * What is kept of a call's content. `none`: nothing. `digest`: a salted hash. `redacted`: the hash, and the content's
 * shape without its words. `full`: the hash, and the content without secrets.
 */
export type ContentMode = 'none' | 'digest' | 'redacted' | 'full';

/** The same for both ways. */
export interface ContentModes {
  /**
   * What callers send.
   *
   * @default 'digest'
   */
  readonly request?: ContentMode;
  /**
   * What they are answered.
   *
   * @default 'digest'
   */
  readonly response?: ContentMode;
}

/** The same, with exceptions. */
export interface ContentOptions extends ContentModes {
  /** By tenant, over the defaults above. */
  readonly tenants?: Readonly<Record<string, ContentModes>>;
}

/** Says what is kept of whose content. */
export class ContentPolicy {
  readonly #default: Required<ContentModes>;
  readonly #tenants: ReadonlyMap<string, Required<ContentModes>>;
  /** Whether the request of a caller that is not known yet may be hashed: nobody has forbidden it. */
  readonly #mayHashEarly: boolean;

  constructor({ request = 'digest', response = 'digest', tenants = {} }: ContentOptions) {
    this.#default = { request, response };
    this.#tenants = new Map(
      Object.entries(tenants).map(([tenant, modes]) => [tenant, { ...this.#default, ...modes }]),
    );
    this.#mayHashEarly = [this.#default, ...this.#tenants.values()].every(
      (modes) => modes.request !== 'none',
    );
  }

  /** What is kept of this caller's content. */
  of(principal: Principal | undefined): Required<ContentModes> {
    const own = principal?.tenant === undefined ? undefined : this.#tenants.get(principal.tenant);
    return own ?? this.#default;
  }

  /** Whether a request is hashed before it is sent. */
  hashesEarly(principal: Principal | undefined): boolean {
    return principal === undefined ? this.#mayHashEarly : this.of(principal).request !== 'none';
  }
}
