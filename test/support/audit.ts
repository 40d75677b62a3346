import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit, type AuditOptions } from '@sluice/audit';
import {
  anthropicMessage,
  testPipeline,
  type TestPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';

/** A directory for one test. */
export interface AuditFolder extends AsyncDisposable {
  readonly directory: string;
  /** Every record, in the order of the files. */
  records(): Promise<AuditRecord[]>;
  /** Everything that stands in any file, as one text. */
  text(): Promise<string>;
}

/** A record as a test looks at it. */
export type AuditRecord = Readonly<Record<string, unknown>> & { readonly seq: number; readonly type: string };

/** Makes a directory that is removed in the end. */
export async function auditFolder(): Promise<AuditFolder> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-audit-'));
  const directory = join(root, 'log');
  const texts = async (pattern: RegExp): Promise<string[]> => {
    const files = (await readdir(directory)).filter((file) => pattern.test(file)).toSorted();
    // A file that was there for a moment only counts as empty.
    return Promise.all(files.map((file) => readFile(join(directory, file), 'utf8').catch(() => '')));
  };
  return {
    directory,
    async records() {
      const lines = (await texts(/\.\d{6}\.jsonl$/)).flatMap((text) => text.split('\n').slice(1, -1));
      return lines.map((line) => JSON.parse(line) as AuditRecord);
    },
    text: async () => (await texts(/./)).join('\n'),
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A good answer, as often as it is asked for. */
export function goodAnswer(): Response {
  return new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });
}

/** A pipeline with the plugin outermost. Closed slowly: its files take real time, which a fake clock does not wait for. */
export function auditPipeline(
  { directory }: Pick<AuditFolder, 'directory'>,
  options: AuditOptions = {},
  others: TestPipelineOptions = {},
): TestPipeline {
  const { plugins = [], ...rest } = others;
  const pipe = testPipeline({
    answers: Array.from({ length: 1_000 }, () => goodAnswer),
    plugins: [audit({ directory, ...options }), ...plugins],
    ...rest,
  });
  return {
    ...pipe,
    [Symbol.asyncDispose]: async () => {
      let closed = false;
      const closing = pipe.pipeline.close().finally(() => (closed = true));
      closing.catch(() => undefined); // Until it is awaited below.
      while (!closed) {
        await pipe.clock.advance(2);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await closing;
      await pipe[Symbol.asyncDispose]();
    },
  };
}
