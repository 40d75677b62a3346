/**
 * Every name that telemetry gives to anything, and where it comes from. The conventions for generative AI are still
 * being renamed: whoever moves to a newer version changes this file, the dashboard and nothing else.
 *
 * What OpenTelemetry has a word for has that word. For the rest there is `sluice.*`.
 */
export const CONVENTIONS = {
  /**
   * The last version in which GenAI was part of the published conventions. The names that follow it
   * (`gen_ai.client.inference.*`) are not released, and its schema URL lets backends translate.
   */
  version: '1.41.0',
  schemaUrl: 'https://opentelemetry.io/schemas/1.41.0',
  source: 'https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai',
} as const;

/** The instrumentation scope of spans and metrics. */
export const SCOPE = { name: '@sluice/telemetry', version: '0.1.0' } as const;

/** Names of attributes. */
export const ATTRIBUTE = {
  // Of the conventions for generative AI.
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  requestMaxTokens: 'gen_ai.request.max_tokens',
  requestStream: 'gen_ai.request.stream',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  tokenType: 'gen_ai.token.type',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  // Of the general conventions, stable.
  errorType: 'error.type',
  method: 'http.request.method',
  resendCount: 'http.request.resend_count',
  status: 'http.response.status_code',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  // Our own.
  attempts: 'sluice.attempts',
  cacheStatus: 'sluice.cache.status',
  callId: 'sluice.call.id',
  endpoint: 'sluice.endpoint',
  event: 'sluice.event',
  family: 'sluice.model.family',
  outcome: 'sluice.outcome',
  region: 'sluice.region',
  routingReason: 'sluice.routing.reason',
  rule: 'sluice.rule',
  tenant: 'sluice.tenant',
  verdicts: 'sluice.verdicts',
} as const;

/** Values that the conventions name. */
export const VALUE = {
  chat: 'chat',
  input: 'input',
  output: 'output',
  /** Stands for all names that are not told apart. */
  other: '_OTHER',
  /** Ours: a request of no known format, such as a file or a list of models. */
  passThrough: 'pass_through',
} as const;

/** The provider whose dialect a built-in format is. */
export const PROVIDER_OF_FORMAT: Readonly<Record<string, string>> = {
  'anthropic-messages': 'anthropic',
  'openai-chat': 'openai',
  'openai-responses': 'openai',
};

/** One metric. */
export interface MetricDefinition {
  /** Its name in OpenTelemetry's spelling. */
  readonly name: string;
  /** How values are put together. */
  readonly kind: 'counter' | 'up-down-counter' | 'histogram' | 'gauge';
  /** Its unit, in UCUM. */
  readonly unit: string;
  /** One sentence. */
  readonly description: string;
  /** The buckets of a histogram. */
  readonly buckets?: keyof typeof BUCKETS;
}

/** Bounds of buckets, as the conventions advise. */
export const BUCKETS: Readonly<Record<'seconds' | 'tokens', readonly number[]>> = {
  /** 10 ms to 82 s, each the double of the one before. */
  seconds: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  /** 1 to 67 million, each four times the one before. */
  tokens: Array.from({ length: 14 }, (_, power) => 4 ** power),
};

/** All metrics. */
export const METRICS = {
  callDuration: {
    name: 'gen_ai.client.operation.duration',
    kind: 'histogram',
    unit: 's',
    description: 'From the start of a call to the last byte of its answer, all attempts and waits included.',
    buckets: 'seconds',
  },
  timeToFirstChunk: {
    name: 'gen_ai.client.operation.time_to_first_chunk',
    kind: 'histogram',
    unit: 's',
    description: 'From the start of a call to the first content event of its stream.',
    buckets: 'seconds',
  },
  tokens: {
    name: 'gen_ai.client.token.usage',
    kind: 'histogram',
    unit: '{token}',
    description: 'Tokens of one attempt as the provider counted them; what the provider cached is included.',
    buckets: 'tokens',
  },
  cacheReadTokens: {
    name: 'sluice.usage.cache_read.input_tokens',
    kind: 'counter',
    unit: '{token}',
    description: 'Input tokens that were read from the prompt cache of the provider.',
  },
  cacheWriteTokens: {
    name: 'sluice.usage.cache_write.input_tokens',
    kind: 'counter',
    unit: '{token}',
    description: 'Input tokens that were written to the prompt cache of the provider.',
  },
  reasoningTokens: {
    name: 'sluice.usage.reasoning.output_tokens',
    kind: 'counter',
    unit: '{token}',
    description: 'Output tokens that were reasoning.',
  },
  cost: {
    name: 'sluice.cost',
    kind: 'counter',
    unit: '{currency}',
    description: 'What attempts cost, by the function that the operator gave.',
  },
  retries: {
    name: 'sluice.retries',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts after the first of a call.',
  },
  attemptDuration: {
    name: 'sluice.attempt.duration',
    kind: 'histogram',
    unit: 's',
    description: 'From the start of an attempt to the end of its answer.',
    buckets: 'seconds',
  },
  activeCalls: {
    name: 'sluice.calls.active',
    kind: 'up-down-counter',
    unit: '{call}',
    description: 'Calls in progress.',
  },
  events: {
    name: 'sluice.events',
    kind: 'counter',
    unit: '{event}',
    description: 'What other plugins reported.',
  },
  circuitState: {
    name: 'sluice.circuit.state',
    kind: 'gauge',
    unit: '1',
    description: 'State of a circuit: 0 closed, 1 half-open, 2 open, 3 isolated.',
  },
} as const;

/** What the state of a circuit is after an event. */
export const CIRCUIT_STATE: Readonly<Record<string, number>> = {
  'circuit-close': 0,
  'circuit-half-open': 1,
  'circuit-open': 2,
  'circuit-isolated': 3,
};
