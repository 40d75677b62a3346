import fc from 'fast-check';
import { expect, test } from 'vitest';
import { modelFamily } from './index.ts';

test.each([
  ['claude-sonnet-4-5', 'claude-sonnet-4-5'],
  ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5'],
  ['claude-3-7-sonnet-latest', 'claude-3-7-sonnet'],
  ['Claude-Sonnet-4-5', 'claude-sonnet-4-5'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
  ['us-gov.anthropic.claude-3-5-sonnet-20240620-v1:0', 'claude-3-5-sonnet'],
  ['anthropic.claude-3-haiku-20240307-v1:0:200k', 'claude-3-haiku'],
  [
    'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-1-20250805-v1:0',
    'claude-opus-4-1',
  ],
  ['claude-sonnet-4-5@20250929', 'claude-sonnet-4-5'],
  ['publishers/anthropic/models/claude-opus-4-1', 'claude-opus-4-1'],
  ['anthropic/claude-opus-4-1', 'claude-opus-4-1'],
  ['gpt-4o', 'gpt-4o'],
  ['gpt-4o-2024-08-06', 'gpt-4o'],
  ['gpt-4o-mini', 'gpt-4o-mini'],
  ['o3', 'o3'],
  ['ft:gpt-4o-mini-2024-07-18:my-org::id', 'gpt-4o-mini'],
  ['llama-3.1-70b', 'llama-3.1-70b'],
  ['deepseek-v3', 'deepseek-v3'],
  ['', ''],
])('%s belongs to %s', (model, family) => {
  expect(modelFamily(model)).toBe(family);
});

test('any name has a short family, in time that does not depend on its contents', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 256, unit: 'binary' }), (model) => {
      expect(modelFamily(model).length).toBeLessThanOrEqual(64);
    }),
  );
  expect(modelFamily('-v1'.repeat(80)).length).toBeLessThanOrEqual(64);
});
