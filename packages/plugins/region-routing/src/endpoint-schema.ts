import * as v from 'valibot';
import type { EndpointCredential, RoutingEndpoint, Secret } from './endpoint.ts';

/** {@link RoutingEndpoint} with defaults. */
export type EndpointSettings = RoutingEndpoint &
  Required<Pick<RoutingEndpoint, 'weight' | 'priority' | 'provider'>>;

const name = v.pipe(
  v.string('must be a name'),
  v.regex(/^[\w.:-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "_", ":" or "-"'),
);
const text = v.pipe(
  v.string('must be text'),
  v.minLength(1, 'must not be empty'),
  v.maxLength(256, 'is too long'),
);

const NO_SECRET =
  'must be text of visible ASCII characters, without a line break at its end, or a function that returns it';
const secret = v.union(
  [
    v.pipe(v.string(), v.regex(/^[!-~](?:[ -~]*[!-~])?$/, NO_SECRET)),
    v.custom<Exclude<Secret, string>>((value) => typeof value === 'function'),
  ],
  NO_SECRET,
);

/** Framing and addressing are the transport's. */
const RESERVED =
  /^(?:connection|content-.*|host|transfer-encoding|te|upgrade|expect|x-sluice-.*|sec-.*|cookie)$/;

const header = v.pipe(
  v.string('must be the name of a header'),
  v.regex(/^[\w!#$%&'*+.^`|~-]{1,64}$/, 'must be the name of a header'),
  v.transform((value) => value.toLowerCase()),
  v.check(
    (value) => !RESERVED.test(value),
    'is a header that carries no credential; use x-api-key, for example',
  ),
);

const credential: v.GenericSchema<EndpointCredential> = v.union(
  [v.literal('caller'), v.strictObject({ header, value: secret }), v.strictObject({ bearer: secret })],
  'must be "caller", { header, value } or { bearer }; a value is visible ASCII text or a function',
);

const endpoint = v.strictObject({
  id: name,
  region: name,
  url: v.pipe(
    v.string('must be a URL, for example "https://api.anthropic.com"'),
    v.check(
      isBaseUrl,
      'must be a URL such as "https://api.anthropic.com", without credentials, query or fragment',
    ),
  ),
  formats: v.exactOptional(
    v.pipe(v.array(text, 'must be a list of formats'), v.minLength(1, 'must name a format')),
  ),
  models: v.exactOptional(
    v.pipe(
      v.record(text, text, 'must be a map from models to models'),
      v.check((models) => Object.keys(models).length > 0, 'must name a model; leave it out to serve all'),
    ),
  ),
  credential: v.exactOptional(credential),
  weight: v.exactOptional(
    v.pipe(v.number('must be a number'), v.finite('must be finite'), v.gtValue(0, 'must be more than 0')),
    1,
  ),
  priority: v.exactOptional(
    v.pipe(
      v.number('must be a whole number'),
      v.integer('must be a whole number'),
      v.minValue(0, 'must be at least 0'),
    ),
    0,
  ),
  labels: v.exactOptional(v.record(v.string(), v.string('must be text'), 'must be a map of text')),
  provider: v.exactOptional(name, 'default'),
});

/** The list of endpoints. */
export const endpoints: v.GenericSchema<readonly RoutingEndpoint[], EndpointSettings[]> = v.pipe(
  v.array(endpoint, 'must be a list'),
  v.minLength(1, 'must have at least one endpoint'),
  v.check((list) => new Set(list.map(({ id }) => id)).size === list.length, 'must not use an id twice'),
);

function isBaseUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    [url.username, url.password, url.search, url.hash].every((part) => part === '')
  );
}
