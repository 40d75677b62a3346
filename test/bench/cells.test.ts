import { describe, expect, it } from 'vitest';
import { cellsOf, takesPart } from './cells.ts';
import { parseOptions } from './options.ts';

const KNOWN = ['bare', 'sdk-global-fetch', 'sdk-pipeline'];

function plan(...args: readonly string[]): readonly string[] {
  const options = parseOptions(args, KNOWN);
  if (!options) throw new Error('no options');
  return cellsOf(options).flatMap((cell) => {
    const subjects = options.subjects.filter((name) => takesPart(name, cell, options.full));
    return subjects.map((name) => `${name} ${cell.mode} ${cell.inFlight}${cell.paced ? ' paced' : ''}`);
  });
}

describe('cellsOf', () => {
  it('lets proxies run as fast as they can without --full', () => {
    expect(plan('--quick', '--subjects', 'bare')).toEqual(['bare json 16', 'bare sse 16']);
  });

  it('lets clients run at 16 in flight, and their streams at a pace', () => {
    expect(plan('--subjects', 'sdk-pipeline').filter((each) => each.startsWith('sdk-pipeline'))).toEqual([
      'sdk-pipeline json 16',
      'sdk-pipeline sse 16 paced',
    ]);
  });

  it('lets proxies run at a pace as well with --full', () => {
    expect(plan('--full', '--mode', 'sse', '--subjects', 'bare')).toEqual([
      'bare sse 1',
      'bare sse 16',
      'bare sse 64',
      'bare sse 16 paced',
    ]);
  });
});
