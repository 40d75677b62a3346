import { describe, expect, it } from 'vitest';
import { dependencyProblems, sourceProblems } from './layers.ts';
import type { Manifest, Package } from './workspace.ts';

const manifest: Manifest = {
  name: '@sluice/retry',
  description: 'Retries',
  exports: {},
  publishConfig: { exports: {} },
  dependencies: { valibot: '1' },
  devDependencies: { '@sluice/core': '1', express: '1' },
  peerDependencies: { '@sluice/core': '1' },
};
const retry: Package = { directory: 'packages/plugins/retry', manifest };
const SOURCE = 'packages/plugins/retry/src/retry.ts';
const TEST = 'packages/plugins/retry/src/retry.test.ts';

describe('dependencies of a package', () => {
  it('may be core, and libraries', () => {
    expect(dependencyProblems(manifest)).toEqual([]);
  });

  it('may not be another plugin, not even for tests', () => {
    const problems = dependencyProblems({ ...manifest, devDependencies: { '@sluice/cache': '1' } });
    expect(problems).toEqual([expect.stringContaining('@sluice/retry depends on @sluice/cache')]);
  });

  it('of core may be no package of the workspace', () => {
    expect(dependencyProblems({ ...manifest, name: '@sluice/core', peerDependencies: {} })).toEqual([]);
    const problems = dependencyProblems({
      ...manifest,
      name: '@sluice/core',
      dependencies: { '@sluice/retry': '1' },
    });
    expect(problems).toEqual([expect.stringContaining('@sluice/core depends on @sluice/retry')]);
  });

  it('of the standard pipeline may be plugins, and no adapter', () => {
    const standard = { ...manifest, name: '@sluice/standard' };
    expect(dependencyProblems({ ...standard, dependencies: { '@sluice/cache': '1' } })).toEqual([]);
    const problems = dependencyProblems({ ...standard, dependencies: { '@sluice/adapters': '1' } });
    expect(problems).toEqual([expect.stringContaining('@sluice/standard depends on @sluice/adapters')]);
  });

  it('may not be the standard pipeline', () => {
    expect(dependencyProblems({ ...manifest, dependencies: { '@sluice/standard': '1' } })).toHaveLength(1);
  });

  it('are not what users bring, unless as an optional peer', () => {
    const peerDependencies = { ioredis: '6' };
    expect(dependencyProblems({ ...manifest, peerDependencies })).toHaveLength(1);
    const peerDependenciesMeta = { ioredis: { optional: true } };
    expect(dependencyProblems({ ...manifest, peerDependencies, peerDependenciesMeta })).toEqual([]);
  });

  it('include opossum for its one plugin only', () => {
    const dependencies = { opossum: '10' };
    expect(dependencyProblems({ ...manifest, dependencies })).toHaveLength(1);
    expect(dependencyProblems({ ...manifest, name: '@sluice/circuit-breaker', dependencies })).toEqual([]);
  });
});

describe('a source file', () => {
  it.each([
    "import { token } from '@sluice/core';",
    "import { fakeClock } from '@sluice/core/testing';",
    "import * as v from 'valibot';",
    "import { createHash } from 'node:crypto';",
    "export { delay } from './delay.ts';",
    'export const date = new Date(0);',
    "/** import { cache } from '@sluice/cache' */",
  ])('may hold %s', (text) => {
    expect(sourceProblems(SOURCE, text, retry)).toEqual([]);
  });

  it.each([
    "import { cache } from '@sluice/cache';",
    "import type { Cache } from '@sluice/cache/redis';",
    "export * from '@sluice/adapters/node';",
    "export type Cache = import('@sluice/cache').Cache;",
    "const cache = await import('@sluice/cache');",
    "import { token } from '../../../core/src/token.ts';",
    "import express from 'express';",
    "import type { Redis } from 'ioredis';",
    "import { expect } from 'vitest';",
    'export const now = new Date();',
    'export const now = Date();',
  ])('may not hold %s', (text) => {
    expect(sourceProblems(SOURCE, `\n${text}\n`, retry)).toEqual([expect.stringMatching(`^${SOURCE}:2 `)]);
  });

  it('may be 300 lines long', () => {
    expect(sourceProblems(SOURCE, '\n'.repeat(300), retry)).toEqual([]);
    expect(sourceProblems(SOURCE, '\n'.repeat(301), retry)).toHaveLength(1);
  });

  it('that is a test may be long and use dev dependencies, but no other plugin', () => {
    const text = `import express from 'express';\nimport '@sluice/retry';\nconst now = new Date();${'\n'.repeat(301)}`;
    expect(sourceProblems(TEST, text, retry)).toEqual([]);
    expect(sourceProblems(TEST, "import '@sluice/cache';", retry)).toHaveLength(1);
  });
});
