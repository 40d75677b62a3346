import type { OptionSchema } from './plugin.ts';

/** No options lie deeper; what does is somebody's object, which may even hold itself. */
const MAX_DEPTH = 8;

/**
 * Checks options against a schema, as `createPipeline`, plugins and mounts do. An option that is `undefined`, at
 * whatever depth, counts as left out: it is what an unset configuration value arrives as.
 *
 * @param owner What takes the options; begins the sentence.
 * @param schema Undefined: there are no options.
 * @returns What the schema makes of them.
 * @throws TypeError One sentence for all complaints, which says what to do.
 */
export function validateOptions<T>(owner: string, schema: OptionSchema<T> | undefined, options: unknown): T {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner} takes its options as an object, { name: value }.`);
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  if (schema === undefined) {
    const keys = Object.keys(given);
    if (keys.length > 0)
      throw new TypeError(`${owner} takes no options; remove ${keys.map((key) => `"${key}"`).join(', ')}.`);
    return given as T;
  }
  let result = schema['~standard'].validate(given);
  if (!(result instanceof Promise) && result.issues !== undefined) {
    // Only now: what a schema takes as it is, a service for instance, must stay the same object.
    const defined = withoutUndefined(given, 0);
    if (defined !== given) result = schema['~standard'].validate(defined);
  }
  if (result instanceof Promise)
    throw new TypeError(`${owner}: its option schema is asynchronous; use a synchronous one.`);
  if (result.issues === undefined) return result.value;
  const complaints = result.issues.map(({ message, path = [] }) => {
    const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
    if (/^Invalid key: Expected never/.test(message)) return `there is no option "${where}"`;
    if (/^Invalid key: Expected ".*" but received undefined/.test(message))
      return `option "${where}" is missing`;
    // The schema's own words quote what was given, which may be a secret.
    const said = message.replace(/^(Invalid .*?) but received .*$/s, '$1');
    return where === '' ? said : `option "${where}": ${said}`;
  });
  throw new TypeError(`${owner}: ${complaints.join('; ')}.`);
}

/** Plain objects, and those in lists, without members that are undefined; what holds none stays the same object. */
function withoutUndefined(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutUndefined(item, depth + 1));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const kept = entries
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => [key, withoutUndefined(member, depth + 1)] as const);
  const isSame = kept.length === entries.length && kept.every(([key, member]) => member === value[key]);
  return isSame ? value : Object.fromEntries(kept);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
