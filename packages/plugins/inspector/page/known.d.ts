/** What the feed tells, by section; `sections.ts` of the host makes it. */
export interface Known {
  pipeline?: {
    upstream: string;
    plugins: { name: string; onError: 'open' | 'closed'; needs: string[]; options: [string, string][] }[];
    services: { name: string; source: string }[];
  };
  live?: { inFlight: number; calls: LiveCall[] };
  totals?: Record<string, number>;
  seconds?: { columns: string[]; now: number; rows: number[][] };
  answers?: Record<string, number>;
  latency?: Times;
  firstEvent?: Times;
  endpoints?: Table;
  tenants?: Table;
  states?: { plugin: string; rows: Row[] }[];
  problems?: Problem[];
  ended?: Ended[];
  wallTime?: number;
}

export type Row = Record<string, string | number | boolean | undefined>;

export interface Table {
  columns: string[];
  rows: [string, number[]][];
}

export interface LiveCall {
  id: number;
  model?: string;
  tenant?: string;
  phase: 'plugins' | 'sent' | 'answering' | 'between';
  endpoint?: string;
  missed: boolean;
  attempts: number;
  ageMs: number;
}

export interface Ended {
  id: number;
  kind: string;
  plugin?: string;
  endpoint?: string;
}

export interface Problem extends Ended {
  region?: string;
  code?: string;
  at: number;
  status: number;
  model?: string;
  tenant?: string;
  durationMs: number;
}

export interface Times {
  count: number;
  p50?: number;
  p95?: number;
  p99?: number;
  bars: { fromMs: number; toMs: number; count: number }[];
}

/** An endpoint as it is drawn. */
export interface Endpoint {
  id: string;
  label: string;
  region: string;
  tone: string;
  state: string;
  calls: number;
  firstMs: number | undefined;
}
