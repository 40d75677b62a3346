import type { OptionSchema, Principal } from '@sluice/core';
import * as v from 'valibot';

/** The label that people see. */
export interface ExplicitLabel {
  /**
   * Where it stands: before the text, or behind it.
   *
   * @default 'prefix'
   */
  readonly position?: 'prefix' | 'suffix';
  /**
   * The language of the label; `auto` takes Chinese for a request with Han characters.
   *
   * @default 'auto'
   */
  readonly language?: 'auto' | 'en' | 'zh';
  /** The label in English, with the space or line break that sets it apart. It must name AI and say "generated". */
  readonly en?: string;
  /** The label in Chinese. It must hold 人工智能 or AI, and 生成 or 合成 (GB 45438-2025). */
  readonly zh?: string;
}

/** The label that machines read: the fields of GB 45438-2025, annexes E and F. */
export interface ImplicitLabel {
  /** Name or code of the service that generates the content: printable ASCII without space, `"` and `\`. */
  readonly contentProducer: string;
  /**
   * 1: the content is generated; 2: it may be; 3: it is suspected to be.
   *
   * @default '1'
   */
  readonly label?: '1' | '2' | '3';
  /** Name or code of the service that spreads the content, if that is you. Default: none. */
  readonly contentPropagator?: string;
  /**
   * The response header that carries it; false: none.
   *
   * @default 'x-aigc'
   */
  readonly header?: string | false;
  /**
   * Whether a whole answer carries it as the field `AIGC` of its JSON, if it says anything, and a stream as a comment
   * before its first event.
   *
   * @default false
   */
  readonly inBody?: boolean;
}

/** Options of `labels`. */
export interface LabelsOptions {
  /** The label that people see; false: none, because your interface shows one all the time. Default: before the text. */
  readonly explicit?: ExplicitLabel | false;
  /** The label that machines read. Default: none. */
  readonly implicit?: ImplicitLabel;
  /**
   * Says why a caller's answers carry no explicit label: the reason is recorded with the call. Default: nobody is
   * exempt.
   */
  readonly exempt?: (principal: Principal | undefined) => string | undefined;
  /**
   * Largest whole answer that is labelled, in bytes; a larger one is refused.
   *
   * @default 16 MiB
   */
  readonly maxAnswerBytes?: number;
}

const sentence = (test: RegExp, message: string): v.GenericSchema<string> =>
  v.pipe(v.string('must be a text'), v.regex(test, message));
const name = v.pipe(
  v.string('must be a name'),
  v.regex(
    /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/,
    'must be printable ASCII without space, " and \\, 128 at most',
  ),
);

/** Checks the options. */
export const options: OptionSchema<LabelsOptions> = v.strictObject({
  explicit: v.exactOptional(
    v.union(
      [
        v.literal(false),
        v.strictObject({
          position: v.exactOptional(v.picklist(['prefix', 'suffix'], 'must be prefix or suffix')),
          language: v.exactOptional(v.picklist(['auto', 'en', 'zh'], 'must be auto, en or zh')),
          en: v.exactOptional(sentence(/(?=.*\bAI\b)(?=.*generated)/is, 'must name AI and say "generated"')),
          zh: v.exactOptional(
            sentence(
              /(?=.*(?:人工智能|AI))(?=.*(?:生成|合成))/s,
              'must hold 人工智能 or AI, and 生成 or 合成',
            ),
          ),
        }),
      ],
      (issue) => issue.issues?.[0]?.message ?? 'must be false or { position, language, en, zh }',
    ),
  ),
  implicit: v.exactOptional(
    v.strictObject({
      contentProducer: name,
      label: v.exactOptional(v.picklist(['1', '2', '3'], 'must be 1, 2 or 3, as a string')),
      contentPropagator: v.exactOptional(name),
      header: v.exactOptional(
        v.union(
          [v.literal(false), v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/))],
          'must be the name of a header in lower case, or false',
        ),
      ),
      inBody: v.exactOptional(v.boolean('must be true or false')),
    }),
  ),
  exempt: v.exactOptional(
    v.custom<(...args: never) => unknown>((value) => typeof value === 'function', 'must be a function'),
  ),
  maxAnswerBytes: v.exactOptional(
    v.pipe(
      v.number('must be a whole number'),
      v.integer('must be a whole number'),
      v.minValue(1, 'must be at least 1'),
    ),
  ),
}) as unknown as OptionSchema<LabelsOptions>;
