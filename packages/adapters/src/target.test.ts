import { describe, expect, it } from 'vitest';
import { mountedTarget } from './target.ts';

describe('a target below a base path', () => {
  it.each([
    ['/claude/v1/messages?beta=true', '/v1/messages?beta=true'],
    ['/claude/v1/messages', '/v1/messages'],
    ['/claude/', '/'],
    ['/claudette/v1/messages', undefined],
    ['/v1/messages', undefined],
    ['//claude/v1/messages', undefined],
    ['http://evil.example/claude/v1/messages', undefined],
    ['/claude', 'unclean'],
    ['/claude?a', 'unclean'],
    ['/claude//evil.example', 'unclean'],
    ['/claude/../v1/messages', 'unclean'],
    ['/claude/v1/mess%61ges', 'unclean'],
    ['/claude/v1/messages#', 'unclean'],
    ['/claude/\\evil.example', 'unclean'],
    ['/claude/v1/messages?a=\\', 'unclean'],
    ['/claude/v1/messages?a=ä', 'unclean'],
    ['/claude/v1/messages\r\n', 'unclean'],
  ])('of %s is %s', (url, target) => {
    expect(mountedTarget(url, '/claude')).toBe(target);
  });

  it('is unclean, or stays on the host and path that it names, for every four pieces of mischief', () => {
    const pieces = ['/', '\\', '.', '..', '%2e', '%2f', '@', ':', '?', '#', ' ', '\t', '\n', 'a', ';', 'ä'];
    let clean = 0;
    const visit = (url: string, more: number): void => {
      const target = mountedTarget(url, '') as string;
      if (target !== 'unclean') {
        const { origin, pathname, search } = new URL(target, 'https://upstream.test');
        // `URL` drops an empty query.
        const kept =
          origin === 'https://upstream.test' && pathname + search === target.replace(/^([^?]*)\?$/, '$1');
        expect(kept ? target : `${target} became ${origin}${pathname}${search}`).toBe(target);
        clean++;
      }
      if (more > 0) for (const piece of pieces) visit(url + piece, more - 1);
    };
    visit('', 4);
    expect(clean).toBeGreaterThan(100);
  });
});
