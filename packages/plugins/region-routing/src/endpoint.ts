/** A place that calls can be sent to. */
export interface RoutingEndpoint {
  /** Your name for it: letters, digits, `.`, `_`, `:` and `-`. It appears in records, and in a header with `announce`. */
  readonly id: string;
  /** Where it processes what it is sent. The name is yours; `allowedRegions` and `ALLOWED_REGIONS` use the same. */
  readonly region: string;
  /** Base URL; the caller's path is put behind it, so a prefix such as `/anthropic` belongs here. */
  readonly url: string;
  /** Names of the formats that it speaks. Default: all, and calls of no known format too. */
  readonly formats?: readonly string[];
  /**
   * Models that it serves: the name that callers use → its own. A call for another model goes elsewhere. Default: all,
   * under the names that callers use.
   */
  readonly models?: Readonly<Record<string, string>>;
  /**
   * What proves who we are: a header, a bearer token, or `'caller'` to hand on what the caller sent. Default: none, the
   * caller's is removed, and a plugin further in sets one.
   */
  readonly credential?: EndpointCredential;
  /**
   * Its share beside the others; twice the weight, twice the calls.
   *
   * @default 1
   */
  readonly weight?: number;
  /**
   * Its tier: 0 is used first, the next one when too much of the one before is unwell.
   *
   * @default 0
   */
  readonly priority?: number;
  /** Your own words about it, for `ENDPOINT_HEALTH`. Default: none. */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Endpoints that accept the signed thinking of each other have the same.
   *
   * @default 'default'
   */
  readonly provider?: string;
}

/** Where the secret is: in the options, or behind a function that is asked for each attempt. */
export type Secret = string | (() => string | Promise<string>);

/** What an endpoint is given to prove who we are. */
export type EndpointCredential =
  | 'caller'
  /** A header such as `x-api-key`, with its whole value. */
  | { readonly header: string; readonly value: Secret }
  /** `authorization: Bearer …`. */
  | { readonly bearer: Secret };
