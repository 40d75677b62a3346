import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from './options.ts';

const KNOWN = ['bare', 'empty', 'portkey', 'retry', 'sdk-global-fetch', 'sdk-pipeline', 'standard'];
const parse = (...args: readonly string[]) => parseOptions(args, KNOWN);

describe('parseOptions', () => {
  it('measures everything at 1, 16 and 64 in flight, but for what is slow or waits', () => {
    expect(parse()).toMatchObject({
      subjects: ['bare', 'empty', 'retry', 'standard'],
      modes: ['json', 'sse'],
      inFlights: [1, 16, 64],
      full: false,
      json: false,
    });
  });

  it('is done in two minutes with --quick, and in a quarter of an hour with --full', () => {
    expect(parse('--quick', '--json')).toMatchObject({ inFlights: [16], json: true });
    expect(parse('--quick')?.giveUpMs).toBeLessThan(120_000);
    expect(parse('--full')?.giveUpMs).toBeLessThan(15 * 60_000);
  });

  it('compares the standard pipeline and the SDK with their peers with --full', () => {
    const subjects = parse('--full')?.subjects;
    expect(subjects).toEqual(expect.arrayContaining(['bare', 'standard', 'standard-redis', 'cache-hit']));
    expect(subjects).toEqual(
      expect.arrayContaining(['reply-from', 'portkey', 'sdk-global-fetch', 'sdk-pipeline']),
    );
  });

  it('adds to the subjects asked for what they are compared with', () => {
    expect(parse('--subjects', 'retry')?.subjects).toEqual(['bare', 'retry']);
    expect(parse('--subjects', 'sdk-pipeline')?.subjects).toEqual([
      'bare',
      'sdk-global-fetch',
      'sdk-pipeline',
    ]);
    expect(parse('--full', '--subjects', 'portkey')?.subjects).toEqual(['bare', 'portkey']);
  });

  it('asks for nothing but help with --help', () => {
    expect(parse('--quick', '--help')).toBeUndefined();
  });

  it.each([
    [['--quick', '--full'], 'Take --quick or --full, and not both.'],
    [['--save'], 'Only what --full measures is saved; add --full, or leave out --save.'],
    [['--full', '--save', '--mode', 'json'], 'A part of the results is not saved'],
    [['--full', '--save', '--subjects', 'bare'], 'A part of the results is not saved'],
    [['--subjects', 'nobody'], "No subject 'nobody'. There are: bare, empty"],
    [['--mode', 'xml'], "--mode is json or sse, not 'xml'"],
    [['--rounds', '0'], "--rounds is a whole number from 1 to 1000, not '0'"],
    [['--fast'], '--fast'],
  ])('refuses %j', (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError);
    expect(() => parse(...args)).toThrow(message);
  });
});
