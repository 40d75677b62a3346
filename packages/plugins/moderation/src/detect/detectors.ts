import { isIPv6 } from 'node:net';
import type { Severity } from '../words/entry.ts';

/** Kinds of personal data and secrets that are known here. */
export type DetectorName = 'email' | 'cn-mobile' | 'cn-id' | 'bank-card' | 'ip' | 'secret';

/** How one kind is told. */
export interface Detector {
  /** What stands in the place of a find. */
  readonly label: string;
  readonly severity: Severity;
  /** What each find holds: most texts hold none of it, and need not be searched. */
  readonly sign: RegExp;
  /** Linear: every quantifier has a bound, and every start an edge, so that a run of letters is tried once. */
  readonly pattern: RegExp;
  /** What a pattern cannot tell: check digits and dates. */
  readonly check?: (found: string) => boolean;
}

function digitsOf(text: string): number[] {
  return Array.from(text.matchAll(/\d/g), ([digit]) => Number(digit));
}

/** Luhn's check (ISO/IEC 7812-1). */
function passesLuhn(text: string): boolean {
  const digits = digitsOf(text);
  let sum = 0;
  for (const [i, digit] of digits.toReversed().entries()) {
    const twice = i % 2 === 1 ? digit * 2 : digit;
    sum += twice > 9 ? twice - 9 : twice;
  }
  return digits.length >= 13 && digits.length <= 19 && sum % 10 === 0;
}

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/** The check digit of a resident identity number (GB 11643-1999), and that its date exists. */
function isResidentId(found: string): boolean {
  const text = found.replaceAll(/[- ]/g, '');
  const digits = digitsOf(text.slice(0, 17));
  const sum = digits.reduce((total, digit, i) => total + digit * (WEIGHTS[i] as number), 0);
  const [year, month, day] = [text.slice(6, 10), text.slice(10, 12), text.slice(12, 14)].map(Number);
  const date = new Date(Date.UTC(year as number, (month as number) - 1, day));
  return '10X98765432'.charAt(sum % 11) === text.charAt(17).toUpperCase() && date.getUTCDate() === day;
}

const DIGIT = /\d/;
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const EDGE = '(?<![0-9A-Za-z])';
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}(?![0-9A-Za-z]|\\.\\d)`;
const END = '(?![0-9A-Za-z])';

const KEYS = [
  // With a capital or a digit: a class of a style sheet may begin alike.
  String.raw`[rs]k[-_](?=[a-z_-]{0,200}[A-Z0-9])[\w-]{16,200}`,
  String.raw`gh[pousr]_[A-Za-z0-9]{30,100}`,
  String.raw`github_pat_\w{30,100}`,
  String.raw`gl(?:cbt|dt|ft|oas|pat|ptt|rt|soat)-[\w-]{20,100}`,
  String.raw`(?:xox[a-eoprs]|xapp)-[A-Za-z0-9-]{10,200}`,
  String.raw`(?:hf|npm|gsk|r8)_[A-Za-z0-9]{30,100}`,
  String.raw`(?:csk|nvapi|pplx|tvly|xai)-[\w-]{20,200}`,
  String.raw`(?:GOCSPX|pypi)-[\w-]{24,220}`,
  String.raw`ya29\.[\w-]{20,220}`,
  String.raw`AIza[\w-]{35}`,
  String.raw`A(?:3T[0-9A-Z]|BIA|CCA|KIA|SIA)[0-9A-Z]{16}`,
  String.raw`(?:AKID|LTAI)[A-Za-z0-9]{12,40}`,
];
/** As much of one as a stream ever holds back; what comes behind is of no use without it. */
const WEB_TOKEN = String.raw`eyJ[\w-]{8,100}\.eyJ[\w-]{8,140}`;

/** One of these stands in every find of every detector, or is a full-width form: one native search, and most texts are done. */
export const ANY_SIGN: RegExp = /[-_AJ@\d:\uff01-\uff5e]/;

/** By name. Edges are no `\b`: that sees none between a digit and a Han character. */
export const DETECTORS: Readonly<Record<DetectorName, Detector>> = {
  email: {
    label: 'EMAIL',
    severity: 'low',
    sign: /@/,
    pattern:
      /(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}(?:xn--[A-Za-z0-9-]{1,59}|[A-Za-z]{2,24})(?![0-9A-Za-z])/g,
  },
  'cn-mobile': {
    label: 'PHONE',
    severity: 'medium',
    sign: DIGIT,
    pattern: new RegExp(
      `${EDGE}(?:(?:\\+|00)?86[- ]?)?1[3-9]\\d(?:(?:[- ]?\\d{4}){2}|(?:\\.\\d{4}){2})${END}`,
      'g',
    ),
  },
  'cn-id': {
    label: 'ID',
    severity: 'high',
    sign: DIGIT,
    pattern: new RegExp(
      `${EDGE}[1-9]\\d{5}[- ]?(?:18|19|20)\\d\\d[01]\\d[0-3]\\d[- ]?\\d{3}[\\dXx]${END}`,
      'g',
    ),
    check: isResidentId,
  },
  'bank-card': {
    label: 'CARD',
    severity: 'high',
    sign: DIGIT,
    // In groups of four, or as American Express and Diners write it.
    pattern: new RegExp(
      `${EDGE}(?:[2-6]\\d{3}(?:[- ]?\\d{4}){2}[- ]?\\d{1,4}(?:[- ]?\\d{1,3})?|3\\d{3}[- ]\\d{6}[- ]\\d{4,5})${END}`,
      'g',
    ),
    check: passesLuhn,
  },
  ip: {
    label: 'IP',
    severity: 'low',
    sign: /\d\.\d|:[\dA-Fa-f:]/,
    // A colon may stand before the one kind ("host:10.0.0.1"), and is a part of the other.
    pattern: new RegExp(
      `(?<![0-9A-Za-z.])${IPV4}|(?<![0-9A-Za-z.:])[0-9A-Fa-f:]{2,39}(?:(?<=:)${IPV4}|(?![0-9A-Za-z:]|\\.\\d))`,
      'g',
    ),
    // "a::b" is an address by its form, and more often something else.
    check: (found) => (found.includes(':') ? DIGIT.test(found) && isIPv6(found) : found.includes('.')),
  },
  secret: {
    label: 'SECRET',
    severity: 'high',
    sign: /[-_](?<=(?:[rs]k|gh[pousr]|pat|gl[a-z]{2,4}|xox[a-z]|xapp|hf|npm|gsk|r8|csk|nvapi|pplx|tvly|xai|pypi|PX).)|A(?:[KS]IA|3T|BIA|CCA|Iza|KID)|LTAI|a29|eyJ/,
    pattern: new RegExp(`${EDGE}(?:${KEYS.join('|')})${END}|${EDGE}${WEB_TOKEN}`, 'g'),
  },
};
