import {
  ALTERNATIVES,
  type ApiRequest,
  classify,
  type Clock,
  type Context,
  type Endpoint,
  followAttempt,
  type Next,
  PipelineError,
  type PluginInstance,
  type Random,
  type RoutingDecision,
  type Transport,
} from '@sluice/core';
import { conversationOf } from './affinity.ts';
import { type Choice, Chooser } from './choose.ts';
import { Checks } from './checks.ts';
import { withCredential } from './credential.ts';
import { diagnose } from './diagnosis.ts';
import { Ejection } from './ejection.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import type { RegionRoutingSettings } from './options.ts';
import { type Lessons, Passage } from './passage.ts';
import { nowhere, unavailable } from './refusals.ts';
import { allowedFor } from './residency.ts';
import { ALL_MODELS } from './rests.ts';
import { type Dropped, Route } from './route.ts';
import { noteSignatures, signerOf } from './signatures.ts';
import { withModel } from './with-model.ts';

/** What a {@link Router} needs of the pipeline. */
export interface RouterServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly health: EndpointHealth;
  readonly transport: Transport;
  readonly upstream: string;
}

/** How long an endpoint is left alone whose credential could not be had, in milliseconds. */
const NO_CREDENTIAL_MS = 5_000;

/** How long a circuit is taken for open that does not say, in milliseconds. */
const UNSAID_MS = 1_000;

/** A decision, and what became known of it later. */
interface Decision extends RoutingDecision {
  diagnosis?: string;
}

/** The plugin at work. */
export class Router implements PluginInstance {
  readonly start?: () => void;
  readonly close?: () => void;
  readonly #settings: RegionRoutingSettings;
  readonly #services: RouterServices;
  /** By priority, and as they were given. */
  readonly #routes: readonly Route[];
  readonly #chooser: Chooser;
  readonly #lessons: Lessons;
  /** Whether thinking that one endpoint signed may be foreign to another. */
  readonly #severalSigners: boolean;

  constructor(settings: RegionRoutingSettings, services: RouterServices) {
    const { endpoints, ejection, coolDownMs, strategy, checks } = settings;
    const { clock, random, health } = services;
    const now = clock.now();
    const routes = endpoints.map((endpoint) => new Route(endpoint, health, now));
    const states = routes.map(({ state }) => state);
    this.#settings = settings;
    this.#services = services;
    this.#routes = routes.toSorted((a, b) => a.priority - b.priority);
    this.#chooser = new Chooser(strategy, this.#routes, random);
    this.#lessons = {
      ejection: ejection === false ? undefined : new Ejection(ejection, states, random),
      coolDownMs,
    };
    this.#severalSigners = new Set(routes.map(({ provider }) => provider)).size > 1;
    if (checks === false) return;
    const checker = new Checks(checks, routes, this.#lessons.ejection, services);
    this.start = () => {
      checker.start();
    };
    this.close = () => {
      checker.close();
    };
  }

  async handle(request: ApiRequest, next: Next, ctx: Context): Promise<Response> {
    const { clock } = this.#services;
    const notes: Dropped[] = [];
    const permitted = this.#permitted(request, ctx, notes);
    const question = {
      tried: triedBy(ctx),
      model: ctx.model,
      conversation: this.#settings.affinity ? conversationOf(request, ctx) : undefined,
    };
    let left = permitted;
    for (;;) {
      const now = clock.now();
      const { streamed, format } = ctx;
      const { slowStartMs } = this.#settings;
      const choice =
        format === undefined
          ? firstOf(left)
          : this.#chooser.choose({ ...question, permitted: left }, { now, streamed, slowStartMs });
      const { route, reason, alternatives, dropped } = choice;
      const decision: Decision = {
        reason,
        dropped: notes.length === 0 ? dropped : [...notes, ...dropped],
      };
      ctx.state.set(ALTERNATIVES, alternatives);
      const endpoint: Endpoint = { id: route.id, region: route.region, decision };
      const refusal = await this.#send(request, next, ctx, route, endpoint);
      if (refusal instanceof Refusal) {
        // It would answer elsewhere as if it were another account's: what it asks for is not there.
        if (format === undefined) throw refusal.error;
        notes.push(route.dropped(refusal.reason));
        left = left.filter((other) => other !== route);
        if (left.length === 0) throw unavailable(permitted, ctx.model, notes, clock.now(), refusal.error);
      } else {
        return this.#answered(refusal, ctx, route, decision);
      }
    }
  }

  /** What residency, format, model, hedging and signatures leave. @throws PipelineError when that is nothing. */
  #permitted(request: ApiRequest, ctx: Context, notes: Dropped[]): readonly Route[] {
    const allowed = allowedFor(request, ctx, this.#settings.allowedRegions);
    const format = ctx.format?.name;
    const permitted: Route[] = [];
    for (const route of this.#routes) {
      if (allowed !== undefined && !allowed.includes(route.region)) notes.push(route.dropped('region'));
      else if (!route.speaks(format)) notes.push(route.dropped('format'));
      else if (!route.serves(ctx.model)) notes.push(route.dropped('model'));
      else if (request.otherThan?.includes(route.id) === true) notes.push(route.dropped('excluded'));
      else permitted.push(route);
    }
    if (permitted.length === 0) throw nowhere(notes);
    if (!this.#severalSigners || permitted.length === 1) return permitted;
    const signer = signerOf(request, ctx, this.#services.health.origins);
    const able = permitted.filter(({ provider }) => provider === signer);
    // Where nobody can verify them, the upstream may say so itself: refusing would help nobody.
    if (able.length === 0) return permitted;
    for (const route of permitted) if (route.provider !== signer) notes.push(route.dropped('signature'));
    return able;
  }

  /** Sends the request to an endpoint. A refusal that sent nothing is returned, because another one may do. */
  async #send(
    request: ApiRequest,
    next: Next,
    ctx: Context,
    route: Route,
    endpoint: Endpoint,
  ): Promise<Response | Refusal> {
    const { clock, upstream } = this.#services;
    let headers: ApiRequest['headers'];
    try {
      const own = withCredential(request.headers, route.credential, request.signal);
      headers = own instanceof Promise ? await own : own;
    } catch (error) {
      if (PipelineError.is(error)) throw error;
      route.state.rests.begin('credential', ALL_MODELS, NO_CREDENTIAL_MS, clock.now());
      return new Refusal('credential', error);
    }
    const url = route.baseUrl + pathBehind(upstream, request.url);
    const there: ApiRequest = { ...request, url, headers, endpoint };
    const { model } = ctx;
    const id = model === undefined ? undefined : route.modelId(model);
    const passage = new Passage(route, ctx.streamed, model, this.#lessons, clock.now());
    try {
      return await followAttempt(
        id === undefined || id === model ? there : withModel(there, id),
        next,
        clock,
        passage,
      );
    } catch (error) {
      const { otherEndpoint, retryAfterMs = UNSAID_MS } = classify(error, clock);
      if (!otherEndpoint || ctx.history.some((attempt) => attempt.endpoint === endpoint)) throw error;
      route.state.rests.begin('circuit-open', model, retryAfterMs, clock.now());
      return new Refusal('circuit-open', error);
    }
  }

  async #answered(given: Response, ctx: Context, route: Route, decision: Decision): Promise<Response> {
    let response = given;
    if (response.status === 403) {
      decision.diagnosis = await diagnose(response);
      route.state.diagnosis = decision.diagnosis;
    }
    if (this.#severalSigners) {
      response = noteSignatures(response, ctx, route.provider, this.#services.health.origins);
    }
    if (this.#settings.announce) {
      response.headers.set('x-sluice-endpoint', route.id);
      response.headers.set('x-sluice-region', route.region);
      if (decision.diagnosis === undefined) response.headers.delete('x-sluice-diagnosis');
      else response.headers.set('x-sluice-diagnosis', decision.diagnosis);
    }
    return response;
  }
}

/** An endpoint that did not get the call after all; nothing was sent. */
class Refusal {
  readonly reason: string;
  readonly error: unknown;

  constructor(reason: string, error: unknown) {
    this.reason = reason;
    this.error = error;
  }
}

/**
 * A call of no known format (a file, a batch, a list of models) belongs to one account: what one endpoint keeps, another
 * one does not have. It goes to the first that is permitted, whatever its health.
 */
function firstOf([route]: readonly Route[]): Choice {
  return { route: route as Route, reason: 'first', alternatives: 0, dropped: [] };
}

/** Ids of endpoints that have had the call, or have it now. */
function triedBy({ history }: Context): readonly string[] | undefined {
  if (history.length === 0) return undefined;
  return history.map(({ endpoint }) => endpoint?.id ?? '');
}

/** The caller's path and query. */
function pathBehind(upstream: string, url: string): string {
  if (url.startsWith(upstream)) return url.slice(upstream.length);
  // A plugin further out has chosen another origin; its path still counts.
  return url.slice(url.indexOf('/', url.indexOf('://') + 3));
}
