import { describe, expect, it, vi } from 'vitest';
import { hotSwap } from './hot-swap.ts';
import { definePlugin, type InspectedRow, type Plugin, type PluginInstance, when } from './plugin.ts';
import { testPipeline } from './testing/test-pipeline.ts';

/** A plugin that says what it knows. */
function knowing(name: string, inspect?: () => readonly InspectedRow[]): Plugin {
  class Knowing implements PluginInstance {
    readonly handle: PluginInstance['handle'] = (request, next) => next(request);
    inspect(): readonly InspectedRow[] {
      return inspect?.() ?? [];
    }
  }
  return definePlugin({ name, create: () => new Knowing() })();
}

describe('inspect()', () => {
  it('tells what each plugin knows now, outermost first', () => {
    let calls = 0;
    const counting = knowing('counting', () => [{ state: 'closed', calls: ++calls }]);
    const { pipeline } = testPipeline({
      plugins: [
        knowing('quiet'),
        when(() => true, counting),
        definePlugin({ name: 'silent', create: () => ({ handle: (request, next) => next(request) }) })(),
      ],
    });
    const told = (): unknown => pipeline.inspect().filter(({ plugin }) => plugin !== 'test-outcomes');
    const rest = { plugin: 'silent', rows: [] };
    expect(told()).toEqual([
      { plugin: 'quiet', rows: [] },
      { plugin: 'counting', rows: [{ state: 'closed', calls: 1 }] },
      rest,
    ]);
    expect(hotSwap(pipeline).inspect()).toContainEqual({
      plugin: 'counting',
      rows: [{ state: 'closed', calls: 2 }],
    });
  });

  it('shows no secret that a plugin lets slip', () => {
    const slips = knowing('slips', () => [{ apiKey: 'canary', reason: 'sk-ant-canary-0123', inFlight: 1 }]);
    const { pipeline } = testPipeline({ plugins: [slips] });
    expect(JSON.stringify(pipeline.inspect())).not.toContain('canary');
    expect(pipeline.inspect()).toContainEqual({
      plugin: 'slips',
      rows: [{ apiKey: '[secret]', reason: '[secret]', inFlight: 1 }],
    });
  });

  it('goes on past a plugin that throws, and reports it', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const fails = knowing('fails', () => {
      throw new Error('no idea');
    });
    const { pipeline } = testPipeline({ plugins: [fails, knowing('knows', () => [{ state: 'well' }])] });
    const told = pipeline.inspect();
    expect(told).toContainEqual({ plugin: 'fails', rows: [] });
    expect(told).toContainEqual({ plugin: 'knows', rows: [{ state: 'well' }] });
    expect(String(warned.mock.calls[0]?.[0])).toContain('inspect() of plugin "fails" threw: no idea');
    warned.mockRestore();
  });
});
