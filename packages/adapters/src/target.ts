/** Bytes that a request target in origin form may hold (RFC 9112 §3.2.1), less the backslash and the fragment. */
const CLEAN_TARGET = /^\/(?!\/)[!$-;=?-[\]_a-z~]*$/;

/**
 * Path and query below the mount point, or undefined when the target does not lie below it.
 *
 * @returns `unclean` for anything but a plain origin form: an absolute URL, `//`, a backslash, a control character, a
 *   path with encoded characters or with dots that climb. Nothing of that kind is a route, and none of it may reach a
 *   URL parser that could read it as another host.
 */
export function mountedTarget(url: string, basePath: string): string | undefined | 'unclean' {
  if (
    basePath !== '' &&
    url !== basePath &&
    !url.startsWith(`${basePath}/`) &&
    !url.startsWith(`${basePath}?`)
  ) {
    return undefined;
  }
  const target = url.slice(basePath.length);
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (!CLEAN_TARGET.test(target) || path.includes('//') || path.includes('%') || path.includes('/.'))
    return 'unclean';
  return target;
}
