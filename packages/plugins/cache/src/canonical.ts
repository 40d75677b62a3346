/** Fields to leave out, as a tree: `true` at the end of a path, `*` for every item of an array. */
export interface FieldTree {
  readonly [name: string]: FieldTree | true;
}

/** A JSON value in the one form that all spellings of it share. */
export interface Canonical {
  /** Keys sorted, no white space, ignored fields left out. */
  readonly text: string;
  /** Values and separators, counted as a scan of the source text would: fewer than there means keys named twice. */
  readonly nodes: number;
  /** False when a number lost digits in parsing, so that two different texts may look the same. */
  readonly exact: boolean;
}

/** Makes the tree of paths such as `metadata` or `system.*.cache_control`. */
export function fieldTree(paths: readonly string[]): FieldTree {
  const root: Record<string, FieldTree | true> = {};
  for (const path of paths) {
    const steps = path.split('.');
    const last = steps.pop() ?? '';
    let at = root;
    for (const step of steps) at = (at[step] ??= {}) as Record<string, FieldTree | true>;
    at[last] = true;
  }
  return root;
}

/** Writes a parsed JSON value canonically, as RFC 8785 sorts keys. Depth is bounded by core's scan of the body. */
export function canonicalJson(value: unknown, ignored: FieldTree): Canonical {
  const writer = new Writer();
  const text = writer.write(value, ignored);
  return { text, nodes: writer.nodes, exact: writer.exact };
}

class Writer {
  nodes = 0;
  exact = true;

  write(value: unknown, ignored: FieldTree | undefined): string {
    if (typeof value === 'string') return JSON.stringify(value);
    if (typeof value === 'number') {
      if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) this.exact = false;
      return String(value);
    }
    if (typeof value !== 'object' || value === null) return String(value);
    return Array.isArray(value)
      ? this.#array(value as readonly unknown[], ignored)
      : this.#object(value as Readonly<Record<string, unknown>>, ignored);
  }

  #array(items: readonly unknown[], ignored: FieldTree | undefined): string {
    this.nodes += Math.max(1, items.length);
    const each = ignored?.['*'];
    let text = '[';
    for (let i = 0; i < items.length; i++) {
      if (i > 0) text += ',';
      text += this.write(items[i], each === true ? undefined : each);
    }
    return `${text}]`;
  }

  #object(fields: Readonly<Record<string, unknown>>, ignored: FieldTree | undefined): string {
    const names = Object.keys(fields);
    // The brace, a colon each, a comma between two.
    this.nodes += Math.max(1, 2 * names.length);
    let text = '{';
    for (const name of names.sort()) {
      const below = ignored !== undefined && Object.hasOwn(ignored, name) ? ignored[name] : undefined;
      const written = this.write(fields[name], below === true ? undefined : below);
      if (below === true) continue;
      if (text.length > 1) text += ',';
      text += `${JSON.stringify(name)}:${written}`;
    }
    return `${text}}`;
  }
}
