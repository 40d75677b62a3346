/** A longer name is no model's, and would end up in keys and events. */
const MAX_FAMILY_LENGTH = 64;

/**
 * What models count as one: a model without what only says where it is hosted or which snapshot of it is meant. Hosts
 * and dates share their machines; generations and sizes do not, so they stay.
 *
 * | model                                             | family              |
 * | ------------------------------------------------- | ------------------- |
 * | `claude-sonnet-4-5-20250929`, `…-latest`          | `claude-sonnet-4-5` |
 * | `us.anthropic.claude-sonnet-4-5-20250929-v1:0`    | `claude-sonnet-4-5` |
 * | `claude-sonnet-4-5@20250929`                      | `claude-sonnet-4-5` |
 * | `publishers/anthropic/models/claude-opus-4-1`     | `claude-opus-4-1`   |
 * | `gpt-4o-2024-08-06`                               | `gpt-4o`            |
 * | `ft:gpt-4o-mini-2024-07-18:my-org::id`            | `gpt-4o-mini`       |
 */
export function modelFamily(model: string): string {
  const tuned = /^ft:([^:]+)/.exec(model)?.[1] ?? model;
  const named = tuned.slice(tuned.lastIndexOf('/') + 1).toLowerCase();
  return (
    named
      // Amazon Bedrock: a region, the maker, and a version of the packaging at the end.
      .replace(/^(?:(?:[a-z]{2,6}|us-gov)\.)?(?:anthropic|amazon|cohere|deepseek|meta|mistral|openai)\./, '')
      .replace(/-v\d+(?::\w+)+$/, '')
      // Snapshots: 20250929, 2024-08-06, @20250929.
      .replace(/[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest|default)$/, '')
      .slice(0, MAX_FAMILY_LENGTH)
  );
}
