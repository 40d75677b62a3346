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
function isResidentId(text: string): boolean {
  const digits = digitsOf(text.slice(0, 17));
  const sum = digits.reduce((total, digit, i) => total + digit * (WEIGHTS[i] as number), 0);
  const [year, month, day] = [text.slice(6, 10), text.slice(10, 12), text.slice(12, 14)].map(Number);
  const date = new Date(Date.UTC(year as number, (month as number) - 1, day));
  return '10X98765432'.charAt(sum % 11) === text.charAt(17).toUpperCase() && date.getUTCDate() === day;
}

const DIGIT = /\d/;
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const EDGE = '(?<![0-9A-Za-z])';
const END = '(?![0-9A-Za-z])';

/** One of these stands in every find of every detector, or is a full-width form: one native search, and most texts are done. */
export const ANY_SIGN: RegExp = /[-_AJ@\d:\uff01-\uff5e]/;

/** By name. Edges are no `\b`: that sees none between a digit and a Han character. */
export const DETECTORS: Readonly<Record<DetectorName, Detector>> = {
  email: {
    label: 'EMAIL',
    severity: 'low',
    sign: /@/,
    pattern: /(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![0-9A-Za-z])/g,
  },
  'cn-mobile': {
    label: 'PHONE',
    severity: 'medium',
    sign: DIGIT,
    pattern: new RegExp(`${EDGE}(?:\\+?86[- ]?)?1[3-9]\\d(?:[- ]?\\d{4}){2}${END}`, 'g'),
  },
  'cn-id': {
    label: 'ID',
    severity: 'high',
    sign: DIGIT,
    pattern: new RegExp(`${EDGE}[1-9]\\d{5}(?:18|19|20)\\d\\d[01]\\d[0-3]\\d{4}[\\dXx]${END}`, 'g'),
    check: isResidentId,
  },
  'bank-card': {
    label: 'CARD',
    severity: 'high',
    sign: DIGIT,
    pattern: new RegExp(`${EDGE}[2-6]\\d{3}(?:[- ]?\\d{4}){2}[- ]?\\d{1,4}(?:[- ]?\\d{1,3})?${END}`, 'g'),
    check: passesLuhn,
  },
  ip: {
    label: 'IP',
    severity: 'low',
    sign: /\d\.\d|:[\dA-Fa-f:]/,
    pattern: new RegExp(
      `(?<![0-9A-Za-z.:])(?:${OCTET}(?:\\.${OCTET}){3}(?![0-9A-Za-z]|\\.\\d)|[0-9A-Fa-f:]{3,39}(?![0-9A-Za-z:]))`,
      'g',
    ),
    check: (found) => found.includes('.') || isIPv6(found),
  },
  secret: {
    label: 'SECRET',
    severity: 'high',
    // Two of the letters that each begins with: told apart natively, which the whole beginnings would not be.
    sign: /k-|_|KI|Iz|xo|yJ/,
    pattern: new RegExp(
      `${EDGE}(?:sk-[A-Za-z0-9_-]{16,200}|gh[pousr]_[A-Za-z0-9]{30,100}|AKIA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{35}|xox[abprs]-[A-Za-z0-9-]{10,100}|eyJ[A-Za-z0-9_-]{8,120}\\.eyJ[A-Za-z0-9_-]{8,80})${END}`,
      'g',
    ),
  },
};
